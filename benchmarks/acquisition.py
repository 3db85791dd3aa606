"""Densities chosen by `rhocast acquire` against densities drawn at random: learning curves.

    python benchmarks/acquisition.py FOLDER [--seeds 6] [--steps 1000]

A model is trained on two snapshots of 32 aluminium atoms, drawn at random from `data/al/al32`. From
the others further ones are taken: those that the model chooses, the same with the temperatures
taking turns (what a dataset's `pool` does), or any. A model is trained on all. Errors are
∫|Δρ|/N_e, estimated at 6000 points of each snapshot, at temperatures and on vacancies that are
never trained on. FOLDER keeps the features and receives `acquisition.tsv` and `acquisition.png`.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from aluminium import NETWORK, POOL, TEST, TRAINING, VACANCY, features, structures

from rhocast import config
from rhocast.datasets.chosen_frames import Choice
from rhocast.learning import Candidate, FeatureSet, acquire, train_on
from rhocast.learning.points import remainder
from rhocast.model import DensityModel

START, ADDED = 2, (2, 5)
HELD_OUT = {"500 K": (TEST, "500K"), "1400 K": (TEST, "1400K"), "vacancy, 500 K": (VACANCY, "500K")}


COLOURS = {"random": "tab:grey", "chosen": "tab:blue", "chosen in turn": "tab:orange"}


@dataclass(frozen=True)
class Row:
    """One trained model.

    Attributes
    ----------
    seed, how, added
        Of the draw, ``chosen`` or ``random``, and how many snapshots were added.
    errors
        ∫|Δρ|/N_e by test set.
    """

    seed: int
    how: str
    added: int
    errors: tuple[float, ...]


def main() -> None:
    """Train, measure, write the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=1000)
    options = parser.parse_args()
    pool = features(POOL, options.folder)
    tests = [at(features(name, options.folder), end) for name, end in HELD_OUT.values()]
    schedule = TRAINING.model_copy(update={"steps": options.steps})
    candidates = [
        Candidate(record.source, number, structure)
        for number, (record, structure) in enumerate(
            zip(pool.records, structures(POOL), strict=True)
        )
    ]
    rows = []
    with (options.folder / "acquisition.tsv").open("w", encoding="utf-8") as table:
        table.write("\t".join(["seed", "how", "added", *HELD_OUT]) + "\n")
        for seed in range(options.seeds):
            for row in curves(pool, candidates, tests, schedule, seed):
                rows.append(row)
                cells = [row.seed, row.how, row.added, *(f"{e:.5f}" for e in row.errors)]
                table.write("\t".join(map(str, cells)) + "\n")
                table.flush()
    draw(rows, options.folder / "acquisition.png")
    sys.stdout.write(summary(rows))


def at(data: FeatureSet, temperature: str) -> FeatureSet:
    """Return the snapshots of one temperature."""
    return data.of_snapshots(
        [i for i, record in enumerate(data.records) if record.group.endswith(f"/{temperature}")]
    )


def curves(
    pool: FeatureSet,
    candidates: Sequence[Candidate],
    tests: Sequence[FeatureSet],
    schedule: config.Training,
    seed: int,
) -> Iterator[Row]:
    """Train the models of one seed."""
    shuffled = np.random.default_rng(seed).permutation(len(candidates))
    start, others = shuffled[:START], shuffled[START:]

    def trained(snapshots: Sequence[int]) -> DensityModel:
        some = pool.of_snapshots(snapshots)
        return train_on(some, network=NETWORK, training=schedule, seed=seed)

    first = trained(start)
    chosen = acquire(first, [candidates[i] for i in others], len(others))
    orders = {
        "chosen": [choice.frame for choice in chosen],
        "chosen in turn": in_turn(chosen),
        "random": list(others),
    }
    errors = tuple(error(first, data) for data in tests)
    for how, order in orders.items():
        yield Row(seed, how, 0, errors)
        for added in ADDED:
            model = trained([*start, *order[:added]])
            yield Row(seed, how, added, tuple(error(model, data) for data in tests))


def in_turn(chosen: Sequence[Choice]) -> list[int]:
    """Return the frames with one trajectory after the other, each in its own order."""
    trajectories: dict[Path, list[int]] = {}
    for choice in chosen:
        trajectories.setdefault(Path(choice.source).parent, []).append(choice.frame)
    rounds = zip_longest(*trajectories.values())
    return [frame for taken in rounds for frame in taken if frame is not None]


def error(model: DensityModel, data: FeatureSet) -> float:
    """Estimate ∫|Δρ|/N_e from sampled points."""
    target = remainder(data, np.arange(len(data)), model.baseline)
    found = model.predict(np.array(data.features)).mean
    return float(np.abs(found - target).sum() / data.target.sum())


def summary(rows: Sequence[Row]) -> str:
    """Tell the mean errors, and their standard error over the seeds."""
    lines = [f"{'':16}{'added':>7}" + "".join(f"{name:>28}" for name in HELD_OUT)]
    for how, added in sorted({(row.how, row.added) for row in rows}):
        mean, spread = curve(rows, how, added)
        cells = (f"{100 * m:.3f} ± {100 * s:.3f} %" for m, s in zip(mean, spread, strict=True))
        lines.append(f"{how:16}{added:7d}" + "".join(f"{cell:>28}" for cell in cells))
    return "\n".join(lines) + "\n"


def curve(rows: Sequence[Row], how: str, added: int) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard error over the seeds, a number for each test set."""
    errors = np.array([row.errors for row in rows if (row.how, row.added) == (how, added)])
    return errors.mean(axis=0), errors.std(axis=0, ddof=1) / np.sqrt(len(errors))


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw the learning curves."""
    figure, panels = plt.subplots(1, len(HELD_OUT), figsize=(9.0, 3.2), layout="constrained")
    sizes = [0, *ADDED]
    for number, (name, axes) in enumerate(zip(HELD_OUT, panels, strict=True)):
        for how, colour in COLOURS.items():
            mean, spread = np.array([np.array(curve(rows, how, n))[:, number] for n in sizes]).T
            axes.errorbar(sizes, 100 * mean, 100 * spread, fmt="o-", color=colour, label=how)
        axes.set(title=name, xlabel=f"snapshots added to the first {START}", yscale="log")
        axes.yaxis.set_major_formatter("{x:.3g}")
        axes.yaxis.set_minor_formatter("{x:.3g}")
    panels[0].set_ylabel("∫|Δρ| / Nₑ, %")
    panels[1].legend(frameon=False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
