"""XCrySDen's XSF: ångström, a general grid whose far end points repeat the first, x fastest.

Programs write its keywords in several ways: ``DATAGRID_3D_…`` with or without ``BEGIN_``,
``BEGIN_BLOCK_DATAGRID3D``, comments, ``DIM-GROUP``.
"""

from pathlib import Path
from typing import TextIO

import numpy as np
from ase.data import atomic_numbers

from rhocast.density.density import Density
from rhocast.density.formats.numbers import parse_numbers, row, take_numbers, write_numbers
from rhocast.density.quantity import record_in, title_of
from rhocast.errors import FileFormatError
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

#: e/Bohr³ to e/Å³.
_PER_CUBIC_ANGSTROM = ANGSTROM_PER_BOHR**-3

#: The last plane repeats the first within this share of the largest value.
_SAME_PLANE = 1e-4

#: Å; programs write the span of the grid with six decimals.
_SAME_SPAN = 1e-4


def read(path: Path) -> Density:
    """Read the first grid of a file, with the last atoms before it."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        record = record_in(file.readline())
        file.seek(0)
        cell, atoms = _read_atoms(file)
        shape = [int(n) for n in parse_numbers(file.readline(), "points of the grid")]
        vectors = np.array([_vector(file) for _ in range(4)])
        count = int(np.prod(shape))
        data = take_numbers(file, count, "values of the grid").reshape(shape, order="F")
    origin, span = vectors[0], vectors[1:]
    steps = np.array(shape)[:, None] + 1
    if np.allclose(span * (steps - 1), cell * steps, atol=_SAME_SPAN * steps.max()):
        raise FileFormatError(
            "the data span (N + 1)/N of the cell along each axis, as ASE writes them: N points "
            "without the repeated ones at the far ends, in a span that is a step too long. Write a "
            "cube from ASE (ase.io.write('density.cube', atoms, data=values)), which is read"
        )
    if not np.allclose(span, cell, atol=_SAME_SPAN):
        raise FileFormatError(
            f"the data span {np.round(span, 4).tolist()} Å, expected the cell, "
            f"{np.round(cell, 4).tolist()} Å: part of a cell is no density of it; export all of it"
        )
    return Density(
        Structure(
            (atoms[:, 1:] - origin) / ANGSTROM_PER_BOHR,
            cell / ANGSTROM_PER_BOHR,
            atoms[:, 0].astype(int),
        ),
        _without_end_planes(data),
        record=record,
    )


def _without_end_planes(data: np.ndarray) -> np.ndarray:
    """Return the data without the planes at the far ends; FileFormatError unless they repeat."""
    if min(data.shape) < 2:
        raise FileFormatError(f"a grid of {data.shape} points, expected two along each axis")
    tolerance = _SAME_PLANE * np.abs(data).max()
    for axis, name in enumerate("xyz"):
        first, last = data.take(0, axis), data.take(-1, axis)
        if np.abs(last - first).max() > tolerance:
            raise FileFormatError(
                f"the last plane differs from the first along {name}: XSF repeats it at the far "
                "end, and this grid leaves it out or covers a part of the cell only; write it as "
                "a general grid of the whole cell"
            )
    return data[:-1, :-1, :-1]


def _read_atoms(file: TextIO) -> tuple[np.ndarray, np.ndarray]:
    """Read up to the line that begins a grid: cell, (3, 3), and (number, x, y, z) of each atom."""
    cell = atoms = None
    for line in iter(file.readline, ""):
        word = line.split()[0].upper() if line.strip() else "#"
        if word == "PRIMVEC":
            cell = np.array([_vector(file) for _ in range(3)])
        elif word == "PRIMCOORD":
            count = int(file.readline().split()[0])
            atoms = np.array([_atom(file.readline()) for _ in range(count)])
        elif word.removeprefix("BEGIN_").startswith("DATAGRID_3D"):
            break
    else:
        raise FileFormatError("holds no grid (DATAGRID_3D)")
    if cell is None or atoms is None or not len(atoms):
        raise FileFormatError("lacks PRIMVEC, PRIMCOORD or atoms before its grid: no periodic cell")
    return cell, atoms


def _vector(file: TextIO) -> np.ndarray:
    vector = parse_numbers(file.readline(), "vector")
    if len(vector) != 3:
        raise FileFormatError(f"expected a vector of three numbers, found {vector.tolist()}")
    return vector


def _atom(line: str) -> tuple[float, ...]:
    """Return number and position; forces may follow."""
    symbol, *words = line.split()
    number = atomic_numbers.get(symbol.capitalize(), 0) if symbol.isalpha() else int(symbol)
    return (float(number), *parse_numbers(" ".join(words[:3]), "atoms"))


def write(path: Path, density: Density, field: str) -> None:
    """Write a field, streamed: per cubic ångström."""
    structure = density.structure
    cell = density.cell * ANGSTROM_PER_BOHR
    with path.open("w", encoding="ascii") as file:
        file.write(f"# {title}\n" if (title := title_of(density.record)) else "")
        file.write("CRYSTAL\nPRIMVEC\n" + "".join(map(row, cell)))
        file.write(f"PRIMCOORD\n{len(structure)} 1\n")
        positions = structure.positions * ANGSTROM_PER_BOHR
        for number, position in zip(structure.numbers, positions, strict=True):
            file.write(f"{number:4d}" + row(position))
        file.write(f"BEGIN_BLOCK_DATAGRID_3D\n{field}_e_per_cubic_angstrom\n")
        file.write("BEGIN_DATAGRID_3D_1\n")
        file.write(" ".join(str(n + 1) for n in density.mesh.shape) + "\n")
        file.write(row(np.zeros(3)) + "".join(map(row, cell)))
        first: np.ndarray | None = None
        for layers in density.layers(field, axis=2):
            closed = np.pad(layers, ((0, 1), (0, 1), (0, 0)), mode="wrap") * _PER_CUBIC_ANGSTROM
            first = closed[:, :, :1] if first is None else first
            write_numbers(file, closed.ravel(order="F"), " %.7E", 6)
        if first is not None:
            write_numbers(file, first.ravel(order="F"), " %.7E", 6)
        file.write("END_DATAGRID_3D\nEND_BLOCK_DATAGRID_3D\n")
