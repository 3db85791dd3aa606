"""The plane-wave cutoff that the atoms of a crystal need, from their pseudopotentials' densities.

A psp8 file holds the density ρ of the valence electrons of the free pseudo-atom. Its root stands
for the wave functions. Plane waves up to G = √(2E) represent √ρ in part, and

    ε(E) = ∫ |(P √ρ)² − ρ| / ∫ ρ,

with P the projection on |G| ≤ √(2E), estimates the share of electrons that the cutoff E misplaces.
"""

from collections.abc import Mapping
from math import sqrt

import numpy as np

from rhocast.engines import Psp8
from rhocast.engines.psp8 import valence_density

#: Ha; steps of the search.
_LEAST_HA, _MOST_HA, _STEP_HA = 8, 120, 1
#: Largest wave number of the integrals and their spacing, 1/Bohr.
_LARGEST_Q, _SPACING_Q = 20.0, 0.05
#: Radii at which densities are compared, Bohr.
_RADII = np.linspace(0.0, 8.0, 161)


def sufficient_cutoff_ha(
    files: Mapping[str, Psp8], counts: Mapping[str, int], share: float
) -> int | None:
    """Return the least cutoff that misplaces at most a share of the electrons of a crystal, Ha.

    Parameters
    ----------
    files
        Pseudopotentials by element.
    counts
        Atoms of each element.
    share
        Of the crystal's valence electrons, in its free atoms.

    Returns
    -------
    int or None
        None if a file holds no valence density.
    """
    weights = {element: counts[element] * files[element].valence for element in counts}
    cutoffs = np.arange(_LEAST_HA, _MOST_HA + 1, _STEP_HA)
    error = np.zeros(len(cutoffs))
    for element, weight in weights.items():
        density = valence_density(files[element])
        if density is None:
            return None
        error += weight / sum(weights.values()) * misplaced_share(*density, cutoffs)
    too_coarse = np.flatnonzero(error > share)
    return int(cutoffs[min(too_coarse[-1] + 1, len(cutoffs) - 1)] if len(too_coarse) else _LEAST_HA)


def misplaced_share(radii: np.ndarray, density: np.ndarray, cutoffs_ha: np.ndarray) -> np.ndarray:
    """Return ε of each cutoff.

    Parameters
    ----------
    radii : (n,) array
        Equally spaced, Bohr.
    density : (n,) array
        Of the free atom, e/Bohr³.
    cutoffs_ha : (c,) array
        Ascending, Ha.
    """
    root = np.sqrt(np.maximum(density, 0.0)) * _fading(radii / radii[-1])
    q = np.arange(0.0, _LARGEST_Q, _SPACING_Q) + _SPACING_Q / 2.0
    waves = np.sinc(np.outer(q, radii) / np.pi) @ (root * radii**2)
    shells = np.sinc(np.outer(q, _RADII) / np.pi) * (waves * q**2)[:, None]
    sharp = shells.sum(axis=0) ** 2 * _RADII**2
    found = []
    for cutoff in cutoffs_ha:
        cut = shells[q <= sqrt(2.0 * cutoff)].sum(axis=0) ** 2 * _RADII**2
        found.append(np.abs(cut / cut.sum() - sharp / sharp.sum()).sum())
    return np.array(found)


def _fading(x: np.ndarray) -> np.ndarray:
    """Fall smoothly from 1 to 0 over the outer half: files end where densities still have tails."""
    t = np.clip(2.0 * x - 1.0, 0.0, 1.0)
    return 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2)
