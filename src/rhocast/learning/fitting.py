"""Fitting the variational posterior: the loss, its schedule, the loop.

The loss of a network with weights w on data D of N points is the paper's, per point:
(KL[q(w) ‖ p(w)] − E_q[log p(D | w)]) / N, with a Gaussian likelihood whose standard deviation is
the network's second output.
"""

import logging
import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from rhocast import config
from rhocast.errors import ModelError
from rhocast.model import DensityNetwork

#: Share of the steps over which the learning rate rises.
_WARM_UP = 0.05
#: Share of the steps over which the weight of the divergence rises from 0 to 1.
_ANNEALING = 0.5
#: Gradients longer than this are shortened: σ small at an outlier makes them long.
_MAX_GRADIENT = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Points:
    """Normalised data.

    Attributes
    ----------
    features : (p, d) float32 tensor
    target : (p,) float32 tensor
    """

    features: Tensor
    target: Tensor

    def __len__(self) -> int:
        return len(self.target)


def negative_log_likelihood(mean: Tensor, std: Tensor, target: Tensor) -> Tensor:
    """Mean over points of −log N(target; mean, std²), nats."""
    return (0.5 * ((target - mean) / std).square() + std.log()).mean() + 0.5 * math.log(math.tau)


def fit(network: DensityNetwork, data: Points, schedule: config.Training, seed: int) -> None:
    """Fit the parameters of the network that require a gradient, in place.

    Parameters
    ----------
    network
        Left in evaluation mode.
    data
        What to fit.
    schedule
        Steps, batch size and learning rate.
    seed
        Of the batches and the weights' noise.

    Raises
    ------
    ModelError
        If the loss becomes NaN or infinite.
    """
    trainable = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trainable, lr=schedule.learning_rate, weight_decay=0.0)
    network.train()
    progress = _Progress(schedule.steps)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        batches = _Batches(len(data), schedule.batch_size)
        for step in range(schedule.steps):
            done = step / schedule.steps
            for group in optimiser.param_groups:
                group["lr"] = schedule.learning_rate * _rate(done)
            rows = batches.next()
            mean, std = network(data.features[rows])
            likelihood = negative_log_likelihood(mean, std, data.target[rows])
            loss = likelihood + min(1.0, done / _ANNEALING) * network.kl() / len(data)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trainable, _MAX_GRADIENT)
            optimiser.step()
            progress.report(step, loss.item(), schedule.learning_rate)
    network.eval()


@torch.no_grad()
def evaluate(network: DensityNetwork, data: Points, batch_size: int = 4096) -> tuple[float, float]:
    """Root-mean-square error and negative log-likelihood with the mean weights, normalised."""
    parts = [network(batch) for batch in data.features.split(batch_size)]
    mean, std = (torch.cat(column) for column in zip(*parts, strict=True))
    error = (mean - data.target).square().mean().sqrt()
    return error.item(), negative_log_likelihood(mean, std, data.target).item()


def _rate(done: float) -> float:
    """Learning rate over its highest value: a short rise, then half a cosine down to zero."""
    return min(1.0, (done + 1e-3) / _WARM_UP) * 0.5 * (1.0 + math.cos(math.pi * done))


class _Batches:
    """Endless random batches; every point comes once before any comes again."""

    def __init__(self, n_points: int, size: int) -> None:
        self._n_points, self._size = n_points, min(size, n_points)
        self._order = torch.empty(0, dtype=torch.long)

    def next(self) -> Tensor:
        if len(self._order) < self._size:
            self._order = torch.randperm(self._n_points)
        rows, self._order = self._order[: self._size], self._order[self._size :]
        return rows


class _Progress:
    """Reports the loss, ten times in all, and stops where it is no number."""

    def __init__(self, steps: int) -> None:
        self._steps, self._every = steps, max(1, steps // 10)
        self._start = time.monotonic()
        self._sum = 0.0

    def report(self, step: int, loss: float, learning_rate: float) -> None:
        if not math.isfinite(loss):
            raise ModelError(
                f"the loss is {loss} at step {step} of {self._steps}; lower `learning_rate` (now "
                f"{learning_rate:g}) or look for a snapshot with a damaged density"
            )
        self._sum += loss
        if (step + 1) % self._every == 0:
            elapsed = time.monotonic() - self._start
            left = elapsed * (self._steps - step - 1) / (step + 1)
            _log.info(
                "step %d of %d: loss %.3f, %.0f s left",
                step + 1,
                self._steps,
                self._sum / self._every,
                left,
            )
            self._sum = 0.0
