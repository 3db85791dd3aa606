"""Detection of metals that are sampled by too few k-points."""

import math

import numpy as np

from rhocast.grid.kpoints import SPACING_TOLERANCE, KMesh

#: Points of a metal may lie this far apart, 1/Bohr; 3×3×3 for 32 atoms of aluminium are 0.137.
METAL_SPACING_PER_BOHR = 0.15
#: The same where every snapshot has a shift of its own, which makes the error noise; 2×2×2 for 32
#: atoms of aluminium are 0.205.
DRAWN_METAL_SPACING_PER_BOHR = 0.21
#: A share of the electrons in half-filled states from which a cell counts as a metal.
METAL_SHARE = 1e-4


def partial_electrons(occupations: np.ndarray, weights: np.ndarray) -> float:
    """Count the electrons in partially filled states, 2 Σ_k w_k Σ_n f (1 - f).

    That is about k_B T times the density of states at the Fermi level: 0.7 % of the electrons in
    aluminium at 631 K, none in a crystal with a gap.

    Parameters
    ----------
    occupations : (k, n) array
        Electrons in each state, 0 to 2.
    weights : (k,) array
        Of the k-points; they add up to 1.
    """
    share = occupations / 2.0
    return float(2.0 * np.sum(weights[:, None] * share * (1.0 - share)))


def undersampling(
    cell: np.ndarray,
    kpoints: KMesh,
    electrons_in_part: float,
    n_electrons: float,
    drawn: bool = False,
) -> str | None:
    """Return a warning if a metal's k-points lie too far apart; None if all is well.

    Too few points can open a gap, so that a metal sampled at Γ alone is not always recognised.

    Parameters
    ----------
    cell : (3, 3) array
        Lattice vectors as rows, Bohr.
    kpoints
        Mesh of k-points.
    electrons_in_part
        Electrons in partially filled states.
    n_electrons
        All valence electrons.
    drawn
        Whether the shift of the mesh is drawn for each snapshot.
    """
    lengths = 2.0 * math.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    spacing = float((lengths / kpoints.divisions).max())
    expected = DRAWN_METAL_SPACING_PER_BOHR if drawn else METAL_SPACING_PER_BOHR
    if spacing <= expected * (1.0 + SPACING_TOLERANCE):
        return None
    if electrons_in_part < METAL_SHARE * n_electrons:
        return None
    return (
        f"{electrons_in_part / n_electrons:.2%} of the electrons are in partially filled states, "
        f"as in a metal, but k-points lie {spacing:.2g}/Bohr apart ({kpoints}), expected at most "
        f"{expected}/Bohr: in 32-atom aluminium Γ alone (0.41/Bohr) misplaces 2.8 % "
        "of the electrons, 2×2×2 (0.21/Bohr) 0.8 %, 3×3×3 (0.14/Bohr) 0.3 %; lower "
        "dft.kpoint_spacing_per_bohr, or see what it does with `rhocast converge`"
    )
