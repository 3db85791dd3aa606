"""The paper's descriptor: sorted distances and cosines, a block per species.

At a point r, for each species:

(method.md, Eq. 14 and 15)

- set I, the sorted distances from r to the M nearest atoms of the species;
- set II, for the nearest M_a of those atoms, the cosines at r between the vector to the atom and
  the vectors to each of its k nearest neighbours (of any species), sorted.

Atoms beyond the cutoff count as absent: distance = cutoff, cosine = 0.

Equidistant atoms must not leave the choice to rounding or to the order of the atoms, or a perfect
crystal would have no rotated, tiled or shifted twin. Every tie is therefore settled by the cosines
themselves: among equidistant neighbours of an atom those with the largest cosines are taken, and
equidistant atoms are ranked by a weighted sum of their cosines.
"""

from dataclasses import dataclass

import numpy as np

from rhocast import config
from rhocast.descriptors.neighbours import Box, SpeciesAtoms, gather_atoms, nearest, ties
from rhocast.structures import Structure

#: Distances below this are softened in the cosines, which have no limit at a nucleus, Bohr.
SOFTENING_BOHR = 1e-3

#: Points handled at a time, so that what belongs to them stays in cache.
CHUNK = 2048


@dataclass(frozen=True)
class SortedDescriptor:
    """Sorted distances and cosines.

    Attributes
    ----------
    parameters
        Sizes and cutoff.
    species
        Chemical symbols, in the order of their blocks.
    """

    parameters: config.SortedDescriptor
    species: tuple[str, ...]

    @property
    def n_features(self) -> int:
        """Length d of the feature vector."""
        p = self.parameters
        return len(self.species) * (p.distances + p.angle_atoms * p.angle_neighbours)

    @property
    def cutoff_bohr(self) -> float:
        """Distance beyond which atoms count as absent, Bohr."""
        return self.parameters.cutoff_bohr

    @property
    def reach_bohr(self) -> float:
        """Distance from the points within which `bind` must be given all atoms, Bohr."""
        return 2.0 * self.cutoff_bohr  # the neighbours of the atoms within reach

    def bind(
        self,
        structure: Structure,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
    ) -> "BoundSortedDescriptor":
        """Gather what depends on the atoms alone.

        Parameters
        ----------
        structure
            Atoms and cell.
        lower, upper : (3,) arrays
            Corners, in fractional coordinates, of the box that the points will lie in; the whole
            cell by default.

        Raises
        ------
        ModelError
            If the structure holds an element that is not among the species.
        """
        p = self.parameters
        count = p.angle_neighbours if p.angle_atoms else 0
        atoms = gather_atoms(structure, self.species, p.cutoff_bohr, count, lower, upper)
        return BoundSortedDescriptor(p, atoms, Box.of(structure.cell, lower, upper))


@dataclass(frozen=True)
class BoundSortedDescriptor:
    """The descriptor of one structure, ready for points.

    Attributes
    ----------
    parameters
        Sizes and cutoff.
    atoms
        The atoms within reach with their neighbours, for each species.
    box
        Where points may lie.
    """

    parameters: config.SortedDescriptor
    atoms: tuple[SpeciesAtoms, ...]
    box: Box

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Compute the features at points within the box.

        Parameters
        ----------
        points : (p, 3) float64 array
            Cartesian positions, Bohr.

        Returns
        -------
        (p, d) float32 array

        Raises
        ------
        ValueError
            If a point lies outside the box: atoms around it may not have been gathered.
        """
        self.box.check(points)
        p = self.parameters
        width = p.distances + p.angle_atoms * p.angle_neighbours
        features = np.empty((len(points), len(self.atoms) * width), dtype=np.float32)
        for start in range(0, len(points), CHUNK):
            rows = slice(start, start + CHUNK)
            for block, atoms in enumerate(self.atoms):
                columns = slice(block * width, (block + 1) * width)
                features[rows, columns] = self._block(points[rows], atoms)
        return features

    def _block(self, points: np.ndarray, atoms: SpeciesAtoms) -> np.ndarray:
        """Compute the features of one species; shape (p, M + M_a k)."""
        p = self.parameters
        distances, indices = nearest(atoms.tree, points, p.distances, p.cutoff_bohr)
        set_one = np.minimum(distances[:, : p.distances], p.cutoff_bohr)
        if p.angle_atoms == 0 or p.angle_neighbours == 0:
            return set_one
        cut = ties(distances)[:, p.angle_atoms - 1 :]
        width = p.angle_atoms + int(np.argmin(cut, axis=1).max())
        distances, indices = distances[:, :width], indices[:, :width]
        cosines = _cosines(points, atoms, indices, p.angle_neighbours)
        cosines = _rank_atoms(distances, cosines)[:, : p.angle_atoms]
        return np.hstack([set_one, cosines.reshape(len(points), -1)])


def _cosines(
    points: np.ndarray, atoms: SpeciesAtoms, indices: np.ndarray, count: int
) -> np.ndarray:
    """Cosines at the points between atoms and their neighbours, falling with the last index.

    Parameters
    ----------
    points : (p, 3) float64 array
        Bohr.
    atoms
        Where the atoms and their neighbours are.
    indices : (p, a) int array
        Atoms of each point.
    count
        k: neighbours of each atom.

    Returns
    -------
    (p, a, k) float64 array
    """
    to_atom = atoms.positions[indices] - points[:, None]
    offsets = atoms.offsets[indices]
    along = np.einsum("pax,pacx->pac", to_atom, offsets)
    square = np.einsum("pax,pax->pa", to_atom, to_atom)[:, :, None]
    # The vector to the neighbour is to_atom + offset.
    square_neighbour = square + 2.0 * along + np.einsum("pacx,pacx->pac", offsets, offsets)
    soft = SOFTENING_BOHR**2
    cosines = (square + along) / np.sqrt((square + soft) * (np.abs(square_neighbour) + soft))
    cosines *= atoms.present[indices]
    if cosines.shape[2] == count:
        return -np.sort(-cosines, axis=2)
    return _largest_of_tied(cosines, atoms.rank[indices], count)


def _largest_of_tied(cosines: np.ndarray, rank: np.ndarray, count: int) -> np.ndarray:
    """Take the certain neighbours, then those of the tied ones that have the largest cosines."""
    step = 4.0  # more than the range of a cosine, so that ranks stay apart
    chosen = -np.sort(step * rank - cosines, axis=2)[:, :, :count]
    chosen += step * (chosen < -0.5 * step)
    return -np.sort(-chosen, axis=2)


def _rank_atoms(distances: np.ndarray, cosines: np.ndarray) -> np.ndarray:
    """Order equidistant atoms by a weighted sum of their cosines.

    Parameters
    ----------
    distances : (p, a) float64 array
        In rising order.
    cosines : (p, a, k) float64 array
        Of these atoms.

    Returns
    -------
    (p, a, k) float64 array
        The cosines with the rows of equidistant atoms rearranged.
    """
    tied = ties(distances)
    rows = np.flatnonzero(tied.any(axis=1))
    if len(rows) == 0:
        return cosines
    group = np.cumsum(~tied[rows], axis=1)
    group = np.hstack([np.zeros((len(rows), 1), int), group])
    weights = 1.0 / np.sqrt(1.0 + np.arange(cosines.shape[2]))  # unequal: equal sums are no ties
    order = np.lexsort((-cosines[rows] @ weights, group))
    cosines[rows] = np.take_along_axis(cosines[rows], order[:, :, None], axis=1)
    return cosines
