"""Fitting the baseline: linear least squares over whole meshes.

With φ_k the functions of one pseudo-atom and S_sk(r) = Σ_{j of s} φ_k(|r − R_j|), the coefficients
c minimise

    ⟨(Σ_sk c_sk S_sk − ρ)²⟩ + λ Σ_s |Δ² c_s|²     with   Σ_k c_sk ∫ φ_k d³r = Z_s  for every s,

the mean taken over all mesh points of a snapshot, then over snapshots; Δ² are second differences
of the table of species s, Z_s its valence electrons. Only ⟨S Sᵀ⟩ and ⟨S ρ⟩ are held, a matrix and
a vector for each snapshot.
"""

from collections.abc import Mapping

import numpy as np

from rhocast import config
from rhocast.descriptors import PseudoAtomBasis, PseudoAtoms
from rhocast.descriptors.tiles import Surroundings
from rhocast.dft.snapshot import Snapshot
from rhocast.grid import Blocks


def normal_equations(
    snapshot: Snapshot, basis: PseudoAtomBasis, atoms: Surroundings
) -> tuple[np.ndarray, np.ndarray]:
    """Average over the mesh of a snapshot, block by block.

    Returns
    -------
    matrix : (b, b) float64 array
        ⟨S Sᵀ⟩, species slowest.
    vector : (b,) float64 array
        ⟨S ρ⟩, e/Bohr³.
    """
    size = basis.size * len(atoms.trees)
    matrix, vector = np.zeros((size, size)), np.zeros(size)
    density = snapshot.density.reshape(-1)
    blocks = Blocks(snapshot.mesh.shape)
    for block in range(len(blocks)):
        indices = blocks.indices(block)
        sums = basis.sums(atoms, snapshot.mesh.points(indices)).astype(np.float64)
        matrix += sums.T @ sums
        vector += density[indices] @ sums
    return matrix / len(density), vector / len(density)


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
        Averages over snapshots of what `normal_equations` returns.
    parameters
        Cutoff, intervals and λ.
    valence
        Valence electrons by chemical symbol, in the order of the sums.
    """
    basis = PseudoAtomBasis(parameters)
    each = np.eye(len(valence))
    differences = np.diff(basis.expansion, n=2, axis=0)
    penalty = parameters.ridge * np.kron(each, differences.T @ differences)
    charges = np.kron(each, basis.charges)
    system = np.block([[matrix + penalty, charges.T], [charges, np.zeros_like(each)]])
    solution = np.linalg.solve(system, np.concatenate([vector, list(valence.values())]))
    coefficients = solution[: len(vector)].reshape(len(valence), basis.size)
    return PseudoAtoms(parameters, tuple(valence), coefficients @ basis.expansion.T)
