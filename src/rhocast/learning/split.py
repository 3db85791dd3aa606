"""Holding data back to watch the loss, without leakage where there is enough of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rhocast.errors import ConfigError
from rhocast.learning.feature_file import FeatureSet


@dataclass(frozen=True)
class Split:
    """Rows to train on and rows held back.

    Attributes
    ----------
    training, validation : int arrays
        Rows of the feature set, in rising order, disjoint.
    held_back
        What was held back whole: ``trajectories``, ``snapshots`` or ``points``. Only the first is
        a test on unseen data; points of one snapshot know each other.
    """

    training: np.ndarray
    validation: np.ndarray
    held_back: str


def split(
    data: FeatureSet, share: float, rng: np.random.Generator, trajectories: Sequence[str] = ()
) -> Split:
    """Hold back whole trajectories; if that share is less than half of one, whole snapshots.

    With too few snapshots too, points are drawn: a small dataset cannot spare a temperature.

    Parameters
    ----------
    data
        What to divide.
    share
        To hold back, about.
    rng
        Draws what is held back.
    trajectories
        Those to hold back; by default they are drawn.

    Raises
    ------
    ConfigError
        If one of ``trajectories`` is not there, or nothing else is.
    """
    groups = np.array([record.group for record in data.records])[data.snapshot]
    if trajectories:
        _check_names(trajectories, np.unique(groups))
        chosen = np.isin(groups, trajectories)
        return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen), "trajectories")
    for held_back, labels in (("trajectories", groups), ("snapshots", data.snapshot)):
        names = np.unique(labels)
        count = min(round(share * len(names)), len(names) - 1)
        if count:
            chosen = np.isin(labels, rng.choice(names, count, replace=False))
            return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen), held_back)
    chosen = np.zeros(len(data), dtype=bool)
    count = min(max(1, round(share * len(data))), len(data) - 1)
    chosen[rng.choice(len(data), count, replace=False)] = True
    return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen), "points")


def _check_names(trajectories: Sequence[str], known: np.ndarray) -> None:
    if not set(trajectories) < set(known):
        raise ConfigError(
            f"validation_trajectories: expected some but not all of {', '.join(known)}, found "
            f"{', '.join(trajectories)}"
        )


def thin(parts: Split, share: float, rng: np.random.Generator) -> Split:
    """Keep a share of the rows to train on, at least one; what is held back stays."""
    count = max(1, round(share * len(parts.training)))
    return replace(parts, training=np.sort(rng.choice(parts.training, count, replace=False)))
