"""Atoms around groups of neighbouring points: one search for a group, none for a point."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers
from scipy.spatial import cKDTree

from rhocast.descriptors.neighbours import Box
from rhocast.errors import ModelError
from rhocast.structures import Structure, periodic_images

#: Side of the cubes that points are grouped into, Bohr: small, or many atoms that a group gathers
#: would be out of reach of most of its points.
TILE_BOHR = 2.5


@dataclass(frozen=True)
class Tile:
    """Points that lie together, and the atoms within reach of any of them.

    Attributes
    ----------
    rows : (p,) int array
        Which points.
    offsets : tuple of (p, a, 3) float64 arrays
        From the points to the a atoms of each species, Bohr; some may be out of reach.
    """

    rows: np.ndarray
    offsets: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Surroundings:
    """The atoms (and images) within reach of a box.

    Attributes
    ----------
    reach_bohr
        From points to atoms, Bohr.
    trees
        Over the atoms of each species; None where there is none.
    box
        Where points may lie.
    """

    reach_bohr: float
    trees: tuple[cKDTree | None, ...]
    box: Box

    @classmethod
    def gather(
        cls,
        structure: Structure,
        species: tuple[str, ...],
        reach_bohr: float,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
    ) -> "Surroundings":
        """Gather the atoms within reach of a part of the cell.

        Parameters
        ----------
        structure
            Atoms and cell.
        species
            Chemical symbols; the atoms of each are kept apart, in this order.
        reach_bohr
            From points to atoms, Bohr.
        lower, upper : (3,) arrays
            Corners of the box in fractional coordinates; the whole cell by default.

        Raises
        ------
        ModelError
            If the structure holds an element that is not among the species.
        """
        check_species(structure, species)
        positions, indices = periodic_images(structure, reach_bohr, lower, upper)
        numbers = structure.numbers[indices]
        chosen = (positions[numbers == atomic_numbers[symbol]] for symbol in species)
        trees = tuple(cKDTree(rows) if len(rows) else None for rows in chosen)
        return cls(reach_bohr, trees, Box.of(structure.cell, lower, upper))

    def tiles(self, points: np.ndarray) -> Iterator[Tile]:
        """Group points (p, 3), Bohr, with the atoms around them; each point comes once.

        Raises
        ------
        ValueError
            If a point lies outside the box: atoms around it may not have been gathered.
        """
        self.box.check(points)
        cubes = np.floor(points / TILE_BOHR).astype(np.int64)
        order = np.lexsort(cubes.T)
        ends = np.flatnonzero(np.any(np.diff(cubes[order], axis=0), axis=1)) + 1
        for rows in np.split(order, ends) if len(points) else ():
            own = points[rows]
            centre = own.mean(axis=0)
            reach = self.reach_bohr + np.linalg.norm(own - centre, axis=1).max()
            yield Tile(rows, tuple(_offsets(own, tree, centre, reach) for tree in self.trees))


def check_species(structure: Structure, species: tuple[str, ...]) -> None:
    """Raise ModelError if the structure holds an element that is not among the species."""
    if unknown := [symbol for symbol in structure.species if symbol not in species]:
        raise ModelError(
            f"the structure holds {', '.join(unknown)}, the model knows {', '.join(species)}; "
            "train it on this element or take the atoms out"
        )


def _offsets(
    points: np.ndarray, tree: cKDTree | None, centre: np.ndarray, reach: float
) -> np.ndarray:
    if tree is None:
        return np.zeros((len(points), 0, 3))
    atoms = tree.query_ball_point(centre, reach, return_sorted=True)
    return tree.data[atoms] - points[:, None]
