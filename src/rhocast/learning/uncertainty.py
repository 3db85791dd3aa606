"""Giving a trained model its error bars: from what it was fitted to, calibrated on the rest."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rhocast import config
from rhocast.learning.feature_file import FeatureSet
from rhocast.learning.fitting import Points
from rhocast.learning.split import Split
from rhocast.model import Calibration, DensityModel, DensityNetwork, LastLayer

#: Weight samples that the sampled uncertainty is calibrated with.
SAMPLES = 10
#: Points held back that are enough for two factors.
_MAX_POINTS = 20_000

_log = logging.getLogger(__name__)


def with_last_layer(model: DensityModel, data: Points) -> DensityModel:
    """Return the model with the posterior of its last layer, given all that it was fitted to."""
    return replace(model, last_layer=LastLayer.fit(lambda: _hidden(model.network, data)))


@torch.inference_mode()
def _hidden(network: DensityNetwork, data: Points) -> Iterator[tuple[Tensor, Tensor]]:
    """Hidden values and predicted deviations, batch by batch."""
    for batch in data.features.split(4096):
        hidden = network.hidden(batch)
        yield hidden, network.outputs(hidden)[1]


def calibrated(
    model: DensityModel, data: FeatureSet, target: np.ndarray, parts: Split, seed: int
) -> DensityModel:
    """Return the model with both kinds of uncertainty calibrated on what was held back.

    Parameters
    ----------
    model
        With the posterior of its last layer.
    data
        The feature set.
    target : (p,) array
        What the network has to learn at its points, e/Bohr³.
    parts
        What was held back.
    seed
        Of the points, if they are too many, and of the weight samples.
    """
    if parts.held_back == "points":
        _log.warning(
            "the error bars are calibrated on points of snapshots that were trained on, and are "
            "too small for others: hold back a trajectory (training.validation_trajectories)"
        )
    rng = np.random.default_rng(config.seed_for(seed, "calibration"))
    count = min(_MAX_POINTS, len(parts.validation))
    rows = np.sort(rng.choice(parts.validation, count, replace=False))
    plain = replace(model, calibrations={})
    draws = plain.draw(SAMPLES, config.seed_for(seed, "calibration"))
    options: dict[str, dict[str, Any]] = {"fast": {"fast": True}, "sampled": {"draws": draws}}
    calibrations = {}
    for kind, arguments in options.items():
        found = plain.predict(data.features[rows], **arguments)
        assert found.epistemic_std is not None
        error = target[rows] - found.mean
        calibrations[kind] = Calibration.fit(error, found.aleatoric_std, found.epistemic_std)
        _log.info(
            "calibration, %s: aleatoric σ × %.2f, epistemic σ × %.2f",
            kind,
            calibrations[kind].aleatoric,
            calibrations[kind].epistemic,
        )
    return replace(model, calibrations=calibrations)
