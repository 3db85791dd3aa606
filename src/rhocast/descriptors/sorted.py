"""The paper's descriptor: sorted distances and cosines, a block per species.

At a point r, for each species:

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
from scipy.spatial import cKDTree

from rhocast import config
from rhocast.descriptors.neighbours import SpeciesAtoms, atoms_by_species
from rhocast.structures import Structure

#: Distances that differ by less are taken as equal, Bohr.
TIE_BOHR = 1e-5

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

    parameters: config.Descriptor
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
        atoms = atoms_by_species(
            structure,
            self.species,
            reach_bohr=self.cutoff_bohr,
            count=self.parameters.angle_neighbours if self.parameters.angle_atoms else 0,
            tie_bohr=TIE_BOHR,
            lower=lower,
            upper=upper,
        )
        return BoundSortedDescriptor(self.parameters, tuple(atoms))


@dataclass(frozen=True)
class BoundSortedDescriptor:
    """The descriptor of one structure, ready for points.

    Attributes
    ----------
    parameters
        Sizes and cutoff.
    atoms
        The atoms within reach with their neighbours, for each species.
    """

    parameters: config.Descriptor
    atoms: tuple[SpeciesAtoms, ...]

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Compute the features at points within the box.

        Parameters
        ----------
        points : (p, 3) float64 array
            Cartesian positions, Bohr.

        Returns
        -------
        (p, d) float32 array
        """
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
        """Compute the features of one species, shape (p, M + M_a k)."""
        p = self.parameters
        distances, indices = _nearest(atoms.tree, points, p.distances, p.cutoff_bohr)
        if p.angle_atoms * p.angle_neighbours == 0:
            return distances
        tied = _is_cut_tie(distances, p.angle_atoms)
        cosines = np.empty((len(points), p.angle_atoms * p.angle_neighbours))
        plain = np.flatnonzero(~tied)
        ...
        return np.hstack([distances, cosines])
