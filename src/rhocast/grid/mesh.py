"""The uniform periodic mesh on which densities live."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rhocast.errors import ConfigError, RhocastError


@dataclass(frozen=True)
class Mesh:
    """Points ``(i/nx, j/ny, k/nz) @ cell`` without the far end point; C order, x slowest.

    method.md, Eq. 1.

    Attributes
    ----------
    shape : tuple of three int
        Points along each lattice vector.
    cell : (3, 3) float64 array
        Lattice vectors as rows, Bohr.
    """

    shape: tuple[int, int, int]
    cell: np.ndarray

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1:
            raise RhocastError(f"mesh shape: expected three positive integers, found {self.shape}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "cell", np.asarray(self.cell, dtype=np.float64))

    @classmethod
    def with_spacing(cls, cell: np.ndarray, spacing_bohr: float) -> "Mesh":
        """Return the coarsest mesh whose points lie at most ``spacing_bohr`` apart on each axis."""
        if not spacing_bohr > 0.0:
            raise ConfigError(
                f"mesh spacing: expected a positive length in Bohr, found {spacing_bohr}"
            )
        lengths = np.linalg.norm(cell, axis=1)
        nx, ny, nz = np.maximum(1, np.ceil(lengths / spacing_bohr - 1e-9)).astype(int)
        return cls((nx, ny, nz), cell)

    @property
    def n_points(self) -> int:
        """Number of mesh points."""
        nx, ny, nz = self.shape
        return nx * ny * nz

    @property
    def spacing(self) -> np.ndarray:
        """Distance between neighbouring points along each lattice vector, Bohr; shape (3,)."""
        return np.linalg.norm(self.cell, axis=1) / self.shape

    @property
    def voxel_volume(self) -> float:
        """Volume that one point stands for, Bohr³."""
        return abs(float(np.linalg.det(self.cell))) / self.n_points

    def points(self, indices: np.ndarray) -> np.ndarray:
        """Cartesian positions of the points with the given flat (C order) indices.

        Parameters
        ----------
        indices : (p,) int array

        Returns
        -------
        (p, 3) float64 array, Bohr
        """
        return np.stack(np.unravel_index(indices, self.shape), axis=-1) / self.shape @ self.cell

    def offsets(self, box: Sequence[slice]) -> np.ndarray:
        """Cartesian positions of a box's points relative to the point (0, 0, 0), in C order.

        Parameters
        ----------
        box
            Range of indices along each axis.

        Returns
        -------
        (p, 3) float64 array, Bohr
        """
        axes = [np.arange(s.start, s.stop) / n for s, n in zip(box, self.shape, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ self.cell

    def integral(self, values: np.ndarray) -> float:
        """Integral over the cell of a field given at every point (double-precision sum)."""
        return float(np.sum(values, dtype=np.float64)) * self.voxel_volume
