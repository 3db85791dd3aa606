"""Multipoles of pseudo-atoms, induced by the atoms around them (method.md, Eq. 19 to 22).

    ρ_1(r) = Σ_j Σ_nlm q_jnlm χ_nlm(R_j − r)
    χ_nlm(x) = N_nl (1 − x² / R_n²)₊^8 x^l C_lm(x / |x|)

for n = 0 … n_max − 1 and l = 0 … l_max, with the functions of `rhocast.descriptors.smooth`. The
multipoles of an atom are linear in the same sums over its own neighbours,

    q_jnlm = Σ_s Σ_n' c^{s(j) s l}_{n n'} A^s_n'lm(R_j),

itself not among them, so ρ_1 is a sum over pairs of neighbours j, k of r: the most general one that
the functions can express in which r sees k from j. It turns with the structure, whatever c is, and
c is fitted (`rhocast.learning.baseline`). Multipoles hold no charge: with Q_n = ∫ χ_n00 d³r,
Σ_n c_nn' Q_n = 0 for l = 0.

How electrons screen depends on how many there are. With a usual number density of the atoms, ρ_a,
n' has two times as many values: a second c multiplies d_j A, where

    d_j = Σ_s A^s_N00(R_j) / (ρ_a Q_N) − 1,   N = n_max − 1,

tells how far the density around j is from the usual one. Beside the sums, their products B
(`rhocast.descriptors.products`) may induce multipoles: q_jnlm has the terms Σ_k c_nk B_klm, with a
c for each species of j.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rhocast import config
from rhocast.descriptors.harmonics import solid_harmonics
from rhocast.descriptors.products import Products
from rhocast.descriptors.smooth import POWER, SmoothDescriptor
from rhocast.descriptors.tiles import Surroundings, Tile, kinds_of
from rhocast.structures import Structure


@dataclass(frozen=True)
class Polarised:
    """Atoms around a box, with the sums over the neighbours of each.

    Attributes
    ----------
    atoms
        Within the cutoff of the box.
    moments : (n, s, n', (l_max + 1)²) float64 array
        A^s_nlm at every atom of the structure, itself left out, then d_j A^s_nlm if that counts;
        zero at those that are not among ``atoms``.
    products : list of (n, K_l, 2 l + 1) float64 arrays
        B of every degree l; empty without products.
    """

    atoms: Surroundings
    moments: np.ndarray
    products: list[np.ndarray]


@dataclass(frozen=True)
class MultipoleBasis:
    """The functions of which induced multipoles are linear combinations.

    Attributes
    ----------
    parameters
        Sizes and cutoff.
    species
        Chemical symbols.
    """

    parameters: config.Multipoles
    species: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Shape of c: species of j, species s, l, n, n'."""
        n, s = self.parameters.radial_functions, len(self.species)
        inducing = n if self.parameters.atoms_per_bohr3 is None else 2 * n
        return s, s, self.parameters.angular + 1, n, inducing

    @cached_property
    def products(self) -> Products | None:
        """What induces multipoles beside the sums; None if the sums alone do."""
        return Products.of(self.parameters)

    @property
    def product_shape(self) -> tuple[int, int, int]:
        """Shape of the products' c: species of j, n, k."""
        count = 0 if self.products is None else len(self.products.couplings)
        return len(self.species), self.parameters.radial_functions, count

    @property
    def size(self) -> int:
        """Number of coefficients, those of the sums and then those of the products."""
        return int(np.prod(self.shape) + np.prod(self.product_shape))

    @property
    def charges(self) -> np.ndarray:
        """∫ d³r of what every coefficient multiplies, to each unit of A; `shape`, Bohr³."""
        result = np.zeros(self.shape)
        result[:, :, 0] = self._volumes[:, None]
        return result

    @property
    def product_charges(self) -> np.ndarray:
        """∫ d³r of what every coefficient of a product multiplies; `product_shape`, Bohr³."""
        result = np.zeros(self.product_shape)
        if self.products is not None:
            result[:, :, self.products.degrees == 0] = self._volumes[:, None]
        return result

    @property
    def _volumes(self) -> np.ndarray:
        """Q_n; shape (n_max,), Bohr³."""
        moment = math.factorial(POWER) * 2.0**POWER / math.prod(range(3, 2 * POWER + 4, 2))
        return 4.0 * math.pi * moment * self.sums_over_neighbours.reaches_bohr**3

    @property
    def usual_sum(self) -> float | None:
        """ρ_a Q_N, what Σ_s A^s_N00 is at an atom where d is 0; None if d does not count."""
        density = self.parameters.atoms_per_bohr3
        return None if density is None else density * float(self._volumes[-1])

    @property
    def sums_over_neighbours(self) -> SmoothDescriptor:
        """What gives A at an atom."""
        return SmoothDescriptor(self.parameters, self.species)

    def gather(
        self, structure: Structure, lower: np.ndarray | None = None, upper: np.ndarray | None = None
    ) -> Polarised:
        """Gather the atoms around a box (fractional corners) and what surrounds them.

        Raises
        ------
        ModelError
            If the structure holds an element that is not among the species.
        """
        atoms = Surroundings.gather(
            structure, self.species, self.parameters.cutoff_bohr, lower, upper
        )
        size = (self.parameters.angular + 1) ** 2
        shape = (len(structure), len(self.species), self.parameters.radial_functions, size)
        moments = np.zeros(shape)
        used = np.unique(np.concatenate(atoms.indices))
        if len(used):
            places = structure.fractional[used]
            bound = self.sums_over_neighbours.bind(
                structure, places.min(axis=0), places.max(axis=0)
            )
            for tile in bound.atoms.tiles(places @ structure.cell):
                moments[used[tile.rows]] = bound.sums(tile).swapaxes(0, 1)
            kinds = kinds_of(structure.numbers[used], self.species)
            moments[used, kinds, :, 0] -= 1.0  # of the atom itself
        products = [] if self.products is None else self.products(moments.sum(axis=1))
        if self.usual_sum is not None:
            deviation = moments[:, :, -1, 0].sum(axis=1) / self.usual_sum - 1.0
            moments = np.concatenate([moments, deviation[:, None, None, None] * moments], axis=2)
        return Polarised(atoms, moments, products)

    def sums(self, around: Polarised, points: np.ndarray) -> np.ndarray:
        """Sum what every coefficient multiplies.

        Parameters
        ----------
        around
            From `gather`.
        points : (p, 3) float64 array
            Within the box, Bohr.

        Returns
        -------
        (p, c) float32 array
            In the order of the coefficients, `shape`.
        """
        own, other, degrees, n, inducing = self.shape
        result = np.zeros((len(points), own, degrees, n, other * inducing), dtype=np.float32)
        of_products = np.zeros((len(points), *self.product_shape), dtype=np.float32)
        for tile in around.atoms.tiles(points):
            for s, (radial, harmonics) in enumerate(self._functions(tile)):
                of_products[tile.rows, s] = _seen_products(
                    radial, harmonics, [b[tile.atoms[s]] for b in around.products]
                )
                moments = around.moments[tile.atoms[s]]
                size = moments.shape[-1]  # no atoms of this species would leave -1 open
                moments = moments.reshape(len(moments), other * inducing, size).transpose(0, 2, 1)
                for degree in range(degrees):
                    m = slice(degree**2, (degree + 1) ** 2)
                    seen = harmonics[:, :, m].swapaxes(0, 1) @ moments[:, m].astype(np.float32)
                    result[tile.rows, s, degree] = radial[degree] @ seen.swapaxes(0, 1)
        by_species = result.reshape(len(points), own, degrees, n, other, inducing)
        linear = by_species.transpose(0, 1, 4, 2, 3, 5).reshape(len(points), -1)
        return np.concatenate([linear, of_products.reshape(len(points), -1)], axis=1)

    def _functions(self, tile: Tile) -> list[tuple[np.ndarray, np.ndarray]]:
        """Radial functions (l, p, n, a) and harmonics (p, a, m) of each species, float32."""
        d = self.sums_over_neighbours
        inverse = 1.0 / d.reaches_bohr[:, None] ** 2
        parts = []
        for offsets in tile.offsets:
            square = np.einsum("pax,pax->pa", offsets, offsets)
            radial = np.maximum(1.0 - inverse * square[:, None], 0.0) ** POWER
            harmonics = solid_harmonics(offsets, self.parameters.angular)
            normed = d.norms.T[:, None, :, None] * radial
            parts.append((normed.astype(np.float32), harmonics.astype(np.float32)))
        return parts


@dataclass(frozen=True)
class BoundMultipoles:
    """The induced multipoles of one structure.

    Attributes
    ----------
    basis
        Their functions.
    atoms
        Within the cutoff of the box.
    multipoles : (n, n_max, (l_max + 1)²) float64 array
        q of every atom, e/Bohr³.
    """

    basis: MultipoleBasis
    atoms: Surroundings
    multipoles: np.ndarray

    @classmethod
    def of(
        cls,
        basis: MultipoleBasis,
        coefficients: np.ndarray,
        structure: Structure,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
        *,
        products: np.ndarray | None = None,
    ) -> "BoundMultipoles":
        """Work out the multipoles of the atoms around a box (fractional corners).

        Parameters
        ----------
        basis
            Their functions.
        coefficients : `MultipoleBasis.shape` array
            c, e/Bohr³.
        structure, lower, upper
            Atoms and box, as for `MultipoleBasis.gather`.
        products : `MultipoleBasis.product_shape` array
            c of the products, e/Bohr³; None without them.
        """
        around = basis.gather(structure, lower, upper)
        kinds = kinds_of(structure.numbers, basis.species)
        multipoles = induced(around.moments, coefficients, kinds)
        if products is not None:
            multipoles += induced_by_products(around.products, products, kinds)
        return cls(basis, around.atoms, multipoles)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Compute ρ_1 (p,), float64, e/Bohr³, at points (p, 3), Bohr, within the box."""
        d = self.basis.sums_over_neighbours
        inverse = 1.0 / d.reaches_bohr[:, None] ** 2
        norms = np.repeat(d.norms, 2 * np.arange(d.parameters.angular + 1) + 1, axis=1)
        density = np.zeros(len(points))
        for tile in self.atoms.tiles(points):
            for offsets, atoms in zip(tile.offsets, tile.atoms, strict=True):
                square = np.einsum("pax,pax->ap", offsets, offsets)
                radial = np.maximum(1.0 - inverse * square[:, None], 0.0) ** POWER
                harmonics = solid_harmonics(offsets, d.parameters.angular)
                weights = radial.swapaxes(1, 2) @ (norms * self.multipoles[atoms])
                density[tile.rows] += np.einsum("apm,pam->p", weights, harmonics)
        return density


def induced(moments: np.ndarray, coefficients: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return q (n, n_max, (l_max + 1)²) of atoms with these moments and species (n,)."""
    result = np.zeros((len(kinds), coefficients.shape[3], moments.shape[3]))
    for degree in range(coefficients.shape[2]):
        m = slice(degree**2, (degree + 1) ** 2)
        for kind, c in enumerate(coefficients[:, :, degree]):
            own = kinds == kind
            result[own, :, m] = np.einsum("snk,askm->anm", c, moments[own][..., m])
    return result


def induced_by_products(
    products: list[Any], coefficients: Any, kinds: np.ndarray, xp: Any = np
) -> Any:
    """Return q (n, n_max, (l_max + 1)²) of atoms with these products and species (n,).

    Products and coefficients are arrays of the array module ``xp``.
    """
    result = xp.zeros((len(kinds), coefficients.shape[1], len(products) ** 2), coefficients.dtype)
    for kind, c in enumerate(coefficients):
        own, end = xp.asarray(np.flatnonzero(kinds == kind)), 0
        for degree, b in enumerate(products):
            start, end = end, end + b.shape[1]
            result[own, :, degree**2 : (degree + 1) ** 2] = c[:, start:end] @ b[own]
    return result


def _seen_products(
    radial: np.ndarray, harmonics: np.ndarray, products: list[np.ndarray]
) -> np.ndarray:
    """Sum over the atoms of a tile what the products' coefficients multiply; (p, n, K)."""
    parts = [np.zeros((radial.shape[1], radial.shape[2], 0), dtype=np.float32)]
    for degree, b in enumerate(products):
        m = slice(degree**2, (degree + 1) ** 2)
        turned = b.transpose(0, 2, 1).astype(np.float32)
        seen = harmonics[:, :, m].swapaxes(0, 1) @ turned
        parts.append(radial[degree] @ seen.swapaxes(0, 1))
    return np.concatenate(parts, axis=2)
