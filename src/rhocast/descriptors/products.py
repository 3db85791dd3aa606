"""Products of two sums over an atom's neighbours, which know the angles between them.

    B_k,lm = Σ_m1 Σ_m2 G^lm_{l1 m1, l2 m2} T_{n1 l1 m1} T_{n2 l2 m2},   T_nlm = Σ_s A^s_nlm,

(method.md, Eq. 20b) with the sums A of `rhocast.descriptors.smooth` at an atom, itself left out. k
counts the degrees l and the pairs (n1, l1) ≤ (n2, l2) that contribute to each. G makes B the part
of degree l of the product of two functions on the sphere, so that B turns with the structure as a
solid harmonic does; by parity, l1 + l2 + l is even.
"""

import math
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from rhocast import config
from rhocast.descriptors.harmonics import solid_harmonics


class Coupling(NamedTuple):
    """One product: its degree l, and (n, l) of both factors."""

    degree: int
    first: tuple[int, int]
    second: tuple[int, int]


@dataclass(frozen=True)
class Products:
    """The products of the sums over an atom's neighbours.

    Attributes
    ----------
    numbers
        n of the radial functions of the factors.
    angular
        Highest l of the factors, the lowest being 1.
    highest
        Highest l of the products.
    """

    numbers: tuple[int, ...]
    angular: int
    highest: int

    @classmethod
    def of(cls, parameters: config.Multipoles) -> "Products | None":
        """Return those of a configuration; None if it has none."""
        own = parameters.products
        if own is None:
            return None
        last = parameters.radial_functions - 1
        numbers = tuple(last - 2 * k for k in reversed(range(own.radial_functions)))
        return cls(numbers, own.angular, parameters.angular)

    @cached_property
    def couplings(self) -> tuple[Coupling, ...]:
        """All products, by degree; K of them."""
        factors = list(product(self.numbers, range(1, self.angular + 1)))
        return tuple(
            Coupling(degree, first, second)
            for degree in range(self.highest + 1)
            for i, first in enumerate(factors)
            for second in factors[i:]
            if abs(first[1] - second[1]) <= degree <= first[1] + second[1]
            and (first[1] + second[1] + degree) % 2 == 0
        )

    @cached_property
    def degrees(self) -> np.ndarray:
        """Degree l of each product; shape (K,)."""
        return np.array([coupling.degree for coupling in self.couplings], dtype=int)

    def __call__(self, sums: Any, xp: Any = np) -> list[Any]:
        """Multiply the sums T of atoms.

        Parameters
        ----------
        sums : (a, n_max, (l_max + 1)²) array
            T of every atom, of the array module ``xp``.

        Returns
        -------
        list of (a, K_l, 2 l + 1) arrays
            B of every degree l = 0 … highest; K_l may be 0.
        """
        result = [
            xp.zeros((len(sums), count, 2 * degree + 1), sums.dtype)
            for degree, count in enumerate(self._counts)
        ]
        for (l1, l2, degree), members in self._members.items():
            places, first, second = (xp.asarray(column) for column in np.transpose(members))
            one, other = (sums[:, n, k * k : (k + 1) ** 2] for n, k in ((first, l1), (second, l2)))
            table = xp.asarray(coupling_table(l1, l2, degree).astype(sums.dtype))
            result[degree][:, places] = xp.einsum("aki,akj,ijm->akm", one, other, table)
        return result

    @cached_property
    def _counts(self) -> list[int]:
        """K_l, the number of products of every degree."""
        return np.bincount(self.degrees, minlength=self.highest + 1).tolist()

    @cached_property
    def _members(self) -> dict[tuple[int, int, int], list[tuple[int, int, int]]]:
        """Products of the same degrees: the place of each among those of its l, n1 and n2."""
        found = defaultdict(list)
        starts = np.cumsum([0, *self._counts])
        for number, (degree, (n1, l1), (n2, l2)) in enumerate(self.couplings):
            found[l1, l2, degree].append((number - int(starts[degree]), n1, n2))
        return dict(found)


@cache
def coupling_table(l1: int, l2: int, degree: int) -> np.ndarray:
    """Return G; shape (2 l1 + 1, 2 l2 + 1, 2 l + 1).

    G = (2 l + 1) ∫ C_l1m1 C_l2m2 C_lm dΩ / 4π, by Gauss-Legendre quadrature in cos θ and equal
    steps of the azimuth, exact for these polynomials. Entries that vanish are exact zeros.
    """
    cosines, weights = np.polynomial.legendre.leggauss((l1 + l2 + degree) // 2 + 1)
    steps = l1 + l2 + degree + 1
    azimuth = math.tau * np.arange(steps) / steps
    sines = np.sqrt(1.0 - cosines**2)[:, None]
    places = np.stack(
        [sines * np.cos(azimuth), sines * np.sin(azimuth), np.repeat(cosines[:, None], steps, 1)],
        axis=-1,
    )
    harmonics = solid_harmonics(places, max(l1, l2, degree))
    first, second, third = (harmonics[..., k * k : (k + 1) ** 2] for k in (l1, l2, degree))
    weight = np.repeat(weights[:, None], steps, 1) / (2.0 * steps)
    table = (2 * degree + 1) * np.einsum("tp,tpi,tpj,tpm->ijm", weight, first, second, third)
    return np.where(np.abs(table) < 1e-12, 0.0, table)
