"""Before anyone trusts a field: how much of a structure is unlike what the model was trained on."""

import logging
import re
from collections.abc import Iterator

import numpy as np

from rhocast import descriptors
from rhocast.grid import BinnedAtoms
from rhocast.model import DensityModel
from rhocast.structures import Structure

#: Places that are looked at, points at each of them, and how wide a place is, Bohr.
PLACES, POINTS, WIDTH_BOHR = 96, 64, 2.0
#: A prediction is warned of where more points lie outside than in any snapshot trained on, by this
#: factor and this share: what so few places cannot tell apart.
_MORE_THAN_USUAL, _UNCERTAIN_SHARE = 1.2, 0.003
#: Likewise relative distance of the volume per atom, and of an element's share of the atoms.
_VOLUME_TOLERANCE, _COMPOSITION_TOLERANCE = 0.01, 0.02

log = logging.getLogger(__name__)


def share_outside(model: DensityModel, structure: Structure) -> float | None:
    """Estimate the share of points outside the training range, at places drawn in the cell.

    Places without an atom within reach do not count.

    Parameters
    ----------
    model
        The model; see `DensityModel.is_outside`.
    structure
        Of any size: only the atoms around the places are looked at.

    Returns
    -------
    float or None
        None if the model does not know its training range.
    """
    if model.training_range is None:
        return None
    rng = np.random.default_rng(0)
    descriptor = descriptors.make(model.descriptor, model.species)
    atoms = BinnedAtoms.of(structure)
    extent = WIDTH_BOHR / np.linalg.norm(structure.cell, axis=1)
    shares = []
    for lower in rng.random((PLACES, 3)):
        offsets = rng.random((POINTS, 3)) * extent @ structure.cell
        if (around := atoms.around(lower, lower + extent, descriptor.reach_bohr)) is not None:
            bound = descriptor.bind(around.structure, around.lower, around.upper)
            inputs = model.normalisation.features(bound(around.corner + offsets))
            shares.append(model.is_outside(inputs).mean())
    return round(float(np.mean(shares)), 4) if shares else None


def tell(model: DensityModel, structure: Structure, share: float | None, where: str) -> None:
    """Log how far a structure lies outside what the model was trained on."""
    if share is not None and model.training_range is not None:
        usual = model.training_range.usual_share
        unusual = share > _MORE_THAN_USUAL * usual + _UNCERTAIN_SHARE
        log.log(
            logging.WARNING if unusual else logging.INFO,
            "%s: %.1f %% of the points lie outside the model's training range, at most %.1f %% in "
            "a snapshot that it was trained on",
            where,
            100 * share,
            100 * usual,
        )
    for line in departures(model, structure):
        log.warning("%s: %s", where, line)


def departures(model: DensityModel, structure: Structure) -> Iterator[str]:
    """Tell in what a whole cell is unlike those that a model was trained on.

    Single points do not show it: the strain and the composition around a point vary in every cell.

    Returns
    -------
    iterator of str
        A sentence on the volume per atom, where no cell that the model, or the transfer, was
        trained on had it, and one on each element's share of the atoms that lies outside theirs.
    """
    trained = [model.metadata[part] for part in ("training", "transfer") if part in model.metadata]
    volumes = [v for part in trained for v in part.get("volume_per_atom_bohr3", ())]
    volume = structure.volume / len(structure)
    if volumes and all(abs(volume - known) > _VOLUME_TOLERANCE * known for known in volumes):
        below = max((known for known in volumes if known < volume), default=None)
        above = min((known for known in volumes if known > volume), default=None)
        nearest = " and ".join(f"{known:.1f}" for known in (below, above) if known is not None)
        yield f"{volume:.1f} Bohr³ to an atom, the nearest the model was trained on: {nearest}"
    cells = [shares_of(formula) for part in trained for formula in part.get("cells", ())]
    found = shares_of(structure.formula)
    for element in model.species if cells else ():
        known = [cell.get(element, 0.0) for cell in cells]
        share = found.get(element, 0.0)
        if not (
            min(known) - _COMPOSITION_TOLERANCE <= share <= max(known) + _COMPOSITION_TOLERANCE
        ):
            yield (
                f"{share:.0%} of the atoms are {element}, the model was trained on "
                f"{min(known):.0%} to {max(known):.0%}"
            )


def shares_of(formula: str) -> dict[str, float]:
    """Return the share of each element in a formula such as ``Si8Ge8``."""
    counts = {symbol: int(count) for symbol, count in re.findall(r"([A-Z][a-z]?)(\d+)", formula)}
    return {symbol: count / sum(counts.values()) for symbol, count in counts.items()}
