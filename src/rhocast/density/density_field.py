"""A predicted density in memory, and what scales it to its electrons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ase import Atoms

from rhocast.errors import ModelError
from rhocast.grid import Mesh
from rhocast.structures import Structure

#: Arrays over the mesh; the first is always there.
MESH_FIELDS = ("density", "epistemic_std", "aleatoric_std")


@dataclass(frozen=True)
class DensityField:
    """A predicted density in memory.

    Attributes
    ----------
    structure
        Atoms and cell.
    density : (nx, ny, nz) float32 array
        e/Bohr³.
    epistemic_std, aleatoric_std : (nx, ny, nz) float32 arrays or None
        e/Bohr³; None where no uncertainty was asked for.
    record
        Attributes of the file: hashes, options, electron counts, versions.
    """

    structure: Structure
    density: np.ndarray
    epistemic_std: np.ndarray | None = None
    aleatoric_std: np.ndarray | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays over the mesh that it holds."""
        return tuple(name for name in MESH_FIELDS if getattr(self, name) is not None)

    @property
    def cell(self) -> np.ndarray:
        """Lattice vectors as rows, Bohr; shape (3, 3)."""
        return self.structure.cell

    @property
    def atoms(self) -> Atoms:
        """The atoms for ASE (Å)."""
        return self.structure.to_ase()

    def read(self, name: str, box: tuple[slice, ...] = ()) -> np.ndarray:
        """Return a field, or a box of it, as `DensityFile.read` does."""
        return getattr(self, name)[box]

    def read_periodic(
        self, name: str, indices: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> np.ndarray:
        """Return a field at points of a box, as `DensityFile.read_periodic` does."""
        return getattr(self, name)[np.ix_(*indices)]

    @property
    def mesh(self) -> Mesh:
        """Mesh that the density is given on."""
        nx, ny, nz = self.density.shape
        return Mesh((nx, ny, nz), self.structure.cell)

    @property
    def electron_count(self) -> float:
        """∫ρ over the cell, electrons."""
        return self.mesh.integral(self.density)

    @property
    def std(self) -> np.ndarray | None:
        """Standard deviation of both kinds together, e/Bohr³; None if there is none."""
        if self.epistemic_std is None or self.aleatoric_std is None:
            return None
        return np.hypot(self.epistemic_std, self.aleatoric_std)

    def scaled_to_electrons(self) -> "DensityField":
        """Return it scaled to the valence electrons of the structure.

        Raises
        ------
        ModelError
            If the model does not know them, or predicts no density worth scaling.
        """
        factor = scale_factor(self.electron_count, self.record.get("n_electrons"), "density")
        arrays = {
            name: np.multiply(array, factor, dtype=np.float64).astype(np.float32)
            for name in MESH_FIELDS
            if (array := getattr(self, name)) is not None
        }
        record = {**self.record, "scale": self.record.get("scale", 1.0) * factor}
        return DensityField(self.structure, record=record, **arrays)


def scale_factor(count: float, n_electrons: float | None, where: str) -> float:
    """Return what to multiply a density by, so that it holds the right number of electrons.

    Parameters
    ----------
    count
        ∫ρ as predicted.
    n_electrons
        Valence electrons of the structure; None if the model does not know them.
    where
        What messages name as the place of the density.

    Raises
    ------
    ModelError
        If ``n_electrons`` is None or ``count`` is not positive.
    """
    if n_electrons is None:
        raise ModelError(
            f"{where}: the model does not say how many valence electrons the elements have, so "
            "the density cannot be scaled; leave it as predicted"
        )
    if not count > 0.0:
        raise ModelError(
            f"{where}: the predicted density integrates to {count:.6g} electrons, expected about "
            f"{n_electrons:.6g}; this model does not fit the structure"
        )
    return n_electrons / count
