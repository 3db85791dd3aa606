"""Densities as other programs write them: cube, CHGCAR, XSF, ABINIT's DEN.nc, SPARC's .dens.

The parsing is ASE's and netCDF4's. What is settled here is what the numbers mean: units, the order
of the mesh, its origin, an end point that repeats the first, spin.
"""

import gzip
import io
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase.calculators.vasp import VaspChargeDensity
from ase.data import chemical_symbols
from ase.io.cube import read_cube
from ase.io.xsf import read_xsf
from netCDF4 import Dataset

from rhocast.errors import FileFormatError, RhocastError
from rhocast.grid.kpoints import KMesh
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR, HARTREE_PER_KELVIN

Format = Literal["cube", "sparc", "chgcar", "xsf", "abinit"]
Length = Literal["bohr", "angstrom"]

#: A last layer that differs from the first by less than this share of it is the first once more.
_SAME_LAYER = 1e-4

_PACKED = ".gz"


@dataclass(frozen=True)
class ForeignDensity:
    """A density as another program tells it, in our units and on our mesh.

    Attributes
    ----------
    structure
        Atoms and cell; shifted so that the first mesh point is the origin.
    density : (nx, ny, nz) float64 array
        e/Bohr³, without the far end point, x slowest.
    valence
        Electrons that the file gives an atom, by chemical symbol; empty where it does not tell.
    energy_ha
        Free energy, NaN where it is not told.
    kpoints
        As in a snapshot; ``unknown`` where it is not told.
    record
        What else the file says of its making, named as in a snapshot.
    notes
        What a user should know before learning from it.
    """

    structure: Structure
    density: np.ndarray
    valence: dict[str, float] = field(default_factory=dict)
    energy_ha: float = float("nan")
    kpoints: str = "unknown"
    record: dict[str, float | int | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_foreign(
    path: str | Path, format: Format | None = None, density_unit: Length | None = None
) -> ForeignDensity:
    """Read another program's density.

    Parameters
    ----------
    path
        The file.
    format
        By default from its name: ``.cube``, ``.dens`` (SPARC), ``CHGCAR``, ``CHG`` or ``AECCAR``
        (VASP), ``.xsf``, ``.nc`` (ABINIT); ``.gz`` may follow.
    density_unit
        Whether a cube or XSF file counts electrons per cubic Bohr (default for cube) or ångström
        (default for XSF); they do not say. The other formats leave no choice.

    Raises
    ------
    FileFormatError
        If it cannot be read or holds no density of a periodic cell.
    RhocastError
        If the format is not known, or leaves no choice of the unit.
    """
    path = Path(path)
    format = _format_of(path, path.name.lower().removesuffix(_PACKED), format)
    if density_unit is not None and format not in _DENSITY_UNIT:
        raise RhocastError(
            f"{path}: --density-unit is for {' and '.join(_DENSITY_UNIT)} files, the format "
            f"{format} has one unit only; leave it out"
        )
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file")
    try:
        with warnings.catch_warnings(), _unpacked(path) as plain:
            warnings.simplefilter("error", DeprecationWarning)  # NumPy's word for a bad number
            found = READERS[format](plain)
    except RhocastError as error:
        raise FileFormatError(f"{path}: {error}") from None
    except Exception as error:  # the readers raise whatever their parsers meet
        raise FileFormatError(
            f"{path}: cannot be read as {format} ({type(error).__name__}: {error}); give the "
            "format if it is another, or write the file anew"
        ) from error
    if not np.isfinite(found.density).all():
        raise FileFormatError(f"{path}: the density holds NaN or infinity")
    if (density_unit or _DENSITY_UNIT.get(format)) == "angstrom":
        return replace(found, density=found.density * ANGSTROM_PER_BOHR**3)
    return found


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give the file, or what is in a compressed one under its name without the ending."""
    if path.suffix.lower() != _PACKED:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="rhocast-import-") as folder:
        plain = Path(folder) / path.stem
        with gzip.open(path) as packed, plain.open("wb") as file:
            shutil.copyfileobj(packed, file)
        yield plain


def _format_of(path: Path, name: str, format: str | None) -> Any:
    if format is None:
        suffixes = {"cube": "cube", "cub": "cube", "dens": "sparc", "xsf": "xsf", "nc": "abinit"}
        vasp = "chg" in name or "aeccar" in name
        format = suffixes.get(name.rsplit(".", 1)[-1], "chgcar" if vasp else "unknown")
    if format not in READERS:
        raise RhocastError(
            f"{path}: the name does not tell the format; give it, one of {', '.join(READERS)}"
        )
    return format


def _read_cube(path: Path) -> ForeignDensity:
    """Read a Gaussian cube; negative point counts say that its lengths are in ångström."""
    with path.open(encoding="latin-1") as file:
        comments = [file.readline(), file.readline()]
        counts = file.readline()
        voxels = [file.readline().lstrip() for _ in range(3)]
        atom_lines = [file.readline() for _ in range(abs(int(counts.split()[0])))]
        in_angstrom = any(line.startswith("-") for line in voxels)
        header = [*comments, counts, *(line.removeprefix("-") for line in voxels), *atom_lines]
        cube = read_cube(io.StringIO("".join(header) + file.read()))
    if len(cube["datas"]) > 1:
        raise FileFormatError(f"holds {len(cube['datas'])} fields, expected the density alone")
    # ASE takes every cube to be in Bohr.
    bohr = 1.0 / ANGSTROM_PER_BOHR ** (2 if in_angstrom else 1)
    atoms = cube["atoms"]
    density, share, notes = _without_end_point(cube["data"])
    return ForeignDensity(
        structure=Structure(
            (atoms.positions - cube["origin"]) * bohr,
            atoms.cell.array * share[:, None] * bohr,
            atoms.numbers,
        ),
        density=density,
        valence=_valence_of_cube(atom_lines),
        record={"engine": "sparc"} if "SPARC" in comments[0] else {},
        notes=notes,
    )


def _valence_of_cube(atom_lines: list[str]) -> dict[str, float]:
    """Electrons by symbol, from the charges of the atoms.

    Programs that have no use for the column fill it with zeros or with the atomic number.
    """
    rows = {(int(words[0]), float(words[1])) for words in map(str.split, atom_lines)}
    charges = {chemical_symbols[number]: charge for number, charge in rows}
    told = len(charges) == len(rows) and all(charge > 0.0 for charge in charges.values())
    return charges if told and any(number != charge for number, charge in rows) else {}


def _without_end_point(data: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Drop the last layers where they repeat the first ones along every axis.

    Returns
    -------
    data
        Without them.
    share : (3,) array
        Length that is left of each axis.
    notes
        That it was done.
    """
    for axis in range(3):
        first, second, last = (data.take(i, axis) for i in (0, 1 % data.shape[axis], -1))
        scale = np.abs(first).max()
        # The end of a box of vacuum repeats its start too, but so does the layer beside it.
        differs = np.abs(second - first).max() > 10.0 * _SAME_LAYER * scale
        if not (differs and np.abs(last - first).max() <= _SAME_LAYER * scale):
            return data, np.ones(3), ()
    share = 1.0 - 1.0 / np.array(data.shape)
    note = "the last mesh point of each axis repeats the first and is left out"
    return data[:-1, :-1, :-1], share, (note,)


def _read_chgcar(path: Path) -> ForeignDensity:
    """Read VASP's CHGCAR, CHG or AECCAR: density times volume, x fastest; ASE undoes both."""
    charge = VaspChargeDensity(str(path))
    if not charge.chg:
        raise FileFormatError("holds no density in VASP's format")
    notes = []
    if charge.is_spin_polarized():
        notes.append("spin-polarised: the total density is taken")
    if len(charge.chg) > 1:
        notes.append(f"holds {len(charge.chg)} configurations: the last is taken")
    if "aeccar" in path.name.lower():
        notes.append(
            "AECCAR holds all-electron densities (0: core, 1: superposed atoms, 2: valence): it is "
            "no density of pseudopotential calculations, whose cores are smooth"
        )
    else:
        notes.append(
            ("" if charge.aug else "if VASP has written it: ")
            + "a PAW density; near the nuclei it is the smooth part with compensation charges, not "
            "the density of norm-conserving pseudopotentials: keep the two apart"
        )
    return ForeignDensity(
        structure=Structure.from_ase(charge.atoms[-1]),
        density=charge.chg[-1] * ANGSTROM_PER_BOHR**3,
        record={"engine": "vasp"},
        notes=tuple(notes),
    )


def _read_xsf(path: Path) -> ForeignDensity:
    """Read XCrySDen's XSF, a general grid: the far end points repeat the first, x is fastest."""
    with path.open(encoding="latin-1") as file:
        data, origin, span, atoms = read_xsf(file, read_data=True)
    if not np.allclose(span, atoms.cell.array, atol=1e-4):
        raise FileFormatError(
            f"the data span {np.round(span, 4).tolist()} Å, expected the cell, "
            f"{np.round(atoms.cell.array, 4).tolist()} Å"
        )
    atoms.positions -= origin
    return ForeignDensity(Structure.from_ase(atoms), data[:-1, :-1, :-1])


def _read_abinit(path: Path) -> ForeignDensity:
    """Read ABINIT's DEN.nc; its density is (component, z, y, x, real part), e/Bohr³."""
    with Dataset(path) as file:
        density = np.array(file["density"][...])
        if density.shape[-1] != 1:
            raise FileFormatError("holds a complex density, expected that of the ground state")
        notes = ["spin-polarised: the total density is taken"] if len(density) > 1 else []
        if int(file["usepaw"][...]):
            notes.append(
                "PAW: near the nuclei not the density of norm-conserving pseudopotentials; keep "
                "the two apart"
            )
        cell = np.array(file["primitive_vectors"][...])
        kinds = np.array(file["atom_species"][...]) - 1
        numbers = np.array(file["atomic_numbers"][...]).round().astype(int)
        charges = np.array(file["valence_charges"][...]).tolist()
        return ForeignDensity(
            structure=Structure(
                np.array(file["reduced_atom_positions"][...]) @ cell, cell, numbers[kinds]
            ),
            density=density[0, ..., 0].transpose(2, 1, 0),
            valence={chemical_symbols[z]: c for z, c in zip(numbers, charges, strict=True)},
            energy_ha=float(file["etot"][...]),
            kpoints=_kpoints_of_abinit(file),
            record=_record_of_abinit(file),
            notes=tuple(notes),
        )


def _kpoints_of_abinit(file: Dataset) -> str:
    lattice, shifts = np.array(file["kptrlatt"][...]), np.array(file["shiftk"][...])
    if len(shifts) != 1 or np.count_nonzero(lattice - np.diag(np.diag(lattice))):
        return "unknown"
    n1, n2, n3 = np.diag(lattice).tolist()
    s1, s2, s3 = shifts[0].tolist()
    return str(KMesh((n1, n2, n3), (s1, s2, s3)))


def _record_of_abinit(file: Dataset) -> dict[str, float | int | str]:
    record: dict[str, float | int | str] = {
        "engine": "abinit",
        "engine_version": str(file.abinit_version),
        "cutoff_ha": float(file["kinetic_energy_cutoff"][...]),
    }
    if int(file["ixc"][...]) in (11, -101130):
        record["functional"] = "pbe"
    if int(file["occopt"][...]) == 3:
        record["smearing"] = "fermi-dirac"
        record["smearing_K"] = round(float(file["tsmear"][...]) / HARTREE_PER_KELVIN, 6)
    return record


READERS: dict[str, Callable[[Path], ForeignDensity]] = {
    "cube": _read_cube,
    "sparc": _read_cube,
    "chgcar": _read_chgcar,
    "xsf": _read_xsf,
    "abinit": _read_abinit,
}

#: What is assumed where a format does not say.
_DENSITY_UNIT: dict[str, Length] = {"cube": "bohr", "xsf": "angstrom"}
