"""Smooth sums over neighbours and their scalar products: method.md, Eq. 8 to 12.

At a point r, with r_j = R_j − r the vectors to the atoms j within the cutoff, the sums of species s
are

    A^s_nlm = Σ_{j of s} N_nl (1 − r_j² / R_n²)₊^8 r_j^l C_lm(r_j / |r_j|)

for n = 0 … n_max − 1 and l = 0 … l_max. r^l C_lm are the real solid harmonics of
`rhocast.descriptors.harmonics`. The radial functions look like Gaussians of the width R_n / 4 but
end at their reach R_n, where seven derivatives vanish with them. The reaches are a geometric
series,

    R_n = R_0 (r_c / R_0)^(n / (n_max − 1)).

N_nl gives each r^l (1 − r²/R_n²)^8, which is highest at r² = R_n² l / (l + 16), a highest value
of 1.

With S species, T = Σ_s A^s are the sums over all atoms, whatever their species, and
D^s = A^s − T / S, for all species but the last, tell them apart. The features, in this order:

1. T_n00, for all n;
2. Σ_m T_nlm T_n'lm / √(2l + 1), for all l ≥ 1, n and n' ≥ n (n slowest within one l);
3. for each s: D^s_n00 for all n, then Σ_m D^s_nlm T_nlm / √(2l + 1) for all l ≥ 1 and n.

They do not change under rotation, reflection, translation and reordering of atoms.
"""

from dataclasses import dataclass

import numpy as np

from rhocast import config
from rhocast.descriptors.harmonics import solid_harmonics
from rhocast.descriptors.tiles import Surroundings, Tile
from rhocast.structures import Structure

#: Power of the radial functions.
POWER = 8


@dataclass(frozen=True)
class SmoothDescriptor:
    """Scalar products of smooth sums over neighbours.

    Attributes
    ----------
    parameters
        Sizes and cutoff.
    species
        Chemical symbols, in the order of the sums.
    """

    parameters: config.SmoothSums
    species: tuple[str, ...]

    @property
    def n_features(self) -> int:
        """Length d of the feature vector."""
        n, degrees = self.parameters.radial_functions, self.parameters.angular
        contrasts = len(self.species) - 1
        return n + degrees * n * (n + 1) // 2 + contrasts * n * (1 + degrees)

    @property
    def cutoff_bohr(self) -> float:
        """Distance beyond which atoms do not matter, Bohr."""
        return self.parameters.cutoff_bohr

    @property
    def reach_bohr(self) -> float:
        """Distance from the points within which `bind` must be given all atoms, Bohr."""
        return self.cutoff_bohr

    @property
    def reaches_bohr(self) -> np.ndarray:
        """R_n, rising to the cutoff; shape (n_max,), Bohr."""
        p = self.parameters
        return np.geomspace(p.shortest_bohr, p.cutoff_bohr, p.radial_functions)

    @property
    def norms(self) -> np.ndarray:
        """N_nl; shape (n_max, l_max + 1), 1/Bohr^l."""
        degree = np.arange(self.parameters.angular + 1)
        top = degree / (degree + 2 * POWER)  # of r² / R², where the function is highest
        highest = top ** (0.5 * degree) * (1.0 - top) ** POWER
        return 1.0 / (highest * self.reaches_bohr[:, None] ** degree)

    def bind(
        self,
        structure: Structure,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
    ) -> "BoundSmoothDescriptor":
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
        atoms = Surroundings.gather(structure, self.species, self.cutoff_bohr, lower, upper)
        return BoundSmoothDescriptor(self, atoms)


@dataclass(frozen=True)
class BoundSmoothDescriptor:
    """The descriptor of one structure, ready for points.

    Attributes
    ----------
    descriptor
        Reaches, norms and sizes.
    atoms
        What lies within reach.
    """

    descriptor: SmoothDescriptor
    atoms: Surroundings

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
        features = np.empty((len(points), self.descriptor.n_features), dtype=np.float32)
        for tile in self.atoms.tiles(points):
            features[tile.rows] = invariants(self.sums(tile), self.descriptor.parameters.angular)
        return features

    def sums(self, tile: Tile) -> np.ndarray:
        """Compute A^s_nlm at the points of a tile; shape (species, p, n_max, (l_max + 1)²)."""
        d = self.descriptor
        inverse = 1.0 / d.reaches_bohr[:, None] ** 2
        norms = np.repeat(d.norms, 2 * np.arange(d.parameters.angular + 1) + 1, axis=1)
        parts = []
        for offsets in tile.offsets:
            square = np.einsum("pax,pax->pa", offsets, offsets)
            radial = np.maximum(1.0 - inverse * square[:, None], 0.0) ** POWER
            parts.append(norms * (radial @ solid_harmonics(offsets, d.parameters.angular)))
        return np.stack(parts)


def invariants(sums: np.ndarray, angular: int) -> np.ndarray:
    """Turn sums (s, p, n, (l_max + 1)²) into features (p, d); see the head of this module."""
    species, _, radial, _ = sums.shape
    total = sums.sum(axis=0)
    first, second = np.triu_indices(radial)
    members = [slice(k**2, (k + 1) ** 2) for k in range(1, angular + 1)]
    scales = [1.0 / np.sqrt(2 * k + 1) for k in range(1, angular + 1)]
    columns = [total[:, :, 0]]
    for m, scale in zip(members, scales, strict=True):
        products = total[:, :, m] @ total[:, :, m].transpose(0, 2, 1)
        columns.append(scale * products[:, first, second])
    for contrast in sums[: species - 1] - total / species:
        columns.append(contrast[:, :, 0])
        for m, scale in zip(members, scales, strict=True):
            product = np.einsum("pnm,pnm->pn", contrast[:, :, m], total[:, :, m])
            columns.append(scale * product)
    return np.concatenate(columns, axis=1)
