"""Before anyone trusts a field: how much of a structure is unlike what the model was trained on."""

import logging

import numpy as np

from rhocast.grid import BinnedAtoms
from rhocast.model import DensityModel
from rhocast.structures import Structure

#: Places that are looked at, points at each of them, and how wide a place is, Bohr.
PLACES, POINTS, WIDTH_BOHR = 48, 64, 2.0
#: Share of points outside the training range from which a prediction is warned of.
_NOTEWORTHY = 0.01
#: Relative distance of the volume per atom from all that was trained on, likewise.
_VOLUME_TOLERANCE = 0.01

log = logging.getLogger(__name__)


def share_outside(model: DensityModel, structure: Structure, reach_bohr: float) -> float | None:
    """Estimate the share of points outside the training range, at places drawn in the cell.

    Places without an atom within reach do not count.

    Parameters
    ----------
    model
        The model; see `DensityModel.is_outside`.
    structure
        Of any size: only the atoms around the places are looked at.
    reach_bohr
        How far around its points the model must be given the atoms, Bohr.

    Returns
    -------
    float or None
        None if the model does not know its training range.
    """
    if model.last_layer is None:
        return None
    rng = np.random.default_rng(0)
    atoms = BinnedAtoms.of(structure)
    extent = WIDTH_BOHR / np.linalg.norm(structure.cell, axis=1)
    shares = []
    for lower in rng.random((PLACES, 3)):
        offsets = rng.random((POINTS, 3)) * extent @ structure.cell
        if (around := atoms.around(lower, lower + extent, reach_bohr)) is not None:
            bound = model.bind(around.structure, around.lower, around.upper)
            features = bound.descriptor(around.corner + offsets)
            shares.append(model.is_outside(features).mean())
    return round(float(np.mean(shares)), 4) if shares else None


def tell(model: DensityModel, structure: Structure, share: float | None, where: str) -> None:
    """Log how far a structure lies outside what the model was trained on."""
    if share is not None:
        level = logging.WARNING if share > _NOTEWORTHY else logging.INFO
        log.log(
            level,
            "%s: %.1f %% of the points lie outside the model's training range",
            where,
            100 * share,
        )
    known = model.metadata.get("training", {}).get("volume_per_atom_bohr3")
    volume = structure.volume / len(structure)
    if known and not (
        known[0] * (1.0 - _VOLUME_TOLERANCE) <= volume <= known[1] * (1.0 + _VOLUME_TOLERANCE)
    ):
        log.warning(
            "%s: %.1f Bohr³ to an atom, the model was trained on %.1f to %.1f",
            where,
            volume,
            *known,
        )
