"""Nearest atoms, with equidistant ones kept together, in periodic cells."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from ase.data import atomic_numbers

from rhocast.errors import ModelError
from rhocast.structures import Structure, periodic_images

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

#: Distances that differ by less are taken as equal, Bohr.
TIE_BOHR = 1e-5

#: Points may lie outside their box by so much of the cell: rounding.
_MARGIN = 1e-9


@dataclass(frozen=True)
class Box:
    """A parallelepiped along the lattice vectors.

    Attributes
    ----------
    inverse : (3, 3) float64 array
        Of the cell, 1/Bohr.
    lower, upper : (3,) float64 arrays
        Corners in fractional coordinates.
    """

    inverse: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @classmethod
    def of(
        cls, cell: np.ndarray, lower: np.ndarray | None = None, upper: np.ndarray | None = None
    ) -> "Box":
        """Return the part of the cell between two corners, the whole of it by default."""
        return cls(
            np.linalg.inv(cell),
            np.zeros(3) if lower is None else np.asarray(lower, dtype=float),
            np.ones(3) if upper is None else np.asarray(upper, dtype=float),
        )

    def check(self, points: np.ndarray) -> None:
        """Raise ValueError if one of the points (p, 3) lies outside."""
        fractional = points @ self.inverse
        outside = (fractional < self.lower - _MARGIN) | (fractional > self.upper + _MARGIN)
        if outside.any():
            first = fractional[np.argmax(outside.any(axis=1))]
            raise ValueError(
                f"a point lies at {first} of the cell, outside the box from {self.lower} to "
                f"{self.upper} that the descriptor is bound to"
            )


@dataclass(frozen=True)
class SpeciesAtoms:
    """The atoms (and images) of one species within reach of a box, with their neighbours.

    The last row of every array stands for an absent atom: `scipy.spatial.cKDTree` answers with
    that index where it finds too few.

    Attributes
    ----------
    tree
        Over the m atoms.
    positions : (m + 1, 3) float64 array
        Bohr.
    offsets : (m + 1, c, 3) float64 array
        From the atom to its neighbours, Bohr. c is k, or more where neighbours are equidistant.
    present : (m + 1, c) float64 array
        1 for a neighbour, 0 where there is none within reach.
    rank : (m + 1, c) int array
        0 for the neighbours among the nearest k, 1 for candidates that are tied for the last
        places, 2 for what is further away.
    """

    tree: "cKDTree"
    positions: np.ndarray
    offsets: np.ndarray
    present: np.ndarray
    rank: np.ndarray


def gather_atoms(
    structure: Structure,
    species: tuple[str, ...],
    reach_bohr: float,
    count: int,
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
) -> tuple[SpeciesAtoms, ...]:
    """Gather the atoms within reach of a part of the cell, with their nearest neighbours.

    Parameters
    ----------
    structure
        Atoms and cell.
    species
        Chemical symbols; the atoms of each are returned in this order.
    reach_bohr
        Distance in Bohr, from the box to the atoms and from the atoms to their neighbours.
    count
        k: neighbours of each atom, of any species.
    lower, upper : (3,) arrays
        Corners of the box in fractional coordinates; the whole cell by default.

    Raises
    ------
    ModelError
        If the structure holds an element that is not among the species.
    """
    if unknown := [symbol for symbol in structure.species if symbol not in species]:
        raise ModelError(
            f"the structure holds {', '.join(unknown)}, the model knows {', '.join(species)}; "
            "train it on this element or take the atoms out"
        )
    from scipy.spatial import cKDTree  # slow to import, and the compiled kernels need no tree

    positions, indices = periodic_images(structure, reach_bohr, lower, upper)
    surrounding, _ = periodic_images(structure, 2.0 * reach_bohr, lower, upper)
    numbers = structure.numbers[indices]
    tree = cKDTree(surrounding)
    return tuple(
        _with_neighbours(positions[numbers == atomic_numbers[symbol]], tree, reach_bohr, count)
        for symbol in species
    )


def nearest(
    tree: "cKDTree", points: np.ndarray, count: int, reach_bohr: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest atoms, and all that are as near as the last of them.

    Parameters
    ----------
    tree
        Over m atoms.
    points : (p, 3) float64 array
        Bohr.
    count
        How many at least.
    reach_bohr
        Atoms further away count as absent.

    Returns
    -------
    distances : (p, c) float64 array
        In rising order, Bohr; inf where atoms are absent. c exceeds ``count``.
    indices : (p, c) int array
        m where atoms are absent.
    """
    asked = count + 1
    while True:
        distances, indices = tree.query(points, k=asked, distance_upper_bound=reach_bohr)
        if not ties(distances)[:, count - 1 :].all(axis=1).any():
            return distances, indices
        asked *= 2


def ties(distances: np.ndarray) -> np.ndarray:
    """Tell which atoms are as far away as the one before; (p, c) gives (p, c - 1) of bool."""
    return distances[:, 1:] < distances[:, :-1] + TIE_BOHR


def _with_neighbours(
    positions: np.ndarray, surrounding: "cKDTree", reach_bohr: float, count: int
) -> SpeciesAtoms:
    from scipy.spatial import cKDTree

    distances, indices = nearest(surrounding, positions, count + 1, reach_bohr)
    tied = ties(distances)
    width = count + np.argmin(tied[:, count:], axis=1).max(initial=0)
    present = np.isfinite(distances)
    found = np.vstack([surrounding.data, np.zeros(3)])[indices]
    offsets = np.where(present[:, :, None], found - positions[:, None], 0.0)
    group = np.cumsum(~tied, axis=1)  # of columns 1 onwards: column 0 is the atom itself
    last = group[:, max(count - 1, 0), None]
    rank = np.where(group < last, 0, np.where(group == last, 1, 2))
    return SpeciesAtoms(
        tree=cKDTree(positions),
        positions=_with_absent(positions),
        offsets=_with_absent(offsets[:, 1 : 1 + width]),
        present=_with_absent(present[:, 1 : 1 + width].astype(float)),
        rank=_with_absent(rank[:, :width]),
    )


def _with_absent(rows: np.ndarray) -> np.ndarray:
    """Append the row of zeros that stands for an absent atom."""
    return np.concatenate([rows, np.zeros((1, *rows.shape[1:]), rows.dtype)])
