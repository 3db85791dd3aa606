"""Which data next: the structures whose densities would inform a model most.

Computing a density settles the mean at all its points at once. In the units of the posterior of
the last layer (`rhocast.model.spread`), with z = L φ at a point and s the noise predicted there, n
points of a structure add A = n ⟨z zᵀ / s²⟩ to the precision of the weights, and what is learnt
from structures C is

    I(C) = ½ log det(1 + Σ_{c of C} A_c)    nats.

Structures are taken greedily, each time the one that adds most to what those before have told: the
maximum-determinant choice of Holzmüller, Zaverkin, Kästner and Steinwart, J. Mach. Learn. Res. 24,
164 (2023), with a whole structure in the place of a point. I is monotone and submodular, so the
greedy choice is within 1 - 1/e of the best one. A structure that is like one taken before has
little to add.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rhocast.datasets.chosen_frames import Choice
from rhocast.errors import ConfigError, ModelError
from rhocast.model import DensityModel
from rhocast.structures import Structure

#: Points of each structure that are looked at.
POINTS = 2000


@dataclass(frozen=True)
class Candidate:
    """A structure without a density.

    Attributes
    ----------
    source
        File or trajectory that it comes from.
    frame
        Its number there.
    structure
        Atoms and cell.
    """

    source: str
    frame: int
    structure: Structure


def acquire(
    model: DensityModel,
    candidates: Sequence[Candidate],
    count: int,
    seed: int = 0,
    *,
    equal_noise: bool = False,
) -> list[Choice]:
    """Choose the structures whose densities to compute, the most informative first.

    A longer choice begins with a shorter one.

    Parameters
    ----------
    model
        With the posterior of its last layer.
    candidates
        What to choose from.
    count
        How many to take.
    seed
        Of the points that are looked at, the same in every structure.
    equal_noise
        Whether s is the same at all points of all candidates, so that 1/s² keeps its mean. With the
        predicted noise, structures of elements whose densities are hard to learn, such as those
        with d electrons, are taken last.

    Raises
    ------
    ConfigError
        If more are asked for than there are.
    ModelError
        If the model has no posterior of its last layer, or has never seen one of the elements.
    """
    if not 1 <= count <= len(candidates):
        raise ConfigError(
            f"expected 1 to {len(candidates)} structures to be chosen (there are "
            f"{len(candidates)}), found {count}"
        )
    points = np.random.default_rng(seed).random((POINTS, 3))
    found = [_evidence(model, candidate, points, equal_noise) for candidate in candidates]
    information = np.stack([evidence.information for evidence in found])
    if equal_noise:
        information *= np.mean([evidence.precision for evidence in found])
    return [
        Choice(candidates[i].source, candidates[i].frame, gain, found[i].epistemic_std)
        for i, gain in most_telling(information, count)
    ]


@dataclass(frozen=True)
class _Evidence:
    """What a density would tell.

    Attributes
    ----------
    information : (r, r) array
        A; with s = 1 where the noise is to be equal.
    precision
        Mean of 1/s² over the points.
    epistemic_std
        Root mean square over the cell, e/Bohr³.
    """

    information: np.ndarray
    precision: float
    epistemic_std: float


def _evidence(
    model: DensityModel, candidate: Candidate, points: np.ndarray, equal_noise: bool
) -> _Evidence:
    """Return what a structure would tell, from points (p, 3) in units of its cell.

    n is the number of points that the model was trained on in one snapshot.
    """
    last_layer = model.check_last_layer()
    try:
        bound = model.bind(candidate.structure)
    except ModelError as error:
        raise ModelError(f"{candidate.source}, frame {candidate.frame}: {error}") from error
    features = bound.descriptor(points @ candidate.structure.cell)
    hidden = model.network.hidden(model.normalisation.features(features))
    projected = last_layer.project(hidden).astype(np.float64)
    noise = model.network.outputs(hidden)[1].astype(np.float64)
    scaled = projected if equal_noise else projected / noise[:, None]
    training = model.metadata.get("training", {})
    n_points = training.get("points", POINTS) / len(training.get("snapshots", "1"))
    information = n_points / len(points) * (scaled.T @ scaled)
    variance = float((projected**2).sum(axis=1).mean())
    unit = float(model.normalisation.target_std)
    if "fast" in model.calibrations:
        unit *= model.calibrations["fast"].epistemic
    return _Evidence(information, float(np.mean(noise**-2)), unit * variance**0.5)


def most_telling(information: np.ndarray, count: int) -> list[tuple[int, float]]:
    """Take structures greedily by what they add to I.

    Parameters
    ----------
    information : (m, r, r) array
        A of each structure.
    count
        How many to take.

    Returns
    -------
    list of (int, float)
        Which, and what each has added, nats.
    """
    known = np.eye(information.shape[1])
    told, left = 0.0, list(range(len(information)))
    taken = []
    for _ in range(count):
        gains = [0.5 * np.linalg.slogdet(known + information[i])[1] - told for i in left]
        best = int(np.argmax(gains))
        taken.append((left.pop(best), float(gains[best])))
        known = known + information[taken[-1][0]]
        told += taken[-1][1]
    return taken
