"""Giving a trained model its error bars: from what it was fitted to, calibrated on the rest."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rhocast import config
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.learning.points import Points
from rhocast.model import Calibration, DensityModel, LastLayer, TrainingRange
from rhocast.model.training_range import INSIDE

#: Weight samples that the sampled uncertainty is calibrated with.
SAMPLES = 10
#: Points held back that are enough for two factors.
_MAX_POINTS = 20_000

#: Added to the variances of the normalised features, for directions in which nothing varies.
_VARIANCE_RIDGE = 1e-4
#: λ in units of the mean diagonal element of Σ_r φ φᵀ / s², for what the data do not settle.
_PRECISION_RIDGE = 1e-6

_log = logging.getLogger(__name__)


def with_uncertainty(model: DensityModel, network: DensityNetwork, data: Points) -> DensityModel:
    """Return the model with the posterior of its last layer and the range of what it was fitted to.

    Parameters
    ----------
    model
        The model.
    network
        Its network as it has been fitted, on its device.
    data
        All that it was fitted to.
    """
    return replace(
        model,
        last_layer=fit_last_layer(_hidden(network, data)),
        training_range=fit_training_range(
            lambda: (features for features, _ in data.batches()), data.data.snapshot[data.rows]
        ),
    )


def fit_last_layer(batches: Iterable[tuple[Tensor, Tensor]]) -> LastLayer:
    """Fit the posterior to batches of hidden values (p, w) and predicted deviations s (p,).

    They are never held all at once.
    """
    precision = sum(_precision(hidden, std) for hidden, std in batches)
    assert isinstance(precision, Tensor)
    ridge = _PRECISION_RIDGE * precision.diagonal().mean()
    return LastLayer(_inverse_root(precision, ridge).numpy(force=True))


def _precision(hidden: Tensor, std: Tensor) -> Tensor:
    """Σ_r φ φᵀ / s² of a batch, (w + 1, w + 1) float64."""
    constant = hidden.new_ones(len(hidden), 1)
    weighted = torch.cat([hidden, constant], dim=1).double() / std.double()[:, None]
    return weighted.T @ weighted


def fit_training_range(
    batches: Callable[[], Iterable[Tensor]], snapshot: np.ndarray
) -> TrainingRange:
    """Fit the range to batches of normalised features (p, d) and the number of each's snapshot.

    They are gone through twice, and never held all at once.
    """
    total = sum(features.T.double() @ features.double() for features in batches())
    assert isinstance(total, Tensor)
    factor = _inverse_root(total / len(snapshot), _VARIANCE_RIDGE)
    distances = np.concatenate(
        [torch.linalg.vector_norm(f @ factor.T, dim=1).numpy(force=True) for f in batches()]
    )
    limit = float(np.quantile(distances, INSIDE))
    outside = distances > limit
    shares = [outside[snapshot == number].mean() for number in np.unique(snapshot)]
    return TrainingRange(factor.numpy(force=True), limit, float(max(shares)))


def _inverse_root(matrix: Tensor, ridge: Tensor | float) -> Tensor:
    """Return L with Lᵀ L = (matrix + ridge)⁻¹, float32 and lower triangular."""
    identity = torch.eye(len(matrix), dtype=torch.float64, device=matrix.device)
    cholesky = torch.linalg.cholesky(matrix + ridge * identity)
    return torch.linalg.solve_triangular(cholesky, identity, upper=False).float()


@torch.inference_mode()
def _hidden(network: DensityNetwork, data: Points) -> Iterator[tuple[Tensor, Tensor]]:
    """Hidden values and predicted deviations, batch by batch."""
    for features, _ in data.batches():
        hidden = network.hidden(features)
        yield hidden, network.outputs(hidden)[1]


def edge_of(model: DensityModel, data: Points, seed: int) -> float:
    """Return the ratio of epistemic to aleatoric σ, fast, that most points trained on keep to.

    Of the points (``data``) some are drawn.
    """
    _, _, aleatoric_std, epistemic_std = next(uncalibrated(model, data, seed))
    return float(np.quantile(epistemic_std / aleatoric_std, INSIDE))


def calibrated(
    model: DensityModel, data: Points, held_back: str, seed: int, edge: float | None = None
) -> DensityModel:
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
    edge
        From `edge_of`; without it σ does not grow outside the data.
    """
    if held_back == "points":
        _log.warning(
            "the error bars are calibrated on points of snapshots that were trained on, and are "
            "too small for others: hold back a trajectory (training.validation_trajectories)"
        )
    calibrations = {}
    for kind, error, aleatoric_std, epistemic_std in uncalibrated(model, data, seed):
        grows_at = edge if kind == "fast" else None
        calibrations[kind] = Calibration.fit(error, aleatoric_std, epistemic_std, grows_at)
        _log.info(
            "calibration, %s: aleatoric σ × %.2f, epistemic σ × %.2f",
            kind,
            calibrations[kind].aleatoric,
            calibrations[kind].epistemic,
        )
    return replace(model, calibrations=calibrations)


def uncalibrated(
    model: DensityModel, data: Points, seed: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Predict with either kind of uncertainty, as it is before calibration.

    Parameters
    ----------
    model
        With the posterior of its last layer.
    data
        What to predict; of too many points some are drawn.
    seed
        Of the points and of the weight samples.

    Yields
    ------
    str, three (p,) float32 arrays
        ``fast`` or ``sampled``, the error of the mean, aleatoric and epistemic standard deviation,
        e/Bohr³.
    """
    rng = np.random.default_rng(config.seed_for(seed, "calibration"))
    which = np.sort(rng.choice(len(data), min(_MAX_POINTS, len(data)), replace=False))
    features = np.asarray(data.data.features[data.rows[which]])
    plain = replace(model, calibrations={})
    draws = plain.draw(SAMPLES, config.seed_for(seed, "calibration"))
    options: dict[str, dict[str, Any]] = {"fast": {"fast": True}, "sampled": {"draws": draws}}
    for kind, arguments in options.items():
        found = plain.predict(features, **arguments)
        assert found.epistemic_std is not None  # it has been asked for
        yield kind, data.target[which] - found.mean, found.aleatoric_std, found.epistemic_std
