"""How much of a structure lies outside the training range of a model."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rhocast.evaluation import compiled as kernels
from rhocast.evaluation.compiled import CompiledEvaluator
from rhocast.evaluation.reference import ReferenceEvaluator
from rhocast.grid import BinnedAtoms, Mesh
from rhocast.grid.closest_pairs import closest_pairs
from rhocast.model import DensityModel
from rhocast.model.training_range import INSIDE, TrainingRange, nearest, spread
from rhocast.parallel.blas import one_blas_thread
from rhocast.structures import Structure
from rhocast.structures.pairs import shortest_bonds

#: Boxes that are looked at; points along their sides, and the distance between these, Bohr.
BOXES, SIDE, SPACING_BOHR = 512, 2, 0.5
#: The boxes lie in so many neighbourhoods at most, so long at most, Bohr: atoms are gathered once
#: for each of them.
NEIGHBOURHOODS, NEIGHBOURHOOD_BOHR = 24, 24.0
#: A prediction is warned of where more points lie outside than in any snapshot trained on, by this
#: factor and this share: what so few points cannot tell apart.
_MORE_THAN_USUAL, _UNCERTAIN_SHARE = 1.2, 0.003
#: Likewise where more points lie outside than so many times what the data of training show on
#: average, or so large a share beyond twice the limit, where next to none of them lie.
_MORE_THAN_TYPICAL, _FAR, _FAR_SHARE = 10.0, 2.0, 5e-4
#: Likewise where the spread of the cell is larger than in any snapshot trained on, by this factor.
_MORE_SPREAD = 1.05
#: Likewise relative distance of the volume per atom, an element's share of the atoms, and relative
#: distance of the closest atoms.
_VOLUME_TOLERANCE, _COMPOSITION_TOLERANCE, _DISTANCE_TOLERANCE = 0.01, 0.02, 0.03

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outside:
    """How much of a structure is unlike what a model was trained on.

    Attributes
    ----------
    share
        Share of points outside the training range.
    far_share
        Share of points beyond twice the limit of that range.
    spread
        Of the points, see `rhocast.model.training_range`; None if the model has no anchors.
    place_bohr
        Where the point is that is furthest from the anchors.
    median
        Distance of half of the points from the nearest anchors.
    """

    share: float
    far_share: float
    spread: float | None = None
    place_bohr: tuple[float, float, float] | None = None
    median: float | None = None


def look_outside(model: DensityModel, structure: Structure) -> Outside | None:
    """Estimate the shares of points outside the training range, in boxes drawn in the cell.

    Boxes without an atom within reach do not count.

    Parameters
    ----------
    model
        The model; see `rhocast.model.training_range`.
    structure
        Of any size: only the atoms around the boxes are looked at.

    Returns
    -------
    Outside or None
        None if the model does not know its training range.
    """
    known = model.training_range
    if known is None:
        return None
    rng = np.random.default_rng(0)
    atoms = BinnedAtoms.of(structure)
    mesh = Mesh.with_spacing(structure.cell, SPACING_BOHR)
    sides = np.minimum(mesh.shape, np.ceil(NEIGHBOURHOOD_BOHR / mesh.spacing).astype(int))
    count = int(np.clip(np.ceil(mesh.n_points / float(np.prod(sides))), 1, NEIGHBOURHOODS))
    compiled = kernels.evaluates(model)
    evaluator = (CompiledEvaluator if compiled else ReferenceEvaluator)(model, mesh)
    found, places = [], []
    for lower in rng.random((count, 3)):
        upper = lower + (sides + SIDE - 2) / mesh.shape
        around = atoms.around(lower, upper, model.reach_bohr)
        corners = rng.integers(sides, size=(BOXES // count, 3)).tolist()
        if around is not None:
            bound = evaluator.bind(around)
            for corner in corners:
                box = tuple(slice(n, n + SIDE) for n in corner)
                part = bound.features(box).reshape(-1, model.n_features)
                if (part != part[0]).any():  # else it is empty
                    found.append(part)
                    places.append((lower + np.array(corner) / mesh.shape) % 1.0)
    if not found:
        return None
    distances = known.distance(np.concatenate(found))
    share, far = (float((distances > k * known.limit).mean()) for k in (1.0, _FAR))
    outside = Outside(round(share, 4), round(far, 5))
    if known.anchors is None:
        return outside
    with one_blas_thread():
        apart = nearest(np.concatenate(found), known.anchors)
    place = places[int(apart.argmax()) // len(found[0])] @ structure.cell
    return replace(
        outside,
        spread=round(spread(apart), 3),
        place_bohr=tuple(place.tolist()),
        median=float(np.median(apart)),
    )


def tell(model: DensityModel, structure: Structure, found: Outside | None, where: str) -> None:
    """Log how far a structure lies outside what the model was trained on."""
    known = model.training_range
    if found is not None and known is not None:
        log.log(
            logging.WARNING if is_unusual(found, known) else logging.INFO,
            "%s: %.1f %% of the points lie outside the model's training range (%.2f %% beyond "
            "twice its limit); of the training's own points, %.1f %% do, of one snapshot's at "
            "most %.1f %%",
            where,
            100 * found.share,
            100 * found.far_share,
            100 * (1.0 - INSIDE),
            100 * known.usual_share,
        )
        if is_uneven(found, known):
            log.warning("%s: %s", where, _unevenness(found, known))
    for line in (*departures(model, structure), *close_atoms(model, structure)):
        log.warning("%s: %s", where, line)


def is_unusual(found: Outside, known: TrainingRange) -> bool:
    """Tell whether more of a structure lies outside than of any snapshot trained on."""
    usual = _MORE_THAN_USUAL * known.usual_share + _UNCERTAIN_SHARE
    typical = _MORE_THAN_TYPICAL * (1.0 - INSIDE)
    return found.share > min(usual, typical) or found.far_share > _FAR_SHARE


def is_uneven(found: Outside, known: TrainingRange) -> bool:
    """Tell whether a part of a cell is less like the training data than the rest."""
    if found.spread is None or known.usual_spread is None:
        return False
    return found.spread > _MORE_SPREAD * known.usual_spread


def _unevenness(found: Outside, known: TrainingRange) -> str:
    place = ", ".join(f"{x:.1f}" for x in found.place_bohr or ())
    return (
        "a part of the cell is less like the training data than the rest, such as a defect, most "
        f"of all near ({place}) Bohr: 1 % of the points lie {found.spread:.2f} times as far from "
        "the points trained on as half of them do, in the snapshots trained on at most "
        f"{known.usual_spread:.2f} times"
    )


def close_atoms(model: DensityModel, structure: Structure) -> Iterator[str]:
    """Tell which elements' atoms are closer than in all cells that a model was trained on.

    Earlier models do not know these distances: there 0.6 times the sum of the covalent radii
    counts.

    Returns
    -------
    iterator of str
        A sentence for each pair of elements.
    """
    known: dict[str, float] = {}
    for part in trained_on(model):
        for name, distance in part.get("closest_bohr", {}).items():
            known[name] = min(distance, known.get(name, distance))
    limits = shortest_bonds(structure, known)
    found = closest_pairs(structure, max(limits.values()))
    for name, (distance, (first, second)) in found.items():
        if distance < (1.0 - _DISTANCE_TOLERANCE) * limits[name]:
            yield (
                f"atoms {first} and {second}, {name}, are {distance:.2f} Bohr apart, expected at "
                f"least {limits[name]:.2f}: "
                + ("none were closer in training" if name in known else "no bond is so short")
            )


def trained_on(model: DensityModel) -> list[dict[str, Any]]:
    """Return what is known of the data of training and transfer."""
    return [model.metadata[part] for part in ("training", "transfer") if part in model.metadata]


def departures(model: DensityModel, structure: Structure) -> Iterator[str]:
    """Tell in what a whole cell is unlike those that a model was trained on.

    Single points do not show it: the strain and the composition around a point vary in every cell.

    Returns
    -------
    iterator of str
        A sentence on the volume per atom, where no cell that the model, or the transfer, was
        trained on had it, and one on each element's share of the atoms that lies outside theirs.
    """
    trained = trained_on(model)
    volumes = [v for part in trained for v in part.get("volume_per_atom_bohr3", ())]
    volume = structure.volume / len(structure)
    if volumes and all(abs(volume - known) > _VOLUME_TOLERANCE * known for known in volumes):
        below = max((known for known in volumes if known < volume), default=None)
        above = min((known for known in volumes if known > volume), default=None)
        nearest = " and ".join(f"{known:.1f}" for known in (below, above) if known is not None)
        far = not 0.5 * min(volumes) < volume < 2.0 * max(volumes)
        yield (
            f"{volume:.1f} Bohr³ to an atom, the nearest the model was trained on: {nearest}; "
            + ("is the unit of lengths right?" if far else "the errors may be larger there")
        )
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
