"""VASP's CHGCAR, CHG and AECCAR: density times the volume of the cell, x fastest."""

import tempfile
from io import StringIO
from pathlib import Path

import ase.io.vasp
import numpy as np
from ase import Atoms
from ase.calculators.vasp import VaspChargeDensity

from rhocast.density.density import Density
from rhocast.density.formats.numbers import BARE_EXPONENT, D_EXPONENT, write_numbers
from rhocast.density.quantity import record_in, title_of
from rhocast.errors import ConfigError, FileFormatError
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

_AECCAR = (
    "AECCAR holds all-electron densities (0: core, 1: superposed atoms, 2: valence): it is no "
    "density of pseudopotential calculations, whose cores are smooth"
)
_PAW = (
    "a PAW density; near the nuclei it is the smooth part with compensation charges, not the "
    "density of norm-conserving pseudopotentials: keep the two apart"
)


def read(path: Path) -> Density:
    """Read the last density of a file; of two spins the total. ASE does the parsing."""
    charge = _parse(path)
    if not charge.chg:
        raise FileFormatError("holds no density in VASP's format")
    with path.open(encoding="utf-8", errors="replace") as file:
        difference = record_in(file.readline())
    notes = []
    if charge.is_spin_polarized():
        notes.append("spin-polarised: the total density is taken")
    if len(charge.chg) > 1:
        notes.append(f"holds {len(charge.chg)} configurations: the last is taken")
    all_electron = "aeccar" in path.name.lower()
    paw = _PAW if charge.aug else f"if VASP has written it: {_PAW}"
    notes += [] if difference else [_AECCAR if all_electron else paw]
    return Density(
        Structure.from_ase(charge.atoms[-1]),
        charge.chg[-1] * ANGSTROM_PER_BOHR**3,
        record=difference or {"engine": "vasp"},
        notes=tuple(notes),
    )


def _parse(path: Path) -> VaspChargeDensity:
    """Have ASE read the file, or a copy in which Fortran's exponents have their letter."""
    text = path.read_text(encoding="utf-8", errors="replace")
    fixed = BARE_EXPONENT.sub("E", D_EXPONENT.sub("E", text))
    if fixed == text:
        return VaspChargeDensity(str(path))
    with tempfile.TemporaryDirectory(prefix="rhocast-") as folder:
        copy = Path(folder) / "CHGCAR"
        copy.write_text(fixed, encoding="utf-8")
        return VaspChargeDensity(str(copy))


def write(path: Path, density: Density, field: str) -> None:
    """Write a field, streamed; atoms are grouped by element.

    Raises
    ------
    ConfigError
        If there are no atoms, as in the part of a cell: the format needs an element.
    """
    if not len(density.structure):
        raise ConfigError(
            f"{path}: a CHGCAR needs atoms, and none lies in {density.source}; write a cube (.cube)"
        )
    with path.open("w", encoding="ascii") as file:
        title, atoms = _poscar(density.atoms)
        file.write((title_of(density.record) or title) + atoms)
        file.write("\n" + " ".join(map(str, density.mesh.shape)) + "\n")
        volume = abs(float(np.linalg.det(density.cell)))
        for layers in density.layers(field, axis=2):
            write_numbers(file, layers.ravel(order="F") * volume, " %17.10E", 5)


def _poscar(atoms: Atoms) -> tuple[str, str]:
    """Return the first line of ASE's POSCAR, which is free text, and all from its end."""
    text = StringIO()
    ase.io.vasp.write_vasp(text, atoms, direct=True, sort=True)
    title, end, others = text.getvalue().partition("\n")
    return title, end + others
