"""Error bars on kinds that a model has never seen: remedies beside each other.

    python benchmarks/error_bars.py FOLDER [--points 4000]

FOLDER holds `al.h5`, the features that the model `al` was trained on (`rhocast features`, see
data/README.md). It keeps the features of the judges, which this computes, and receives
`error_bars.md`. The network stays as it is; each remedy changes its σ. What it has to be fitted to
is the model's data and `al108`, known temperatures in another cell; no vacancy and no strain.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from rhocast.config import load_config
from rhocast.learning import FeatureSet, read_features, sample_features
from rhocast.learning.points import Points
from rhocast.model import Calibration, DensityModel

DATA = Path("data")
HELD_BACK = ("al32/315K/7", "al32/933K/7", "al32/1866K/7")
OTHER_CELL = "al/al108"
JUDGES = {
    "500 and 1400 K": "al/al32-test",
    "vacancy, 108 sites": "al-defects/al107-vacancy",
    "di-vacancy, 108 sites": "al-defects/al106-divacancy",
    "vacancy, 32 sites": "al-defects/al31-vacancy",
    "di-vacancy, 32 sites": "al-defects/al30-divacancy",
    "−5 %": "al-defects/al32-compressed5",
    "−3 %": "al-defects/al32-compressed",
    "+3 %": "al-defects/al32-stretched",
    "+5 %": "al-defects/al32-stretched5",
}
#: Judges whose k-points' error the model has learnt: `rhocast.analysis.kpoint_error.shares_labels`.
SHARED = ("500 and 1400 K", "−5 %", "−3 %", "+3 %", "+5 %")
COLUMNS = ("remedy", "data", "1σ", "2σ", "3σ", "z²", "Spearman", "mean σ, e/Bohr³")


@dataclass(frozen=True)
class Sample:
    """Points as the network sees them; all but φ in e/Bohr³.

    Attributes
    ----------
    phi : (p, w + 1) array
        The last hidden layer and 1.
    error, noise, epistemic, distance : (p,) arrays
        Of the mean; σ before calibration; Mahalanobis distance, in units of the range's limit.
    snapshot : (p,) array
        Number of each point's snapshot.
    """

    phi: np.ndarray
    error: np.ndarray
    noise: np.ndarray
    epistemic: np.ndarray
    distance: np.ndarray
    snapshot: np.ndarray

    @classmethod
    def of(cls, model: DensityModel, data: FeatureSet, rows: np.ndarray) -> "Sample":
        """Evaluate some points."""
        points = Points.of(data, rows, model)
        unit = float(model.normalisation.target_std)
        parts = []
        for features, target in points.batches():
            inputs = features.numpy()
            hidden = model.network.hidden(inputs)
            mean, noise = model.network.outputs(hidden)
            assert model.last_layer is not None
            assert model.training_range is not None
            spread = model.last_layer(hidden)
            distance = model.training_range.distance(inputs) / model.training_range.limit
            rows_of = ((target.numpy() - mean) * unit, noise * unit, spread * unit, distance)
            parts.append(np.column_stack([hidden, np.ones(len(hidden)), *rows_of]))
        table = np.concatenate(parts)
        return cls(table[:, :-4], *table[:, -4:].T, data.snapshot[rows])

    def with_spread(self, covariance: np.ndarray) -> "Sample":
        """Take another covariance of the last layer's weights, (e/Bohr³)²."""
        variance = np.einsum("pi,ij,pj->p", self.phi, covariance, self.phi)
        return replace(self, epistemic=np.sqrt(np.maximum(variance, 0.0)))


#: A sample, and whether the model has learnt its k-points' error, to σ.
Deviation = Callable[[Sample, bool], np.ndarray]


def main() -> None:
    """Evaluate all points, try the remedies, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--points", type=int, default=4000, help="of each snapshot")
    options = parser.parse_args()
    model = DensityModel.load("al")
    trained, held_back = trained_on(model, read_features(options.folder / "al.h5"), options.points)
    other = judge(model, OTHER_CELL, options.folder, options.points)
    judges = {
        name: judge(model, path, options.folder, options.points) for name, path in JUDGES.items()
    }
    lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    for remedy, deviation in remedies(trained, held_back, other):
        for name, sample in judges.items():
            lines.append(" | ".join([remedy, name, *figures(sample, deviation, name in SHARED)]))
    table = "\n".join(f"| {line} |" for line in lines) + "\n"
    (options.folder / "error_bars.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)


def trained_on(model: DensityModel, data: FeatureSet, points: int) -> tuple[Sample, Sample]:
    """Return points that were trained on, and those that were held back."""
    names = np.array([f"{record.group}/{Path(record.source).stem}" for record in data.records])
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(data), points * len(names), replace=False))
    held_back = np.isin(names, HELD_BACK)[data.snapshot[rows]]
    return Sample.of(model, data, rows[~held_back]), Sample.of(model, data, rows[held_back])


def judge(model: DensityModel, path: str, folder: Path, points: int) -> Sample:
    """Return points of snapshots, whose features the folder keeps."""
    file = folder / f"{path.replace('/', '-')}.h5"
    if not file.is_file():
        settings = load_config(DATA / "al.yaml")
        sample_features(
            file,
            sorted((DATA / path).glob("*/*.h5")),
            descriptor=settings.descriptor,
            baseline=settings.baseline,
            valence={"Al": 3.0},
            points_per_snapshot=points,
            seed=0,
        )
    data = read_features(file)
    return Sample.of(model, data, np.arange(len(data)))


def remedies(trained: Sample, held_back: Sample, other: Sample) -> Iterator[tuple[str, Deviation]]:
    """Yield what is compared."""
    weighted = trained.phi / trained.noise[:, None]
    precision = weighted.T @ weighted
    inverse = np.linalg.inv(precision + 1e-6 * np.trace(precision) / len(precision) * np.eye(65))
    ridge = 1e-2 * np.trace(precision) / len(precision) * np.eye(len(precision))
    yield "posterior, as shipped before", by_factors(held_back)
    yield "wide prior", by_factors(held_back, np.linalg.inv(precision + ridge))
    yield "POPS", by_factors(held_back, pops(trained, inverse))
    yield "sandwich over snapshots", by_factors(held_back, sandwich(trained, inverse))
    yield "distance of features", by_distance(held_back)
    yield "two factors of other cells", by_factors(other)
    yield "σ_r", grown(held_back, other, None)
    edge = float(np.quantile(trained.epistemic / trained.noise, 0.99))
    yield "σ_r and σ_g", grown(held_back, other, edge)


def pops(trained: Sample, inverse: np.ndarray) -> np.ndarray:
    """Covariance of the weights that pass through a point each, at the least loss."""
    leverage = np.einsum("pi,ij,pj->p", trained.phi, inverse, trained.phi)
    moved = (trained.phi @ inverse) * (trained.error / leverage)[:, None]
    return moved.T @ moved / len(moved)


def sandwich(trained: Sample, inverse: np.ndarray) -> np.ndarray:
    """Covariance of the weights (infinitesimal jackknife): a snapshot's errors are one error."""
    slopes = trained.phi * (trained.error / trained.noise**2)[:, None]
    numbers = np.unique(trained.snapshot)
    sums = np.stack([slopes[trained.snapshot == number].sum(axis=0) for number in numbers])
    return inverse @ (sums.T @ sums) @ inverse


def by_factors(fitted: Sample, covariance: np.ndarray | None = None) -> Deviation:
    """Two factors fitted to a sample, with another covariance of the weights or the model's own."""

    def taken(sample: Sample) -> Sample:
        return sample if covariance is None else sample.with_spread(covariance)

    sample = taken(fitted)
    calibration = Calibration.fit(sample.error, sample.noise, sample.epistemic)
    return lambda judged, _: np.hypot(*calibration(judged.noise, taken(judged).epistemic))


def by_distance(fitted: Sample) -> Deviation:
    """Let σ grow as the distance from the data: σ_a d² stands in the place of σ_e."""
    calibration = Calibration.fit(fitted.error, fitted.noise, fitted.noise * fitted.distance**2)
    return lambda judged, _: np.hypot(*calibration(judged.noise, judged.noise * judged.distance**2))


def grown(held_back: Sample, other: Sample, edge: float | None) -> Deviation:
    """σ_r of other cells, and growth at the edge of the data: method.md, Eq. 33."""
    learnt = Calibration.fit(held_back.error, held_back.noise, held_back.epistemic, edge)
    full = learnt.with_reference(other.error, other.noise, other.epistemic)
    return lambda judged, shared: np.hypot(
        *(learnt if shared else full)(judged.noise, judged.epistemic)
    )


def figures(sample: Sample, deviation: Deviation, shared: bool) -> list[str]:
    """Return coverages, mean squared z, rank correlation and width as cells."""
    std, error = deviation(sample, shared), np.abs(sample.error)
    within = [f"{np.mean(error < n * std):.3f}" for n in (1, 2, 3)]
    rank = float(spearmanr(error, std).statistic)
    return [*within, f"{np.mean((error / std) ** 2):.2f}", f"{rank:.2f}", f"{std.mean():.2e}"]


if __name__ == "__main__":
    main()
