"""Fitting the variational posterior: the loss (method.md, Eq. 28), its schedule, the loop.

The loss of a network with weights w on data D of N points is the paper's, per point:
(KL[q(w) ‖ p(w)] − E_q[log p(D | w)]) / N, with a Gaussian likelihood whose standard deviation is
the network's second output.
"""

import logging
import math
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from rhocast import config
from rhocast.errors import ModelError
from rhocast.files import owned
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.learning.points import Points
from rhocast.learning.training_state import (
    Best,
    TrainingState,
    moments_of,
    read_state,
    restore_moments,
    rng_states,
    set_rng_states,
)

#: How often, in a whole training, the data held back are looked at and the state is kept.
CHECKS = 10
#: Share of the steps over which the learning rate rises.
_WARM_UP = 0.05
#: Share of the steps over which the weight of the divergence rises from 0 to 1.
_ANNEALING = 0.5
#: Gradients longer than this are shortened: σ small at an outlier makes them long.
_MAX_GRADIENT = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """Where the state of a training is kept.

    Attributes
    ----------
    path
        The file.
    key
        Hash of all that determines the training: another one starts afresh.
    """

    path: Path
    key: str


def checkpoint_of(model: str | Path) -> Path:
    """Return the file beside a model to be that keeps the state of its training."""
    return Path(f"{model}.training")


def negative_log_likelihood(mean: Tensor, std: Tensor, target: Tensor) -> Tensor:
    """Mean over points of −log N(target; mean, std²), nats."""
    return (0.5 * ((target - mean) / std).square() + std.log()).mean() + 0.5 * math.log(math.tau)


def fit(
    network: DensityNetwork,
    data: Points,
    schedule: config.Training,
    seed: int,
    held_back: Points | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Fit the parameters of the network that require a gradient, in place.

    Parameters
    ----------
    network
        Left in evaluation mode, on the device it lies on.
    data
        What to fit, normalised to that device.
    schedule
        Steps, batch size, learning rate and patience.
    seed
        Of the batches and the weights' noise.
    held_back
        What the likelihood is measured on as the training goes on. With `schedule.patience` the
        weights that do best there are kept.
    checkpoint
        Where the state is kept, to go on from if the training is ended. Removed at the end.

    Raises
    ------
    ModelError
        If the loss becomes NaN or infinite.
    """
    device = network.head.weight.device
    alone = owned(checkpoint.path, "training") if checkpoint else nullcontext()
    with alone, torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        run = _Fit(network, data, schedule, held_back)
        if checkpoint and (state := read_state(checkpoint.path, checkpoint.key)):
            run.restore(state)
            _log.info("going on from step %d, %s", state.step, checkpoint.path)
        while run.goes_on():
            run.step()
            if run.check_is_due():
                run.check()
                if checkpoint:
                    run.state().write(checkpoint.path, checkpoint.key)
    if schedule.patience and run.best:
        network.load_state_dict(run.best.weights)
        _log.info("kept the weights of step %d of %d", run.best.step, run.done)
    network.eval()
    if checkpoint:
        checkpoint.path.unlink(missing_ok=True)


class _Fit:
    """A training on its way."""

    def __init__(
        self,
        network: DensityNetwork,
        data: Points,
        schedule: config.Training,
        held_back: Points | None,
    ) -> None:
        self._network, self._data, self._schedule = network, data, schedule
        self._device = network.head.weight.device
        self._held_back = held_back if held_back is not None and len(held_back) else None
        self._trainable = [p for p in network.parameters() if p.requires_grad]
        rate = schedule.learning_rate
        self._optimiser = torch.optim.AdamW(self._trainable, lr=rate, weight_decay=0.0)
        self._batches = _Batches(len(data), schedule.batch_size)
        self._between_checks = max(1, schedule.steps // CHECKS)
        self._progress = _Progress(schedule.steps)
        self.done = 0
        self.best: Best | None = None
        network.train()

    def goes_on(self) -> bool:
        """Say whether the training continues: steps are left, and the likelihood still improves."""
        if self._schedule.patience and self.best:
            patience = self._schedule.patience * self._between_checks
            if self.done - self.best.step >= patience:
                return False
        return self.done < self._schedule.steps

    def step(self) -> None:
        """Take one step."""
        share = self.done / self._schedule.steps
        for group in self._optimiser.param_groups:
            group["lr"] = self._schedule.learning_rate * _rate(share)
        rows = self._batches.next()
        features, target = self._data.take(rows)
        mean, std = self._network(features)
        likelihood = negative_log_likelihood(mean, std, target)
        divergence = self._network.kl() / len(self._data)
        loss = likelihood + min(1.0, share / _ANNEALING) * divergence
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._trainable, _MAX_GRADIENT)
        self._optimiser.step()
        if not math.isfinite(loss.item()):
            raise self._failed(loss.item(), rows)
        self._progress.add(loss.item())
        self.done += 1

    def _failed(self, loss: float, rows: np.ndarray) -> ModelError:
        largest, source = self._data.extreme(rows)
        return ModelError(
            f"{self._data.data.path}: the loss is {loss} at step {self.done} of "
            f"{self._schedule.steps}; lower `learning_rate` (now {self._schedule.learning_rate:g}) "
            f"or look at {source}: {largest:.3g} e/Bohr³ is the largest that was to be learnt"
        )

    def check_is_due(self) -> bool:
        """Tell whether it is time to look at the data held back."""
        return self.done % self._between_checks == 0 or self.done == self._schedule.steps

    def check(self) -> None:
        """Measure the likelihood of the data held back, report, keep the best weights."""
        if self._held_back is None:
            self._progress.report(self.done, None)
            return
        self._network.eval()
        error, nll = evaluate(self._network, self._held_back)
        self._network.train()
        self._progress.report(self.done, (error, nll))
        if self._schedule.patience and (self.best is None or nll < self.best.nll):
            weights = {name: value.clone() for name, value in self._network.state_dict().items()}
            self.best = Best(self.done, nll, weights)

    def state(self) -> TrainingState:
        """Return all that the rest follows from."""
        return TrainingState(
            self.done,
            self._network.state_dict(),
            moments_of(self._optimiser),
            self._batches.order,
            rng_states(self._device),
            self.best,
        )

    def restore(self, state: TrainingState) -> None:
        """Go back to a state."""
        self.done, self.best = state.step, state.best
        self._network.load_state_dict(state.weights)
        restore_moments(self._optimiser, state.moments)
        self._batches.order = state.order
        self._progress.start_at(state.step)
        set_rng_states(state.rng, self._device)


@torch.no_grad()
def evaluate(network: DensityNetwork, data: Points, batch_size: int = 4096) -> tuple[float, float]:
    """Root-mean-square error and negative log-likelihood with the mean weights, normalised."""
    parts = [(*network(features), target) for features, target in data.batches(batch_size)]
    mean, std, target = (torch.cat(column) for column in zip(*parts, strict=True))
    error = (mean - target).square().mean().sqrt()
    return error.item(), negative_log_likelihood(mean, std, target).item()


def _rate(done: float) -> float:
    """Learning rate over its highest value: a short rise, then half a cosine down to zero."""
    return min(1.0, (done + 1e-3) / _WARM_UP) * 0.5 * (1.0 + math.cos(math.pi * done))


class _Batches:
    """Endless random batches; every point comes once before any comes again."""

    def __init__(self, n_points: int, size: int) -> None:
        self._n_points, self._size = n_points, min(size, n_points)
        self.order = torch.empty(0, dtype=torch.long, device="cpu")

    def next(self) -> np.ndarray:
        if len(self.order) < self._size:
            self.order = torch.randperm(self._n_points, device="cpu")
        rows, self.order = self.order[: self._size], self.order[self._size :]
        return rows.numpy()


class _Progress:
    """Reports losses and the time left."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._losses: list[float] = []
        self.start_at(0)

    def start_at(self, step: int) -> None:
        self._first, self._start = step, time.monotonic()

    def add(self, loss: float) -> None:
        self._losses.append(loss)

    def report(self, done: int, held_back: tuple[float, float] | None) -> None:
        """Report the mean loss since the last report; ``held_back``: error and likelihood."""
        left = (time.monotonic() - self._start) * (self._steps - done) / (done - self._first)
        told = ""
        if held_back:
            told = "error {:.3f}, nll {:.3f} on data held back, ".format(*held_back)
        loss = sum(self._losses) / len(self._losses)
        self._losses.clear()
        _log.info("step %d of %d: loss %.3f, %s%.0f s left", done, self._steps, loss, told, left)
