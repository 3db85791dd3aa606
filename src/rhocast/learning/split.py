"""Holding data back to monitor the training; whole trajectories, if there are enough of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path

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

    Snapshots are taken from the trajectories in turn, so that no temperature judges alone. With too
    few of them too, points are drawn: a small dataset cannot spare a temperature.

    Parameters
    ----------
    data
        What to divide.
    share
        To hold back, about.
    rng
        Draws what is held back.
    trajectories
        Those to hold back, or single snapshots of them; by default they are drawn.

    Raises
    ------
    ConfigError
        If one of ``trajectories`` is not there, or nothing else is.
    """
    groups = np.array([record.group for record in data.records])
    if trajectories:
        return _named(data, groups, trajectories)
    names = rng.permutation(np.unique(groups))
    if count := _count(share, len(names)):
        return _divide(data, np.isin(groups, names[:count]), "trajectories")
    if count := _count(share, len(groups)):
        drawn = np.isin(np.arange(len(groups)), _in_turn(groups, names, rng)[:count])
        return _divide(data, drawn, "snapshots")
    chosen = np.zeros(len(data), dtype=bool)
    count = min(max(1, round(share * len(data))), len(data) - 1)
    chosen[rng.choice(len(data), count, replace=False)] = True
    return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen), "points")


def _count(share: float, total: int) -> int:
    """How many to hold back; never all."""
    return min(round(share * total), total - 1)


def _in_turn(groups: np.ndarray, names: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put snapshots (m,) into an order: one of each trajectory, then another of each."""
    members = [rng.permutation(np.flatnonzero(groups == name)) for name in names]
    return np.array(
        [snapshot for row in zip_longest(*members) for snapshot in row if snapshot is not None]
    )


def _divide(data: FeatureSet, held_back: np.ndarray, what: str) -> Split:
    """Hold back the snapshots (m,) that are marked."""
    chosen = held_back[data.snapshot]
    return Split(np.flatnonzero(~chosen), np.flatnonzero(chosen), what)


def _named(data: FeatureSet, groups: np.ndarray, wanted: Sequence[str]) -> Split:
    """Hold back trajectories and single snapshots by their names."""
    names = [f"{record.group}/{Path(record.source).stem}" for record in data.records]
    held_back = np.isin(groups, wanted) | np.isin(names, wanted)
    if held_back.all() or not set(wanted) <= {*groups, *names}:
        raise ConfigError(
            "validation_trajectories: expected some but not all of "
            f"{', '.join(np.unique(groups))}, or snapshots such as {names[0]}, found "
            f"{', '.join(wanted)}"
        )
    return _divide(data, held_back, "trajectories" if {*wanted} <= {*groups} else "snapshots")


def thin(parts: Split, share: float, rng: np.random.Generator) -> Split:
    """Keep a share of the rows to train on, at least one; what is held back stays."""
    count = max(1, round(share * len(parts.training)))
    return replace(parts, training=np.sort(rng.choice(parts.training, count, replace=False)))
