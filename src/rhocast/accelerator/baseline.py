"""Pseudo-atoms at the points of bricks: the spheres, and what their neighbours induce in them.

Those of `rhocast.descriptors.pseudo_atoms` and `rhocast.descriptors.multipoles`. A multipole is a
polynomial in r, from the centre of a brick to a point,

    Σ_lm N_nl q_jnlm |R_j − r|^l C_lm(R_j − r) = Σ_λμ |r|^λ C_λμ(−r) W_jnλμ,
    W_jnλμ = Σ_νκ V_jn(λμ)(νκ) |R_j|^ν C_νκ(R_j),    V_jn(λμ)(νκ) = Σ_lm N_nl q_jnlm G_(lm)(λμ)(νκ),

with G from `rhocast.accelerator.harmonics`. V belongs to the atom, W to brick and atom; what is
left for brick, point and atom is a product of matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rhocast.accelerator.bricks import Atoms, Near
from rhocast.accelerator.harmonics import SolidHarmonics, addition
from rhocast.accelerator.pairs import Pairs, pairs
from rhocast.accelerator.sums import SmoothSums
from rhocast.descriptors import MultipoleBasis, PseudoAtoms
from rhocast.descriptors.harmonics import solid_harmonics
from rhocast.descriptors.pseudo_atoms import PseudoAtomBasis

#: From values of four B-splines to powers of the place within an interval.
_POWERS = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6.0


class Spheres:
    """The radial functions of pseudo-atoms.

    Parameters
    ----------
    baseline
        The pseudo-atoms.
    device
        Where to compute.
    """

    def __init__(self, baseline: PseudoAtoms, device: torch.device) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(baseline.tables, 4, axis=1)
        beyond = np.zeros((len(windows), 1, 4))
        powers = np.concatenate([windows @ _POWERS.T, beyond], axis=1)  # (species, K + 1, 4)
        self._powers = torch.from_numpy(powers).to(device, torch.float32).transpose(1, 2)
        self._step = PseudoAtomBasis(baseline.parameters).step_bohr

    def __call__(self, pairs: Pairs, species: int, count: int) -> Tensor:
        """Sum over the atoms of one species, no more than so many of a brick; (b, p), e/Bohr³."""
        return pairs.splines(self._powers[species], self._step, count)


@dataclass(frozen=True)
class BoundMultipoles:
    """Multipoles of atoms on a device.

    Attributes
    ----------
    terms
        V for each ν: (atoms, n · (l_max − ν + 1)², 2ν + 1) float32 tensors.
    """

    terms: tuple[Tensor, ...]


class Multipoles:
    """What neighbours induce, for one kind of bricks.

    Parameters
    ----------
    baseline
        Pseudo-atoms with multipoles.
    offsets : (p, 3) array
        From the centre of a brick to its points, Bohr.
    device
        Where to compute.
    """

    def __init__(self, baseline: PseudoAtoms, offsets: np.ndarray, device: torch.device) -> None:
        assert baseline.parameters.multipoles is not None
        assert baseline.multipoles is not None
        basis = MultipoleBasis(baseline.parameters.multipoles, baseline.species)
        descriptor = basis.sums_over_neighbours
        self._degree = descriptor.parameters.angular
        self._sums = SmoothSums.of(descriptor, np.zeros((1, 3)), device)
        self._coefficients = torch.from_numpy(baseline.multipoles).to(device, torch.float32)
        self._addition = torch.from_numpy(addition(self._degree)).to(device, torch.float32)
        places = solid_harmonics(-offsets, self._degree)
        self._places = torch.from_numpy(places).to(device, torch.float32)
        self._harmonics = SolidHarmonics(self._degree, device)

    @property
    def reaches_bohr(self) -> tuple[float, ...]:
        """R_n."""
        return self._sums.reaches_bohr

    @property
    def floats_per_atom(self) -> int:
        """Size of V and of W of one atom."""
        n, degree = len(self.reaches_bohr), self._degree
        terms = sum((degree - nu + 1) ** 2 * (2 * nu + 1) for nu in range(degree + 1))
        return n * (terms + 2 * (degree + 1) ** 2)

    def bind(self, atoms: Atoms, budget_bytes: int, chosen: Tensor) -> BoundMultipoles:
        """Work out the multipoles of the chosen atoms, (n,) bool, from the atoms around each."""
        n_atoms = sum(len(rows) for rows in atoms.rows)
        n, size = len(self.reaches_bohr), (self._degree + 1) ** 2
        multipoles = self._coefficients.new_zeros(n_atoms, n, size)
        part = max(1, budget_bytes // (32 * n_atoms + 64 * n * size * len(atoms.rows) + 1))
        for kind, (positions, rows) in enumerate(zip(atoms.positions, atoms.rows, strict=True)):
            for own in chosen[rows].nonzero()[:, 0].split(part):
                if len(own):
                    moments = self._moments(atoms, positions[own])
                    moments[kind, ..., 0] -= 1.0  # of the atom itself
                    multipoles[rows[own]] = self._induced(moments, kind)
        return BoundMultipoles(tuple(self._terms(multipoles * self._sums.norms)))

    def _moments(self, atoms: Atoms, centres: Tensor) -> Tensor:
        """Compute A at atoms that are the centres; (s, n, a, (l_max + 1)²)."""
        census = atoms.census(centres, self.reaches_bohr).max(axis=0)
        moments = []
        for species, counts in enumerate(census.tolist()):
            near = atoms.near(centres, species, counts[-1])
            own = pairs(near.vectors, near.vectors.new_zeros(1, 3))
            moments.append(self._sums(own, near.vectors, counts)[:, 0])
        return torch.stack(moments)

    def _induced(self, moments: Tensor, kind: int) -> Tensor:
        """Return q (a, n, (l_max + 1)²) of atoms of one species."""
        result = torch.zeros_like(moments[0]).transpose(0, 1).contiguous()
        for degree in range(self._degree + 1):
            m = slice(degree**2, (degree + 1) ** 2)
            c = self._coefficients[kind, :, degree]
            result[..., m] = torch.einsum("snk,skam->anm", c, moments[..., m])
        return result

    def _terms(self, multipoles: Tensor) -> list[Tensor]:
        """V for each ν."""
        terms = []
        for nu in range(self._degree + 1):
            paths = self._addition[:, : (self._degree - nu + 1) ** 2, nu**2 : (nu + 1) ** 2]
            term = torch.einsum("anm,mlk->anlk", multipoles, paths)
            terms.append(term.flatten(1, 2))
        return terms

    def __call__(
        self, bound: BoundMultipoles, pairs: Pairs, near: Near, counts: Sequence[int]
    ) -> Tensor:
        """Sum over the atoms of one species near some bricks; (b, p), e/Bohr³.

        ``counts`` tells how many of them are within each R_n of any of a brick's points, at most.
        """
        polynomials = self._polynomials(bound, near.first(max(counts)))
        return pairs.polynomials(self._places, polynomials, self.reaches_bohr, counts)

    def _polynomials(self, bound: BoundMultipoles, near: Near) -> Tensor:
        """W (b, a, n, (l_max + 1)²)."""
        harmonics = self._harmonics(near.vectors)
        n, size = len(self.reaches_bohr), (self._degree + 1) ** 2
        result = harmonics.new_zeros(*near.atoms.shape, n, size)
        for nu, terms in enumerate(bound.terms):
            own = harmonics[..., nu**2 : (nu + 1) ** 2, None]
            found = (terms[near.atoms] @ own).unflatten(2, (n, -1))[..., 0]
            result[..., : found.shape[-1]] += found
        return result
