"""Giving a trained model its error bars: from what it was fitted to, calibrated on the rest."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rhocast import config
from rhocast.learning.points import Points
from rhocast.model import Calibration, DensityModel, DensityNetwork, LastLayer, TrainingRange

#: Weight samples that the sampled uncertainty is calibrated with.
SAMPLES = 10
#: Points held back that are enough for two factors.
_MAX_POINTS = 20_000

_log = logging.getLogger(__name__)


def with_uncertainty(model: DensityModel, data: Points) -> DensityModel:
    """Return the model with the posterior of its last layer and the range of what it was fitted to.

    Parameters
    ----------
    model
        Whose network has been fitted.
    data
        All that it was fitted to.
    """
    return replace(
        model,
        last_layer=LastLayer.fit(_hidden(model.network, data)),
        training_range=TrainingRange.fit(
            lambda: (features for features, _ in data.batches()), data.data.snapshot[data.rows]
        ),
    )


@torch.inference_mode()
def _hidden(network: DensityNetwork, data: Points) -> Iterator[tuple[Tensor, Tensor]]:
    """Hidden values and predicted deviations, batch by batch."""
    for features, _ in data.batches():
        hidden = network.hidden(features)
        yield hidden, network.outputs(hidden)[1]


def calibrated(model: DensityModel, data: Points, held_back: str, seed: int) -> DensityModel:
    """Return the model with both kinds of uncertainty calibrated on what was held back.

    Parameters
    ----------
    model
        With the posterior of its last layer.
    data
        What was held back.
    held_back
        What of it is whole: see `rhocast.learning.split.Split`.
    seed
        Of the points, if they are too many, and of the weight samples.
    """
    if held_back == "points":
        _log.warning(
            "the error bars are calibrated on points of snapshots that were trained on, and are "
            "too small for others: hold back a trajectory (training.validation_trajectories)"
        )
    rng = np.random.default_rng(config.seed_for(seed, "calibration"))
    which = np.sort(rng.choice(len(data), min(_MAX_POINTS, len(data)), replace=False))
    features = np.asarray(data.data.features[data.rows[which]])
    plain = replace(model, calibrations={})
    draws = plain.draw(SAMPLES, config.seed_for(seed, "calibration"))
    options: dict[str, dict[str, Any]] = {"fast": {"fast": True}, "sampled": {"draws": draws}}
    calibrations = {}
    for kind, arguments in options.items():
        found = plain.predict(features, **arguments)
        assert found.epistemic_std is not None
        error = data.target[which] - found.mean
        calibrations[kind] = Calibration.fit(error, found.aleatoric_std, found.epistemic_std)
        _log.info(
            "calibration, %s: aleatoric σ × %.2f, epistemic σ × %.2f",
            kind,
            calibrations[kind].aleatoric,
            calibrations[kind].epistemic,
        )
    return replace(model, calibrations=calibrations)
