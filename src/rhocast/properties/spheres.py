"""Spherical densities of atoms on a mesh, some layers at a time."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rhocast.grid import Mesh
from rhocast.structures import Structure

#: Squared distances at which a density is tabulated, Bohr².
STEP_BOHR2 = 0.005


@dataclass(frozen=True)
class RadialDensity:
    """The density of an atom over the squared distance, in which it is smooth at the nucleus.

    Attributes
    ----------
    values, slopes : (n,) arrays
        e/Bohr³ at multiples of `STEP_BOHR2`, and what is added until the next.
    cutoff_bohr
        Distance from which on there is nothing.
    """

    values: np.ndarray
    slopes: np.ndarray
    cutoff_bohr: float

    @classmethod
    def of(cls, density: Callable[[np.ndarray], np.ndarray], cutoff_bohr: float) -> "RadialDensity":
        """Tabulate a density of the distance in Bohr, e/Bohr³, cut off where it is not positive."""
        squared = np.arange(0.0, cutoff_bohr**2, STEP_BOHR2)
        values = np.maximum(density(np.sqrt(squared)), 0.0)
        last = int(np.flatnonzero(values)[-1]) + 1
        values = values[:last]
        return cls(values, np.diff(values, append=0.0), float(np.sqrt(last * STEP_BOHR2)))

    def __call__(self, squared: np.ndarray) -> np.ndarray:
        """Interpolate at squared distances within the cutoff, Bohr²; e/Bohr³."""
        scaled = squared / STEP_BOHR2
        interval = np.minimum(scaled.astype(np.int32), len(self.values) - 1)
        return self.values[interval] + (scaled - interval) * self.slopes[interval]


@dataclass(frozen=True)
class Spheres:
    """Mesh points around each atom, and its own density there.

    Attributes
    ----------
    mesh
        The mesh.
    fractional : (n, 3) array
        Atoms, in [0, 1).
    atoms
        The density of each.
    heights : (3,) array
        Distances between opposite faces of the cell, Bohr.
    """

    mesh: Mesh
    fractional: np.ndarray
    atoms: list[RadialDensity]
    heights: np.ndarray

    @classmethod
    def of(
        cls, structure: Structure, mesh: Mesh, densities: Mapping[str, RadialDensity]
    ) -> "Spheres":
        """Place the densities of the elements on the atoms of a structure."""
        inverse = np.linalg.inv(mesh.cell)
        return cls(
            mesh,
            structure.positions @ inverse % 1.0,
            [densities[symbol] for symbol in structure.to_ase().symbols],
            1.0 / np.linalg.norm(inverse, axis=0),
        )

    def within(self, first: int, count: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield atom, points and densities, e/Bohr³, of those that reach some layers.

        Points are flat indices into the layers; a point occurs once for each image of the atom.
        """
        shape, cell = np.array(self.mesh.shape), self.mesh.cell
        for atom, (centre, free) in enumerate(zip(self.fractional, self.atoms, strict=True)):
            reach = free.cutoff_bohr / self.heights
            lower = np.ceil((centre - reach) * shape).astype(int)
            upper = np.floor((centre + reach) * shape).astype(int)
            x, y, z = (np.arange(a, b + 1) for a, b in zip(lower, upper, strict=True))
            x = x[(x - first) % shape[0] < count]
            if not len(x):
                continue
            away = [
                (i / n - c)[:, None] * axis
                for i, n, c, axis in zip((x, y, z), shape, centre, cell, strict=True)
            ]
            squared = _squared_sums(*away)
            near = np.flatnonzero(squared < free.cutoff_bohr**2)
            rows = ((x - first) % shape[0])[:, None] * shape[1] + y % shape[1]
            points = (rows[..., None] * shape[2] + z % shape[2]).ravel()
            yield atom, points[near], free(squared[near])

    def superposed(self) -> np.ndarray:
        """Return the sum of the densities of all atoms on the mesh, e/Bohr³."""
        total = np.zeros(self.mesh.n_points)
        for _, points, own in self.within(0, self.mesh.shape[0]):
            np.add.at(total, points, own)
        return total.reshape(self.mesh.shape)


def _squared_sums(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return |x_i + y_j + z_k|² of vectors (n, 3) along three axes, flat, C order."""
    rows = (x[:, None] + y).reshape(-1, 3)
    squared = 2.0 * rows @ z.T
    squared += np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", z, z)
    return squared.ravel()
