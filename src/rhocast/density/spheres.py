"""Spherical densities of atoms around a box of mesh points, and values divided among the atoms.

All is done brick by brick: the densities of all atoms around at all points of a brick are one small
matrix, which is used while it is in the cache.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rhocast.grid import BinnedAtoms, Blocks, Mesh, Neighbourhood
from rhocast.grid.blocks import BRICK
from rhocast.structures import Structure

#: Steps of the squared distance in which a density is tabulated, Bohr².
STEP_BOHR2 = 0.002


@dataclass(frozen=True)
class RadialDensity:
    """The density of an atom over the squared distance, in which it is smooth at the nucleus.

    Attributes
    ----------
    values : (n,) float32 array
        e/Bohr³ in the middle of each step of `STEP_BOHR2`; the last one is zero.
    """

    values: np.ndarray

    @classmethod
    def of(cls, density: Callable[[np.ndarray], np.ndarray], cutoff_bohr: float) -> "RadialDensity":
        """Tabulate a density of the distance in Bohr, e/Bohr³, cut off where it is not positive."""
        squared = np.arange(0.5 * STEP_BOHR2, cutoff_bohr**2, STEP_BOHR2)
        values = np.maximum(density(np.sqrt(squared)), 0.0)
        last = np.flatnonzero(values)[-1:]
        return cls(np.append(values[: int(last[0]) + 1 if len(last) else 0], 0.0).astype("f4"))

    @property
    def cutoff_bohr(self) -> float:
        """Distance from which on there is nothing."""
        return float(np.sqrt((len(self.values) - 1) * STEP_BOHR2))

    def look_up(self, steps: np.ndarray) -> np.ndarray:
        """Return the density at squared distances in units of `STEP_BOHR2`, e/Bohr³."""
        return np.take(
            self.values, steps.astype(np.intp), mode="clip"
        )  # without looking for errors


@dataclass(frozen=True)
class Spheres:
    """A box of mesh points and the atoms around it, each with its own density.

    Attributes
    ----------
    steps : (3, 3) float64 array
        Vectors between neighbouring points, Bohr.
    shape
        Points of the box along each axis.
    places : (n, 3) float64 array
        Atoms and images of atoms, in steps from the first point.
    elements
        For each density the atoms that have it, as indices into ``places``.
    """

    steps: np.ndarray
    shape: tuple[int, int, int]
    places: np.ndarray
    elements: list[tuple[RadialDensity, np.ndarray]]

    @classmethod
    def around(
        cls,
        atoms: Neighbourhood,
        mesh: Mesh,
        shape: tuple[int, int, int],
        densities: Mapping[int, RadialDensity],
    ) -> "Spheres":
        """Take the atoms around a box of a mesh, and their densities by atomic number."""
        steps = mesh.cell / np.array(mesh.shape)[:, None]
        places = (atoms.structure.positions - atoms.corner) @ np.linalg.inv(steps)
        numbers = atoms.structure.numbers
        elements = [
            (densities[number], np.flatnonzero(numbers == number))
            for number in np.unique(numbers).tolist()
        ]
        return cls(steps, shape, places, elements)

    def divide(self, values: np.ndarray) -> np.ndarray:
        """Divide what lies at each point among the atoms, in the ratio of their densities there.

        Parameters
        ----------
        values : (k, bx, by, bz) array
            Of the box.

        Returns
        -------
        (k, n) float64 array
            Sums over the points, for each of ``places``. Points without any density are left out.
        """
        sums = np.zeros((len(values), len(self.places)))
        for box, atoms, own in self.bricks():
            total = own @ np.ones(len(atoms), dtype=np.float32)
            here = values[:, *box].reshape(len(values), -1).astype(np.float32)
            ratios = np.divide(here, total, out=np.zeros_like(here), where=total > 0.0)
            sums[:, atoms] += ratios @ own
        return sums

    def superposed(self) -> np.ndarray:
        """Return the sum of the densities at the points, e/Bohr³; float64 array of the shape."""
        total = np.zeros(self.shape)
        for box, _, own in self.bricks():
            total[box] = own.sum(axis=1).reshape(total[box].shape)
        return total

    def bricks(self) -> Iterator[tuple[tuple[slice, ...], np.ndarray, np.ndarray]]:
        """Yield the box of each brick, its atoms (m,) and their densities (p, m) at its points."""
        x, y, z = (range(0, n, BRICK) for n in self.shape)
        everything = [atoms for _, atoms in self.elements]
        for i in x:
            in_slab = self._within(everything, 0, i)
            for j in y:
                in_column = self._within(in_slab, 1, j)
                for k in z:
                    near = self._within(in_column, 2, k)
                    if any(len(atoms) for atoms in near):
                        yield self._brick((i, j, k), near)

    def _within(self, elements: list[np.ndarray], axis: int, start: int) -> list[np.ndarray]:
        """Return those atoms of each element that reach a brick along one axis."""
        middle = start + 0.5 * (BRICK - 1)
        return [
            atoms[abs(self.places[atoms, axis] - middle) < reach[axis]]
            for atoms, reach in zip(elements, self._reaches, strict=True)
        ]

    def _brick(
        self, first: tuple[int, int, int], elements: list[np.ndarray]
    ) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
        shape = [min(BRICK, n - i) for i, n in zip(first, self.shape, strict=True)]
        box = tuple(slice(i, i + n) for i, n in zip(first, shape, strict=True))
        middle = 0.5 * (np.array(shape) - 1)
        points = (np.indices(shape).reshape(3, -1).T - middle) @ self.steps
        # |r − R|² = |r|² − 2 r·R + |R|² is one product of matrices.
        left = np.column_stack([points, (points**2).sum(axis=1), np.ones(len(points))])
        left = (left / STEP_BOHR2).astype(np.float32)
        found, own = [], []
        diagonal = float(np.sqrt((points**2).sum(axis=1).max()))
        for (density, _), atoms in zip(self.elements, elements, strict=True):
            away = (self.places[atoms] - first - middle) @ self.steps
            squared = np.einsum("ij,ij->i", away, away)
            near = squared < (density.cutoff_bohr + diagonal) ** 2
            away, squared = away[near], squared[near]
            right = np.vstack([-2.0 * away.T, np.ones(len(away)), squared]).astype(np.float32)
            found.append(atoms[near])
            own.append(density.look_up(left @ right))
        return box, np.concatenate(found), np.concatenate(own, axis=1)

    @cached_property
    def _reaches(self) -> list[np.ndarray]:
        """How far atoms of each element reach from the middle of a brick, in steps; (3,) arrays."""
        heights = 1.0 / np.linalg.norm(np.linalg.inv(self.steps), axis=0)
        return [density.cutoff_bohr / heights + 0.5 * BRICK for density, _ in self.elements]


def superposed(
    structure: Structure, mesh: Mesh, densities: Mapping[int, RadialDensity]
) -> np.ndarray:
    """Return the sum of the densities of all atoms on a mesh, e/Bohr³; float64 array.

    Parameters
    ----------
    structure, mesh
        Atoms, and points of the whole cell.
    densities
        By atomic number.
    """
    total = np.zeros(mesh.shape)
    blocks, atoms = Blocks(mesh.shape), BinnedAtoms.of(structure)
    reach = max(density.cutoff_bohr for density in densities.values())
    for block in range(len(blocks)):
        around = atoms.around(*blocks.bounds(block), reach)
        if around is not None:
            spheres = Spheres.around(around, mesh, blocks.shape(block), densities)
            total[blocks.box(block)] = spheres.superposed()
    return total
