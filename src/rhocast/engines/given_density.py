"""A density that comes from elsewhere: another calculation, a model, another program."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from rhocast.density.foreign import read_foreign
from rhocast.density.fourier import resample
from rhocast.engines.calculation import Calculation
from rhocast.errors import EngineError, FileFormatError, StructureError
from rhocast.structures import Structure, read_structure
from rhocast.structures.structure_file import HDF5_SUFFIXES

#: Scaling to the electron count mends what a model misses, no more than this share.
MAX_SCALING = 0.05
#: Cells and positions may differ by what text files round away, Bohr.
SAME_PLACE_BOHR = 1e-3


@dataclass(frozen=True)
class GivenDensity:
    """A density on some mesh of a cell, and where it comes from.

    Attributes
    ----------
    structure
        Atoms and cell.
    density : (nx, ny, nz) array
        e/Bohr³.
    source
        Name and SHA-256 of the file, for the record.
    """

    structure: Structure
    density: np.ndarray
    source: str

    def check_cell(self, structure: Structure) -> None:
        """Raise StructureError unless a structure has the density's cell."""
        if not np.allclose(self.structure.cell, structure.cell, rtol=0.0, atol=SAME_PLACE_BOHR):
            raise StructureError(
                f"{self.source}: a density of the cell {self.structure.cell.round(4).tolist()} "
                f"Bohr, expected that of the structure, {structure.cell.round(4).tolist()}"
            )

    def check_atoms(self, structure: Structure) -> None:
        """Raise StructureError unless a structure is the density's, cell and atoms."""
        self.check_cell(structure)
        same = np.array_equal(self.structure.numbers, structure.numbers)
        if same:
            moves = (self.structure.positions - structure.positions) @ np.linalg.inv(structure.cell)
            away = (moves - np.round(moves)) @ structure.cell
            same = bool((np.abs(away) < SAME_PLACE_BOHR).all())
        if not same:
            raise StructureError(
                f"{self.source}: a density of other atoms ({self.structure.formula}) than the "
                f"structure's ({structure.formula}), or of the same in other places or order"
            )


def read_given_density(path: str | Path) -> GivenDensity:
    """Read the density of a snapshot file, of a density field, or of another program's file.

    Raises
    ------
    FileFormatError, StructureError
        If the file cannot be read, or its density is not complete.
    """
    path = Path(path)
    if path.suffix in HDF5_SUFFIXES:
        structure = read_structure(path)
        with h5py.File(path, "r") as file:
            if "density" not in file:
                raise FileFormatError(f"{path}: holds no density, only {sorted(file)}")
            density = file["density"][()].astype(np.float64)
    else:
        foreign = read_foreign(path)
        structure, density = foreign.structure, foreign.density
    if not np.isfinite(density).all():
        raise FileFormatError(f"{path}: the density holds NaN or infinity")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return GivenDensity(structure, density, f"{path.name} sha256:{digest}")


def fitted(
    density: np.ndarray, shape: tuple[int, int, int], calculation: Calculation
) -> np.ndarray:
    """Return a density on an engine's mesh, scaled to the electrons of the calculation.

    Parameters
    ----------
    density : (nx, ny, nz) array
        e/Bohr³ on any mesh of the cell.
    shape
        Points of the engine's mesh.
    calculation
        Whose electrons it shall hold.

    Raises
    ------
    EngineError
        If that takes more than a slight correction.
    """
    resampled = resample(density, shape)
    electrons = float(resampled.mean()) * calculation.structure.volume
    expected = calculation.n_electrons
    if not abs(electrons - expected) <= MAX_SCALING * expected:
        raise EngineError(
            f"the given density holds {electrons:.4f} electrons, expected {expected:g} within "
            f"{MAX_SCALING:.0%}; it is of other atoms or pseudopotentials"
        )
    return resampled * (expected / electrons)
