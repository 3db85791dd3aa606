"""The baseline: a density that is a sum of spherical pseudo-atoms (method.md, Eq. 16 to 18).

    ρ_0(r) = Σ_j f_{s(j)}(|r − R_j|)

One radial function f_s to each species, zero from the cutoff r_c on, with ∫ f_s d³r the valence
electrons of the element: whatever the structure, ρ_0 integrates to its electrons. f is a cubic
spline on K equal intervals of h = r_c / K, written in uniform B-splines,

    f(r) = Σ_{k=0…3} b_k(t) c_{i+k},   i = ⌊r/h⌋,   t = r/h − i,
    b(t) = ((1−t)³, 3t³ − 6t² + 4, −3t³ + 3t² + 3t + 1, t³) / 6,

with a table c_0 … c_{K+2}. Smoothness at the nucleus (f'(0) = 0) asks for c_0 = c_2, an end
without step, kink or jump of curvature for c_K = c_{K+1} = c_{K+2} = 0; the K − 1 coefficients
c_1 … c_{K−1} are free and fitted (`rhocast.learning.baseline`).

With `multipoles` the density that `rhocast.descriptors.multipoles` describes is added to it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rhocast import config
from rhocast.descriptors.multipoles import BoundMultipoles, MultipoleBasis
from rhocast.descriptors.tiles import Surroundings
from rhocast.structures import Structure


@dataclass(frozen=True)
class PseudoAtomBasis:
    """The functions of which pseudo-atoms are linear combinations.

    Attributes
    ----------
    parameters
        Cutoff and number of intervals.
    """

    parameters: config.Baseline

    @property
    def size(self) -> int:
        """K − 1, functions for each species."""
        return self.parameters.intervals - 1

    @property
    def step_bohr(self) -> float:
        """h, length of an interval, Bohr."""
        return self.parameters.cutoff_bohr / self.parameters.intervals

    @cached_property
    def expansion(self) -> np.ndarray:
        """From free coefficients to tables: c = expansion @ coefficients; shape (K + 2 + 1, K − 1).

        Row 0 repeats row 2: the function is even.
        """
        matrix = np.zeros((self.parameters.intervals + 3, self.size))
        matrix[1 : self.size + 1] = np.eye(self.size)
        matrix[0] = matrix[2]
        return matrix

    @cached_property
    def roughness(self) -> np.ndarray:
        """∫ (d⁴f/dr⁴)² dr from coefficients: those @ this @ those, 1/Bohr⁷; shape (K − 1, K − 1).

        By fourth differences of the table, centred at −h, 0, h … r_c − h: a spline of smooth values
        is smooth itself, and can be interpolated from a coarse mesh.
        """
        mirrored = np.concatenate([self.expansion[[4, 3]], self.expansion])
        differences = np.diff(mirrored, n=4, axis=0)
        return differences.T @ differences / self.step_bohr**7

    @cached_property
    def charges(self) -> np.ndarray:
        """∫ φ_k d³r of every function, Bohr³; shape (K − 1,)."""
        nodes, weights = np.polynomial.legendre.leggauss(3)  # exact for t³ r²
        t, weights = 0.5 * (nodes + 1.0), 0.5 * weights
        table = np.zeros(self.parameters.intervals + 3)
        for i in range(self.parameters.intervals):
            r = (i + t) * self.step_bohr
            table[i : i + 4] += (weights * 4.0 * np.pi * r**2) @ spline_weights(t)
        return self.step_bohr * table @ self.expansion

    def sums(self, atoms: Surroundings, points: np.ndarray) -> np.ndarray:
        """Sum every function over the atoms of every species.

        Parameters
        ----------
        atoms
            Within the cutoff of the points.
        points : (p, 3) float64 array
            Bohr.

        Returns
        -------
        (p, species * (K − 1)) float32 array
            Species slowest.
        """
        width = self.parameters.intervals + 3
        result = np.empty((len(points), len(atoms.trees), self.size), dtype=np.float32)
        for tile in atoms.tiles(points):
            for s, offsets in enumerate(tile.offsets):
                point, _, interval, weights = self._pairs(offsets)
                place = point * width + interval
                table = sum(
                    np.bincount(place + k, weights[:, k], len(tile.rows) * width) for k in range(4)
                )
                result[tile.rows, s] = np.reshape(table, (-1, width)) @ self.expansion
        return result.reshape(len(points), -1)

    def evaluate(self, atoms: Surroundings, points: np.ndarray, tables: np.ndarray) -> np.ndarray:
        """Sum the pseudo-atoms with the given tables (species, K + 3) at points (p, 3); (p,)."""
        density = np.zeros(len(points))
        for tile in atoms.tiles(points):
            for table, offsets in zip(tables, tile.offsets, strict=True):
                point, _, interval, weights = self._pairs(offsets)
                values = sum(weights[:, k] * table[interval + k] for k in range(4))
                density[tile.rows] += np.bincount(point, values, len(tile.rows))
        return density

    def _pairs(self, offsets: np.ndarray) -> tuple[np.ndarray, ...]:
        """Point, atom, interval and weights (4) of every pair within the cutoff."""
        distance = np.linalg.norm(offsets, axis=-1)
        point, atom = np.nonzero(distance < self.parameters.cutoff_bohr)
        scaled = distance[point, atom] / self.step_bohr
        # A distance just below the cutoff may round to it in these units.
        interval = np.minimum(scaled.astype(np.int64), self.parameters.intervals - 1)
        return point, atom, interval, spline_weights(scaled - interval)


@dataclass(frozen=True)
class PseudoAtoms:
    """Fitted pseudo-atoms.

    Attributes
    ----------
    parameters
        Cutoff and number of intervals.
    species
        Chemical symbols, in the order of the tables.
    tables : (species, K + 3) float64 array
        c_0 … c_{K+2} of every species, e/Bohr³.
    multipoles : `MultipoleBasis.shape` float64 array
        Coefficients of the induced multipoles, e/Bohr³; None without them.
    products : `MultipoleBasis.product_shape` float64 array
        Those of products of sums over neighbours, e/Bohr³; None without them.
    """

    parameters: config.Baseline
    species: tuple[str, ...]
    tables: np.ndarray
    multipoles: np.ndarray | None = None
    products: np.ndarray | None = None

    @property
    def coefficients(self) -> np.ndarray:
        """The free ones of the tables, c_1 … c_{K−1}; shape (species, K − 1)."""
        return self.tables[:, 1 : self.parameters.intervals]

    @property
    def fitted(self) -> np.ndarray:
        """All that is fitted: the free coefficients, those of multipoles and products; flat."""
        parts = [self.coefficients, self.multipoles, self.products]
        return np.concatenate([part.ravel() for part in parts if part is not None])

    @property
    def cutoff_bohr(self) -> float:
        """Distance beyond which an atom adds nothing to the density, Bohr."""
        multipoles = self.parameters.multipoles
        induced = 0.0 if multipoles is None else multipoles.cutoff_bohr
        return max(self.parameters.cutoff_bohr, induced)

    @property
    def reach_bohr(self) -> float:
        """Distance from the points within which `bind` must be given all atoms, Bohr."""
        return self.parameters.reach_bohr

    def spherical(self, symbol: str, distance: np.ndarray) -> np.ndarray:
        """Compute f_s of an element at distances (p,) from its nucleus, Bohr; (p,), e/Bohr³."""
        scaled = distance / PseudoAtomBasis(self.parameters).step_bohr
        interval = np.minimum(scaled.astype(np.int64), self.parameters.intervals - 1)
        table = self.tables[self.species.index(symbol)]
        weights = spline_weights(scaled - interval)
        values = sum(weights[:, k] * table[interval + k] for k in range(4))
        return np.where(distance < self.parameters.cutoff_bohr, values, 0.0)

    def bind(
        self,
        structure: Structure,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
    ) -> "BoundPseudoAtoms":
        """Gather the atoms within reach of a box (fractional corners), the cell by default.

        Raises
        ------
        ModelError
            If the structure holds an element that is not among the species.
        """
        reach = self.parameters.cutoff_bohr
        atoms = Surroundings.gather(structure, self.species, reach, lower, upper)
        multipoles = None
        if self.parameters.multipoles is not None and self.multipoles is not None:
            basis = MultipoleBasis(self.parameters.multipoles, self.species)
            multipoles = BoundMultipoles.of(
                basis, self.multipoles, structure, lower, upper, products=self.products
            )
        return BoundPseudoAtoms(self, atoms, multipoles)


@dataclass(frozen=True)
class BoundPseudoAtoms:
    """The baseline of one structure, ready for points."""

    pseudo_atoms: PseudoAtoms
    atoms: Surroundings
    multipoles: BoundMultipoles | None = None

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Compute ρ_0, float64, e/Bohr³, at points (p, 3), Bohr, within the box.

        Raises
        ------
        ValueError
            If a point lies outside the box.
        """
        basis = PseudoAtomBasis(self.pseudo_atoms.parameters)
        density = basis.evaluate(self.atoms, points, self.pseudo_atoms.tables)
        return density if self.multipoles is None else density + self.multipoles(points)


def spline_weights(t: np.ndarray) -> np.ndarray:
    """Values b_0 … b_3 of the uniform cubic B-splines at t in [0, 1); (p,) gives (p, 4)."""
    left = (1.0 - t) ** 3
    middle_left = (3.0 * t - 6.0) * t**2 + 4.0
    middle_right = ((-3.0 * t + 3.0) * t + 3.0) * t + 1.0
    return np.stack([left, middle_left, middle_right, t**3], axis=-1) / 6.0
