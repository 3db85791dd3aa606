"""What the network's size, its prior, its loss and its points are worth on aluminium.

    python benchmarks/training.py [--steps 3000] [--points 8000] [--only NAME …]

As `benchmarks/descriptors.py`, all with the descriptor and the baseline of `data/al.yaml`.
"""

import argparse
import math
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import torch
from descriptors import JUDGED, Variant, error, train, write

from rhocast import config
from rhocast.learning import fitting
from rhocast.learning.points import Points

#: Share of a training whose weights are averaged.
AVERAGED = 0.2


def main() -> None:
    """Train and judge, row by row."""
    own = config.load_config("data/al.yaml")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--points", type=int, default=8000, help="of each snapshot")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    options = parser.parse_args()
    columns = ["variant", *JUDGED, "features and training, s"]
    write(columns)
    write(["---" for _ in columns])
    for name in options.only:
        recipe = recipe_of(own, options.steps, options.points, VARIANTS[name])
        started = time.process_time()
        with ExitStack() as stack:
            for part, other in PATCHES.get(name, {}).items():
                stack.enter_context(patch.object(fitting, part, other))
            model = train(recipe, Variant(own.descriptor, own.baseline))
        seconds = time.process_time() - started
        errors = [f"{error(model, systems):.2%}" for systems in JUDGED.values()]
        write([name, *errors, f"{seconds:.0f}"])


def recipe_of(
    own: config.Config, steps: int, points: int, changes: Mapping[str, Any]
) -> config.Recipe:
    """Return the recipe of a variant: changes of the network's keys, or of steps and points."""
    sizes = {"steps": steps, "points": points}
    sizes |= {key: value * sizes[key] for key, value in changes.items() if key in sizes}
    network = {key: value for key, value in changes.items() if key not in sizes}
    return own.recipe.model_copy(
        update={
            "network": own.network.model_copy(update=network),
            "training": own.training.model_copy(update={"steps": sizes["steps"]}),
            "features": own.features.model_copy(update={"points_per_snapshot": sizes["points"]}),
        }
    )


def absolute(mean: torch.Tensor, std: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood of Laplace's distribution: the loss is the absolute error."""
    return (math.sqrt(2.0) * (target - mean).abs() / std + std.log()).mean() + 0.5 * math.log(2.0)


class Averaging(fitting._Fit):
    """Ends with the mean of the last weights."""

    _sums: dict[str, torch.Tensor] | None = None
    _count = 0

    def step(self) -> None:
        """Take one step."""
        super().step()
        if self.done > (1.0 - AVERAGED) * self._schedule.steps:
            weights = self._network.state_dict()
            before = self._sums or {name: torch.zeros_like(w) for name, w in weights.items()}
            self._sums = {name: before[name] + w for name, w in weights.items()}
            self._count += 1
        if self._sums and not self.goes_on():
            self._network.load_state_dict({n: s / self._count for n, s in self._sums.items()})


class Targeted(fitting._Fit):
    """Draws points the more often, the more pseudo-atoms leave over there."""

    def __init__(self, network: Any, data: Points, schedule: Any, held_back: Any) -> None:
        super().__init__(network, data, schedule, held_back)
        left = torch.from_numpy(data.target).abs()
        self._batches = _Drawn(left + left.median(), schedule.batch_size)


class _Drawn:
    """Batches with repetition, by weight."""

    order = torch.empty(0)

    def __init__(self, weights: torch.Tensor, size: int) -> None:
        self._cumulative, self._size = weights.double().cumsum(0), size

    def next(self) -> Any:
        """Return the rows of a batch."""
        places = torch.rand(self._size, dtype=torch.double) * self._cumulative[-1]
        rows = torch.searchsorted(self._cumulative, places)
        return rows.clamp(max=len(self._cumulative) - 1).numpy()


#: Factors of steps and points, and keys of the network.
VARIANTS: dict[str, dict[str, Any]] = {
    "`data/al.yaml`": {},
    "twice the steps": {"steps": 2},
    "twice the points": {"points": 2},
    "half the width": {"width": 32},
    "twice the width": {"width": 128},
    "two layers a block": {"layers_per_block": 2},
    "prior 1, not 0.3": {"prior_std": 1.0},
    "absolute error (L1)": {},
    "points where more is left over": {},
    "weights averaged": {},
}
PATCHES: dict[str, dict[str, Any]] = {
    "absolute error (L1)": {"negative_log_likelihood": absolute},
    "points where more is left over": {"_Fit": Targeted},
    "weights averaged": {"_Fit": Averaging},
}

if __name__ == "__main__":
    main()
