"""How far error bars can be believed, and what they cost: fast, sampled, and a deep ensemble.

    python benchmarks/uncertainty.py FOLDER [--members 5] [--steps 1500]

Models are trained on snapshots of `data/al/al32`, each from a start of its own. Three snapshots are
kept from all of them, for the two calibration factors of every kind of uncertainty alike. Judged on
other temperatures, on vacancies and on strain. FOLDER keeps the features and receives
`uncertainty.md`.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from aluminium import NETWORK, POOL, STRAIN, TEST, TRAINING, VACANCY, features

from rhocast.analysis.metrics import CONFIDENCES, coverages, sharpness
from rhocast.learning import FeatureSet, train_on
from rhocast.learning.points import remainder
from rhocast.model import Calibration, DensityModel
from rhocast.model.normalisation import Prediction

CALIBRATION_SNAPSHOTS = 3
JUDGED = {"500 and 1400 K": TEST, "vacancy": VACANCY, "strain ±3 %": STRAIN}
COLUMNS = (
    *("uncertainty", "cost", "data", "∫\\|Δρ\\|/Nₑ", "1σ", "2σ", "3σ", "calibration error"),
    "sharpness",
)

#: Features (p, d) to a prediction.
Predictor = Callable[[np.ndarray], Prediction]


@dataclass(frozen=True)
class Sample:
    """Points with what is known of them.

    Attributes
    ----------
    features : (p, d) array
    target : (p,) array
        Density less baseline, e/Bohr³.
    density : (p,) array
        e/Bohr³.
    """

    features: np.ndarray
    target: np.ndarray
    density: np.ndarray

    @classmethod
    def of(cls, data: FeatureSet, model: DensityModel) -> "Sample":
        """Take all points of a dataset."""
        target = remainder(data, np.arange(len(data)), model.baseline)
        return cls(np.array(data.features), target, data.target)


def main() -> None:
    """Train, calibrate, judge, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    pool = features(POOL, options.folder)
    kept = np.random.default_rng(0).permutation(len(pool.records))
    training = pool.of_snapshots(kept[CALIBRATION_SNAPSHOTS:])
    # Of all snapshots, points alone are held back: the members share the baseline.
    schedule = TRAINING.model_copy(update={"steps": options.steps, "validation_share": 0.01})
    members = [
        replace(train_on(training, network=NETWORK, training=schedule, seed=seed), calibrations={})
        for seed in range(options.members)
    ]
    first = members[0]
    held_out = Sample.of(pool.of_snapshots(kept[:CALIBRATION_SNAPSHOTS]), first)
    judged = {
        name: Sample.of(features(data, options.folder), first) for name, data in JUDGED.items()
    }
    baseline = seconds(first.predict, held_out.features)
    lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    for name, predictor in predictors(members).items():
        cost = seconds(predictor, held_out.features) / baseline
        calibration = calibrate(predictor, held_out)
        for data, sample in judged.items():
            cells = [name, f"{cost:.1f}", data, *judge(predictor, calibration, sample)]
            lines.append(" | ".join(cells))
    table = "\n".join(f"| {line} |" for line in lines) + "\n"
    (options.folder / "uncertainty.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)


def predictors(members: Sequence[DensityModel]) -> dict[str, Predictor]:
    """Return what is compared."""
    first = members[0]
    compared: dict[str, Predictor] = {"`fast`": lambda points: first.predict(points, fast=True)}
    for samples in (10, 30):
        draws = first.draw(samples)
        compared[f"`sampled`, {samples}"] = lambda points, draws=draws: first.predict(points, draws)
    compared[f"ensemble of {len(members)}"] = lambda points: ensemble(members, points)
    return compared


def ensemble(members: Sequence[DensityModel], points: np.ndarray) -> Prediction:
    """Take mean and spread of the members' means, and the mean of their variances."""
    found = [member.predict(points) for member in members]
    means = np.stack([prediction.mean for prediction in found])
    variances = np.stack([prediction.aleatoric_std**2 for prediction in found])
    return Prediction(means.mean(axis=0), np.sqrt(variances.mean(axis=0)), means.std(0, ddof=1))


def calibrate(predictor: Predictor, sample: Sample) -> Calibration:
    """Fit the two factors on what no member was trained on."""
    found = predictor(sample.features)
    assert found.epistemic_std is not None
    return Calibration.fit(sample.target - found.mean, found.aleatoric_std, found.epistemic_std)


def judge(predictor: Predictor, calibration: Calibration, sample: Sample) -> list[str]:
    """Return error, coverages, calibration error and sharpness as cells."""
    found = predictor(sample.features)
    assert found.epistemic_std is not None
    std = np.hypot(*calibration(found.aleatoric_std, found.epistemic_std))
    error = np.abs(sample.target - found.mean)
    within = [f"{np.mean(error < n * std):.3f}" for n in (1, 2, 3)]
    misjudged = np.abs(coverages(error / std) - CONFIDENCES).mean()
    misplaced = error.sum() / sample.density.sum()
    return [f"{misplaced:.2%}", *within, f"{misjudged:.3f}", f"{sharpness(error, std):.2f}"]


def seconds(predictor: Predictor, points: np.ndarray) -> float:
    """Measure CPU time, the best of three."""
    times = []
    for _ in range(3):
        start = time.process_time()
        predictor(points)
        times.append(time.process_time() - start)
    return min(times)


if __name__ == "__main__":
    main()
