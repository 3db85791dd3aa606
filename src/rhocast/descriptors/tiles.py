"""Atoms around groups of neighbouring points: one search for a group, none for a point."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.data import atomic_numbers

from rhocast.descriptors.neighbours import Box
from rhocast.errors import ModelError
from rhocast.structures import Structure, periodic_images

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

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
    atoms : tuple of (a,) int arrays
        Which atoms of the structure these are, or are images of.
    """

    rows: np.ndarray
    offsets: tuple[np.ndarray, ...]
    atoms: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Surroundings:
    """The atoms (and images) within reach of a box.

    Attributes
    ----------
    reach_bohr
        From points to atoms, Bohr.
    trees
        Over the atoms of each species; None where there is none.
    indices : tuple of (a,) int arrays
        Which atoms of the structure they hold, or images of which.
    box
        Where points may lie.
    """

    reach_bohr: float
    trees: "tuple[cKDTree | None, ...]"
    indices: tuple[np.ndarray, ...]
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
        from scipy.spatial import cKDTree  # slow to import, and the compiled kernels need no tree

        check_species(structure, species)
        positions, indices = periodic_images(structure, reach_bohr, lower, upper)
        kinds = kinds_of(structure.numbers, species)[indices]
        chosen = tuple(np.flatnonzero(kinds == kind) for kind in range(len(species)))
        trees = tuple(cKDTree(positions[rows]) if len(rows) else None for rows in chosen)
        own = tuple(indices[rows] for rows in chosen)
        return cls(reach_bohr, trees, own, Box.of(structure.cell, lower, upper))

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
            near = [_near(tree, centre, reach) for tree in self.trees]
            yield Tile(
                rows,
                tuple(_offsets(own, *pair) for pair in zip(self.trees, near, strict=True)),
                tuple(i[atoms] for i, atoms in zip(self.indices, near, strict=True)),
            )


def kinds_of(numbers: np.ndarray, species: tuple[str, ...]) -> np.ndarray:
    """Return the place of each atom (n,) of these atomic numbers among the species."""
    kinds = np.zeros(len(numbers), dtype=np.int32)
    for kind, symbol in enumerate(species):
        kinds[numbers == atomic_numbers[symbol]] = kind
    return kinds


def check_species(structure: Structure, species: tuple[str, ...]) -> None:
    """Raise ModelError if the structure holds an element that is not among the species."""
    if unknown := [symbol for symbol in structure.species if symbol not in species]:
        raise ModelError(
            f"the structure holds {', '.join(unknown)}, the model knows {', '.join(species)}; "
            "train it on this element or take the atoms out"
        )


def _near(tree: "cKDTree | None", centre: np.ndarray, reach: float) -> np.ndarray:
    """Atoms of a tree that lie within reach, in a fixed order."""
    found = [] if tree is None else tree.query_ball_point(centre, reach, return_sorted=True)
    return np.array(found, dtype=np.int64)


def _offsets(points: np.ndarray, tree: "cKDTree | None", atoms: np.ndarray) -> np.ndarray:
    if tree is None:
        return np.zeros((len(points), 0, 3))
    return tree.data[atoms] - points[:, None]
