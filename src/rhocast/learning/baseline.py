"""Fitting the baseline: linear least squares over mesh points (method.md, Eq. 24).

With S_k(r) the functions that the coefficients of `PseudoAtoms.fitted` multiply, radial
functions summed over the atoms of a species and then those of the induced multipoles, the
coefficients c minimise

    ⟨w_i (Σ_k c_k S_k − ρ)²⟩ + λ Σ_s ∫ (d⁴f_s/dr⁴)² dr + μ ⟨S²⟩ Σ'_k c_k²

with Σ_k c_sk ∫ φ_k d³r = Z_s for every species s. The mean is taken over the points drawn from a
snapshot, then over snapshots i with weights w_i, so that a hot liquid, which no coefficients
describe well, does not settle those of a cold crystal. f_s is the radial function of a species, Z_s
its valence electrons, and Σ' runs over the multipoles, which are kept from holding charge; ⟨S²⟩ is
their mean. One weight for all of them: functions that hardly reach a neighbour in a crystal, but do
in its melt, must not be given large coefficients for that. Of products, each has the weight of its
own mean square.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from rhocast import config
from rhocast.descriptors import MultipoleBasis, PseudoAtomBasis, PseudoAtoms
from rhocast.descriptors.tiles import Surroundings
from rhocast.learning.feature_file import FeatureSet
from rhocast.structures import Structure

#: μ, for what the data do not settle.
_RIDGE = 3e-6

#: Points that are gone through at a time.
_BLOCK = 8192

#: Fits, each with the weights that follow from the one before.
_FITS = 3

#: Least misfit that counts, as a share of the mean: data without noise must not settle everything.
_LEAST_MISFIT = 0.05


@dataclass(frozen=True)
class NormalEquations:
    """Averages over the points of a snapshot.

    Attributes
    ----------
    matrix : (b, b) float64 array
        ⟨S Sᵀ⟩.
    vector : (b,) float64 array
        ⟨S ρ⟩, e/Bohr³.
    square
        ⟨ρ²⟩, e²/Bohr⁶.
    """

    matrix: np.ndarray
    vector: np.ndarray
    square: float

    def misfit(self, coefficients: np.ndarray) -> float:
        """Compute ⟨(Σ_k c_k S_k − ρ)²⟩, e²/Bohr⁶, of coefficients (b,)."""
        c = coefficients
        return float(c @ self.matrix @ c - 2.0 * self.vector @ c + self.square)


def baseline_sums(
    structure: Structure, points: np.ndarray, parameters: config.Baseline, species: tuple[str, ...]
) -> np.ndarray:
    """Compute S (p, b), float32, at points (p, 3) of the cell, Bohr."""
    atoms = Surroundings.gather(structure, species, parameters.cutoff_bohr)
    parts = [PseudoAtomBasis(parameters).sums(atoms, points)]
    if parameters.multipoles is not None:
        basis = MultipoleBasis(parameters.multipoles, species)
        parts.append(basis.sums(basis.gather(structure), points))
    return np.concatenate(parts, axis=1)


def fit_baseline(data: FeatureSet, used: np.ndarray) -> PseudoAtoms | None:
    """Fit the baseline to the snapshots of these numbers; None if it is not asked for."""
    if data.baseline is None:
        return None
    each = [normal_equations(data, data.baseline.sums, number) for number in used]
    weights = np.ones(len(each))
    for _ in range(_FITS):
        matrix, vector = _average(each, weights)
        found = fit_pseudo_atoms(matrix, vector, data.baseline.parameters, data.valence)
        weights = _weights(each, found.fitted)
    return found


def _average(each: Sequence[NormalEquations], weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average matrices (b, b) and vectors (b,) of snapshots with weights (s,)."""
    matrix, vector = np.zeros_like(each[0].matrix), np.zeros_like(each[0].vector)
    for weight, one in zip(weights / len(each), each, strict=True):
        matrix += weight * one.matrix
        vector += weight * one.vector
    return matrix, vector


def _weights(each: Sequence[NormalEquations], coefficients: np.ndarray) -> np.ndarray:
    """Weigh snapshots by the inverse of their misfits; (s,), 1 on average.

    The likelihood is largest with these weights where errors are normal and each snapshot has a
    variance of its own.
    """
    misfits = np.array([one.misfit(coefficients) for one in each])
    inverse = 1.0 / np.maximum(misfits, _LEAST_MISFIT * misfits.mean())
    return inverse / inverse.mean()


def normal_equations(data: FeatureSet, sums: np.ndarray, number: int) -> NormalEquations:
    """Average over the points of a snapshot."""
    rows = np.flatnonzero(data.snapshot == number)
    size = sums.shape[1]
    matrix, vector = np.zeros((size, size)), np.zeros(size)
    for start in range(0, len(rows), _BLOCK):
        part = rows[start : start + _BLOCK]
        block = sums[part].astype(np.float64)
        matrix += block.T @ block
        vector += data.target[part] @ block
    square = float(np.mean(data.target[rows].astype(np.float64) ** 2))
    return NormalEquations(matrix / len(rows), vector / len(rows), square)


def fit_pseudo_atoms(
    matrix: np.ndarray,
    vector: np.ndarray,
    parameters: config.Baseline,
    valence: Mapping[str, float],
) -> PseudoAtoms:
    """Solve the normal equations under the constraint of the charges.

    Parameters
    ----------
    matrix : (b, b) array
    vector : (b,) array
        Weighted averages over snapshots of what `normal_equations` returns.
    parameters
        Cutoff, intervals, λ and the multipoles.
    valence
        Valence electrons by chemical symbol, in the order of the sums.
    """
    basis, species = PseudoAtomBasis(parameters), tuple(valence)
    each = np.eye(len(species))
    spherical = basis.size * len(species)
    smoothness = parameters.ridge * np.kron(each, basis.roughness)
    constraints, charges = np.kron(each, basis.charges), np.array(list(valence.values()))
    penalty, multipoles = smoothness, None
    if parameters.multipoles is not None:
        multipoles = MultipoleBasis(parameters.multipoles, species)
        penalty = block_diag(
            smoothness, np.diag(_shrinkage(multipoles, matrix[spherical:, spherical:]))
        )
        neutral = _neutrality(multipoles)
        constraints = block_diag(constraints, neutral)
        charges = np.append(charges, np.zeros(len(neutral)))
    corner = np.zeros((len(charges), len(charges)))
    system = np.block([[matrix + penalty, constraints.T], [constraints, corner]])
    solution = np.linalg.solve(system, np.append(vector, charges))[: len(vector)]
    tables = solution[:spherical].reshape(len(species), basis.size) @ basis.expansion.T
    if multipoles is None:
        return PseudoAtoms(parameters, species, tables)
    linear = spherical + math.prod(multipoles.shape)
    induced = solution[spherical:linear].reshape(multipoles.shape)
    products = None
    if multipoles.products is not None:
        products = solution[linear:].reshape(multipoles.product_shape)
    return PseudoAtoms(parameters, species, tables, induced, products)


def _shrinkage(basis: MultipoleBasis, matrix: np.ndarray) -> np.ndarray:
    """Return the weight of the square of every coefficient, μ ⟨S²⟩; (c,).

    ⟨S²⟩ is the mean of all multipoles of sums, and that of each product for its own: a product of
    two large sums is no more to be trusted than one of two small ones.
    """
    diagonal, linear = matrix.diagonal(), math.prod(basis.shape)
    weight = np.full(linear, diagonal[:linear].mean())
    if basis.products is None:
        return _RIDGE * weight
    squares = diagonal[linear:].reshape(basis.product_shape).mean(axis=(0, 1))
    each = np.broadcast_to(squares, basis.product_shape).ravel()
    return _RIDGE * np.append(weight, each)


def _neutrality(basis: MultipoleBasis) -> np.ndarray:
    """Charges that have to be zero: of each pair of species and n', each species and k; (z, c)."""
    own, other, _, _, inducing = basis.shape
    each = np.eye(own * other * inducing).reshape(-1, own, other, 1, 1, inducing)
    of_sums = (each * basis.charges).reshape(own * other * inducing, -1)
    if basis.products is None:
        return of_sums
    count = basis.product_shape[2]
    each = np.eye(own * count).reshape(-1, own, 1, count)
    of_products = (each * basis.product_charges).reshape(
        own * count, math.prod(basis.product_shape)
    )
    return block_diag(of_sums, of_products[of_products.any(axis=1)])
