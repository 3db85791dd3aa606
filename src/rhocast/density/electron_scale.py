"""Scaling a predicted density to the electrons of its atoms."""

import logging

import numpy as np

from rhocast.errors import ModelError

log = logging.getLogger(__name__)

#: A density that is scaled by more than this, up or down, is warned of.
TRUSTED_SCALING = 0.02

#: A mesh that is coarser than this, Bohr, resolves no valence density.
COARSE_BOHR = 1.0

#: Makes up for the rounding of standard deviations to half precision.
_ROUNDED_UP = 1.0 + 2.0**-10


def scale_factor(count: float, n_electrons: float | None, where: str) -> float:
    """Return what to multiply a density by, so that it holds the right number of electrons.

    method.md, Eq. 39.

    Parameters
    ----------
    count
        ∫ρ as predicted.
    n_electrons
        Valence electrons of the structure; None if the model does not know them.
    where
        What messages name as the place of the density.

    Raises
    ------
    ModelError
        If ``n_electrons`` is None or ``count`` is not positive.
    """
    if n_electrons is None:
        raise ModelError(
            f"{where}: the model does not say how many valence electrons the elements have, so "
            "the density cannot be scaled; leave it as predicted"
        )
    if not count > 0.0:
        raise ModelError(
            f"{where}: the predicted density integrates to {count:.6g} electrons, expected about "
            f"{n_electrons:.6g}; this model does not fit the structure"
        )
    return n_electrons / count


def least_share(scale: float) -> float:
    """Return the least σ of a scaled density, as a share of the density; 0 for a small scaling.

    Where the electron count is wrong by more than `TRUSTED_SCALING`, the model does not know the
    structure, and what was added or taken away is the least that can be wrong anywhere.
    """
    return abs(1.0 - scale) * _ROUNDED_UP if abs(1.0 - scale) > TRUSTED_SCALING else 0.0


def scaled_values(name: str, values: np.ndarray, density: np.ndarray, scale: float) -> np.ndarray:
    """Scale some values of a field to the electrons.

    Parameters
    ----------
    name
        Of the field.
    values
        Of the field, before scaling.
    density
        At the same points, before scaling; looked at for ``epistemic_std`` alone.
    scale
        From `scale_factor`.

    Returns
    -------
    float64 array
        An epistemic standard deviation is at least `least_share` of the scaled density.
    """
    scaled = np.multiply(values, scale, dtype=np.float64)
    if name == "epistemic_std" and (share := least_share(scale)):
        np.maximum(scaled, share * scale * np.abs(density, dtype=np.float64), out=scaled)
    return scaled


def warn_of_scaling(scale: float, where: str, spacing_bohr: float) -> None:
    """Warn of a scaling that no density of a suitable model on a mesh so fine needs."""
    if abs(1.0 - scale) > TRUSTED_SCALING:
        log.warning(
            "%s: the density was multiplied by %.4f to hold the electrons of the atoms, expected "
            "1 within %g: %s; the epistemic standard deviation is %.2g of the density or more",
            where,
            scale,
            TRUSTED_SCALING,
            f"a mesh of {spacing_bohr:.3g} Bohr is too coarse to count them"
            if spacing_bohr > COARSE_BOHR
            else "the model does not know such a structure",
            abs(1.0 - scale),
        )
