"""Trains a peer for a number of CPU minutes, with a checkpoint that another run goes on from.

The rate rises over the first hundredth of the time and falls with half a cosine to zero at its end.
The weights with the smallest error on the snapshots held back are kept, as both peers do.
"""

import json
import math
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recipes import Graph, Recipe
from samples import Sample

from rhocast.files import replacing

#: CPU time between two validations, each with a checkpoint, seconds.
BETWEEN_CHECKPOINTS_S = 120.0

#: Probe points of each snapshot held back, drawn once.
VALIDATION_PROBES = 200

WARM_UP = 0.01


@dataclass
class Progress:
    """How far a training has come: steps, CPU seconds, the smallest error and its weights."""

    steps: int = 0
    cpu_s: float = 0.0
    best_nmae: float = math.inf
    best: dict[str, Any] = field(default_factory=dict)


def train(
    recipe: Recipe, training: list[Path], held_back: list[Path], minutes: float, checkpoint: Path
) -> Progress:
    """Train until the CPU time is spent, that of earlier runs included, and take the best weights.

    Reading the snapshots, making graphs and validation count as well.
    """
    optimizer = torch.optim.Adam(recipe.model.parameters(), recipe.learning_rate)
    progress = load(checkpoint, recipe, optimizer) if checkpoint.exists() else Progress()
    spent_before = progress.cpu_s - time.process_time()
    if progress.cpu_s < 60.0 * minutes:
        samples = [Sample.read(path) for path in training]
        state = np.random.get_state()  # noqa: NPY002, the peers draw from it
        np.random.seed(0)  # noqa: NPY002
        judges = [
            recipe.collate([recipe.draw(s.density, s.atoms, s.points, VALIDATION_PROBES)])
            for s in map(Sample.read, held_back)
        ]
        np.random.set_state(state)  # noqa: NPY002
        due, losses = progress.cpu_s, []
        while progress.cpu_s < 60.0 * minutes:
            rate = recipe.learning_rate * factor(progress.cpu_s / (60.0 * minutes))
            for group in optimizer.param_groups:
                group["lr"] = rate
            losses.append(step(recipe, samples, optimizer))
            progress.steps += 1
            progress.cpu_s = spent_before + time.process_time()
            if progress.cpu_s >= min(due, 60.0 * minutes):
                nmae = validate(recipe, judges)
                if nmae < progress.best_nmae:
                    progress.best_nmae, progress.best = nmae, copy(recipe.model.state_dict())
                report(progress, nmae, rate, float(np.mean(losses)))
                save(checkpoint, recipe, optimizer, progress)
                due, losses = progress.cpu_s + BETWEEN_CHECKPOINTS_S, []
    recipe.model.load_state_dict(progress.best)
    return progress


def factor(share: float) -> float:
    """Return what the rate is multiplied by when a share of the CPU time is spent."""
    return min(1.0, 0.01 + share / WARM_UP) * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


def step(recipe: Recipe, samples: list[Sample], optimizer: torch.optim.Optimizer) -> float:
    """Train on random points of random snapshots; return the loss."""
    chosen = np.random.randint(len(samples), size=recipe.cells)  # noqa: NPY002
    batch = recipe.collate([draw(recipe, samples[index]) for index in chosen])
    loss = recipe.loss(recipe.model(batch), batch["probe_target"])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def draw(recipe: Recipe, sample: Sample) -> Graph:
    """Draw the points of a step."""
    return recipe.draw(sample.density, sample.atoms, sample.points, recipe.probes)


def validate(recipe: Recipe, judges: list[Graph]) -> float:
    """Return the mean NMAE of the snapshots held back, at the points drawn."""
    found = []
    with torch.no_grad():
        for batch in judges:
            wrong = (recipe.model(batch) - batch["probe_target"]).abs().mean()
            found.append((wrong / batch["probe_target"].mean()).item())
    return float(np.mean(found))


def copy(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Copy weights that go on changing."""
    return {name: value.clone() for name, value in state.items()}


def report(progress: Progress, nmae: float, rate: float, loss: float) -> None:
    """Write a line of the learning curve as JSON."""
    line = {
        "cpu_min": round(progress.cpu_s / 60.0, 2),
        "steps": progress.steps,
        "rate": float(f"{rate:.3g}"),
        "loss": float(f"{loss:.4g}"),
        "validation_nmae": float(f"{nmae:.4g}"),
    }
    sys.stderr.write(json.dumps(line) + "\n")


def save(
    checkpoint: Path, recipe: Recipe, optimizer: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write all that a later run goes on from."""
    with replacing(checkpoint) as partial:
        torch.save(
            {
                "model": recipe.model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "random": np.random.get_state(),  # noqa: NPY002
                "progress": asdict(progress),
            },
            partial,
        )


def load(checkpoint: Path, recipe: Recipe, optimizer: torch.optim.Optimizer) -> Progress:
    """Read it; what Adam and the random numbers were goes on."""
    found = torch.load(checkpoint, weights_only=False)
    recipe.model.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])
    np.random.set_state(found["random"])  # noqa: NPY002
    return Progress(**found["progress"])
