"""Anchors of the training range: points of every snapshot, and how far others lie from them."""

from dataclasses import replace

import numpy as np

from rhocast import config
from rhocast.learning.points import Points
from rhocast.model import DensityModel
from rhocast.model.training_range import nearest, spread

#: Anchors of a model, of all snapshots together.
ANCHORS = 2000
#: Points of a snapshot that tell its spread.
_JUDGED = 2000


def with_anchors(model: DensityModel, data: Points, seed: int) -> DensityModel:
    """Return a model whose range has anchors, and the largest spread of a snapshot trained on.

    Parameters
    ----------
    model
        With its training range.
    data
        What it was fitted to; each snapshot is compared with the anchors of all others. With a
        single one there are none, and the model is returned as it is.
    seed
        Of the points.
    """
    snapshot = data.data.snapshot[data.rows]
    numbers = np.unique(snapshot)
    if model.training_range is None or len(numbers) < 2:
        return model
    rng = np.random.default_rng(config.seed_for(seed, "anchors"))
    drawn = [rng.permutation(np.flatnonzero(snapshot == number)) for number in numbers]
    each = max(ANCHORS // len(numbers), 1)
    anchors = [_features(data, rows[:each]).astype(np.float16) for rows in drawn]
    spreads = [
        spread(
            nearest(_features(data, rows[:_JUDGED]), np.concatenate(anchors[:i] + anchors[i + 1 :]))
        )
        for i, rows in enumerate(drawn)
    ]
    known = replace(
        model.training_range, anchors=np.concatenate(anchors), usual_spread=max(spreads)
    )
    return replace(model, training_range=known)


def _features(data: Points, rows: np.ndarray) -> np.ndarray:
    return data.take(np.sort(rows))[0].numpy(force=True)
