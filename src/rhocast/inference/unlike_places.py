"""Single places of a large cell that are unlike the training data, such as point defects.

The spread of a cell (`rhocast.inference.outside`) does not see what takes less than 1 % of its
points. So places are looked for where atoms are too few or too many (`rhocast.grid.uneven_places`),
and there alone the points are compared with the anchors of the training range. Neither tells a
defect by itself: in a million atoms heat makes some place uneven (of N normal deviations, the
largest is about √(2 ln N)), and in a liquid with cavities many are, but their points are no further
from the anchors than elsewhere.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rhocast.evaluation import compiled as kernels
from rhocast.evaluation.compiled import CompiledEvaluator
from rhocast.evaluation.reference import ReferenceEvaluator
from rhocast.grid import BinnedAtoms, Mesh
from rhocast.grid.uneven_places import UnevenPlace, uneven_places
from rhocast.inference.outside import Outside
from rhocast.model import DensityModel
from rhocast.model.training_range import CLOSE, TrainingRange, nearest
from rhocast.parallel.blas import one_blas_thread
from rhocast.structures import Structure

#: Standard deviations of the number of atoms from which on a place is looked at.
_LEAST_DEVIATIONS = 4.0
#: Places that are looked at, at most: one for so many atoms, within these limits.
_ATOMS_PER_PLACE, _FEWEST, _MOST = 500, 8, 64
#: Points within this distance of a place tell how far it is from the training data, and how far
#: apart they are, Bohr.
_RADIUS_BOHR, _SPACING_BOHR = 4.0, 0.8
#: So large a share of them lies nearer than the distance that counts.
_SHARE = 0.9
#: A place is told if this distance is beyond the largest spread of a snapshot trained on, and
#: `beyond_chance` larger than this.
_BEYOND_CHANCE = 1.5
#: Places that a message names.
_NAMED = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnlikePlace:
    """A place that is unlike the training data and the rest of its cell.

    Attributes
    ----------
    position_bohr
        Where it is, in the cell, Bohr.
    atom
        Number of the nearest atom, from 0.
    excess
        Atoms too many around it; negative where they are too few.
    deviations
        The same in standard deviations of the cell.
    distance
        How far its points are from the training data, in units of the median of the cell.
    """

    position_bohr: tuple[float, float, float]
    atom: int
    excess: float
    deviations: float
    distance: float

    def __str__(self) -> str:
        place = ", ".join(f"{x:.1f}" for x in self.position_bohr)
        many = "few" if self.excess < 0.0 else "many"
        return (
            f"({place}) Bohr, nearest atom {self.atom}: {abs(self.excess):.1f} atoms too {many} "
            f"({abs(self.deviations):.1f} standard deviations), its points lie "
            f"{self.distance:.2f} times as far from those trained on as half of the cell's do"
        )


def find_unlike_places(
    model: DensityModel, structure: Structure, outside: Outside | None
) -> tuple[UnlikePlace, ...] | None:
    """Find places of a cell that are unlike the training data, such as a vacancy in many atoms.

    Parameters
    ----------
    model
        The model; see `rhocast.model.training_range`.
    structure
        Of any size: the time grows as the number of atoms, at a few hundredths of a prediction's.
    outside
        How much of the structure lies outside.

    Returns
    -------
    tuple of UnlikePlace or None
        The most uneven first; None if the model has no anchors.
    """
    known = model.training_range
    if known is None or known.usual_spread is None or outside is None or outside.median is None:
        return None
    found = look_at_places(model, structure, outside.median)
    return tuple(place for place in found if is_unlike(place, known, len(structure)))


def look_at_places(
    model: DensityModel, structure: Structure, median: float
) -> tuple[UnlikePlace, ...]:
    """Look at the most uneven places of a cell, unlike the training data or not.

    Parameters
    ----------
    model
        With anchors.
    structure
        Of any size.
    median
        Distance of half of its points from the anchors.
    """
    atoms = BinnedAtoms.of(structure)
    most = int(np.clip(len(structure) // _ATOMS_PER_PLACE, _FEWEST, _MOST))
    uneven = uneven_places(atoms, _LEAST_DEVIATIONS, most)
    distances = _distances(model, atoms, uneven) / max(median, CLOSE)
    return tuple(
        UnlikePlace(
            tuple(np.round(place.position_bohr, 2).tolist()),
            place.atom,
            round(place.excess, 2),
            round(place.deviations, 2),
            round(float(distance), 3),
        )
        for place, distance in zip(uneven, distances, strict=True)
    )


def is_unlike(place: UnlikePlace, known: TrainingRange, n_atoms: int) -> bool:
    """Tell whether a place is further from the training data than heat makes one of many."""
    assert known.usual_spread is not None
    return (
        place.distance > known.usual_spread
        and beyond_chance(place, known.usual_spread, n_atoms) > _BEYOND_CHANCE
    )


def beyond_chance(place: UnlikePlace, usual_spread: float, n_atoms: int) -> float:
    """Return deviations × distance in units of what chance and the training data make of them.

    Of N normal deviations the largest is about √(2 ln N); N is the number of atoms.
    """
    chance = np.sqrt(2.0 * np.log(max(n_atoms, 2)))
    return float(abs(place.deviations) / chance * place.distance / usual_spread)


def _distances(
    model: DensityModel, atoms: BinnedAtoms, places: Sequence[UnevenPlace]
) -> np.ndarray:
    """Compute the distance (p,) of the points around each place from the nearest anchors."""
    assert model.training_range is not None
    assert model.training_range.anchors is not None
    if not places:
        return np.empty(0)
    mesh = Mesh.with_spacing(atoms.cell, _SPACING_BOHR)
    evaluator = (CompiledEvaluator if kernels.evaluates(model) else ReferenceEvaluator)(model, mesh)
    planes = 1.0 / np.linalg.norm(np.linalg.inv(atoms.cell), axis=0)
    half = np.ceil(_RADIUS_BOHR * np.array(mesh.shape) / planes).astype(int)
    box = tuple(slice(0, int(2 * n + 1)) for n in half)
    sides = (np.arange(-n, n + 1) for n in half)
    points = np.stack(np.meshgrid(*sides, indexing="ij"), axis=-1)
    near = np.linalg.norm(points / mesh.shape @ mesh.cell, axis=-1) <= _RADIUS_BOHR
    found = []
    for place in places:
        middle = np.rint(place.position_bohr @ np.linalg.inv(atoms.cell) * mesh.shape)
        lower, upper = (middle - half) / mesh.shape, (middle + half) / mesh.shape
        around = atoms.around(lower, upper, model.reach_bohr)
        assert around is not None  # an atom is near
        features = evaluator.bind(around).features(box).reshape(*near.shape, -1)[near]
        with one_blas_thread():
            found.append(np.quantile(nearest(features, model.training_range.anchors), _SHARE))
    return np.array(found)


def tell(places: Sequence[UnlikePlace] | None, where: str) -> None:
    """Log where single places are unlike the training data."""
    if not places:
        return
    more = len(places) - _NAMED
    log.warning(
        "%s: %s less like the training data than the rest of the cell, such as a point defect, "
        "near %s%s",
        where,
        "a place is" if len(places) == 1 else f"{len(places)} places are",
        "; ".join(str(place) for place in places[:_NAMED]),
        f"; and {more} more" if more > 0 else "",
    )
