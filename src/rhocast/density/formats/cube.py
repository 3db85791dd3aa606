"""The Gaussian cube: x slowest, lengths in Bohr, or in ångström where point counts are negative.

The two title lines are free text. Programs put the origin anywhere, and some repeat the first
point of each axis at its end.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from ase.data import chemical_symbols

from rhocast.density.closing import find_closing
from rhocast.density.density import Density
from rhocast.density.formats.numbers import parse_numbers, row, take_numbers, write_numbers
from rhocast.density.quantity import record_in, title_of
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

#: What the values of a field are written with: as many digits as single precision holds.
NUMBER = " %.7E"

#: Words in the titles of programs that say who they are.
_ENGINES = {"SPARC": "sparc", "-Quickstep-": "cp2k"}


def read(path: Path) -> Density:
    """Read a cube that holds one field."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        title = file.readline() + file.readline()
        counts = parse_numbers(file.readline(), "line 3")
        voxels = [parse_numbers(file.readline(), f"line {4 + axis}") for axis in range(3)]
        if len(counts) < 4 or any(len(line) != 4 for line in voxels):
            raise FileFormatError("lines 3 to 6: expected a count and three lengths in each")
        n_atoms, origin = abs(int(counts[0])), counts[1:4]
        shape = [abs(int(line[0])) for line in voxels]
        if not n_atoms:
            raise FileFormatError("holds no atoms, expected at least one")
        rows = []
        for i in range(n_atoms):
            rows.append(parse_numbers(file.readline(), f"line {7 + i}"))
            if not len(rows[-1]):
                raise FileFormatError(f"announces {n_atoms} atoms, the file ends after {i}")
        fields = _fields(counts, file)
        if fields > 1:
            raise FileFormatError(f"holds {fields} fields, expected the density alone")
        data = take_numbers(file, int(np.prod(shape)), "values").reshape(shape)
        if file.read().strip():
            raise FileFormatError(f"goes on after the {data.size} values of its mesh {shape}")
    # Negative counts of points say that lengths are in ångström.
    bohr = 1.0 / ANGSTROM_PER_BOHR if any(line[0] < 0 for line in voxels) else 1.0
    atoms = np.array(rows).reshape(n_atoms, -1)
    if atoms.shape[1:] != (5,):
        raise FileFormatError("atoms: expected number, charge and position in each line")
    steps = np.array([line[1:] for line in voxels]) * bohr
    closing = find_closing(data, abs(float(np.linalg.det(steps))))
    return Density(
        Structure(
            (atoms[:, 2:] - origin) * bohr,
            steps * np.array(closing.shape)[:, None],
            atoms[:, 0].astype(int),
        ),
        closing.without_end(data),
        valence=_valence(atoms[:, :2]),
        record=_record(title),
        notes=closing.notes,
    )


def _record(title: str) -> dict[str, Any]:
    return record_in(title) or next(
        ({"engine": name} for word, name in _ENGINES.items() if word in title), {}
    )


def write(path: Path, density: Density, field: str, number: str = NUMBER) -> None:
    """Write a field, streamed: Bohr, per cubic Bohr."""
    with path.open("w", encoding="ascii") as file:
        write_header(file, density, title_of(density.record) or f"{field}, e/Bohr^3")
        for layers in density.layers(field):
            write_numbers(file, layers.ravel(), number, 6)


def write_values(path: Path, density: Density, values: np.ndarray, title: str) -> None:
    """Write other values at the points of a density, such as a potential, beside first."""
    with replacing(path) as partial, partial.open("w", encoding="ascii") as file:
        write_header(file, density, title)
        write_numbers(file, values.ravel(), NUMBER, 6)


def write_header(file: TextIO, density: Density, title: str) -> None:
    """Write all lines of a cube before its values."""
    structure, mesh = density.structure, density.mesh
    file.write(f"{title}\nwritten by rhocast; lengths in Bohr, z fastest\n")
    file.write(f"{len(structure):5d}" + row(np.zeros(3)))
    for n, vector in zip(mesh.shape, mesh.cell, strict=True):
        file.write(f"{n:5d}" + row(vector / n))
    for number, position in zip(structure.numbers, structure.positions, strict=True):
        file.write(f"{number:5d}" + row(np.array([0.0, *position])))


def _fields(counts: np.ndarray, file: TextIO) -> int:
    """Return how many values stand at each point; a negative count of atoms lists orbitals."""
    if counts[0] < 0:
        words = parse_numbers(file.readline(), "orbitals")
        return int(words[0])
    return int(counts[4]) if len(counts) > 4 else 1


def _valence(rows: np.ndarray) -> dict[str, float]:
    """Electrons by symbol, from numbers and charges of the atoms, (n, 2).

    Programs that have no use for the charge fill it with zeros or with the atomic number.
    """
    kinds: Sequence[Sequence[float]] = np.unique(rows, axis=0).tolist()
    charges = {chemical_symbols[int(number)]: charge for number, charge in kinds}
    told = len(charges) == len(kinds) and all(charge > 0.0 for charge in charges.values())
    return charges if told and any(number != charge for number, charge in kinds) else {}
