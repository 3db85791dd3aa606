"""Whether σ falls with the error when a snapshot with a vacancy joins the training.

    python benchmarks/vacancy_learnt.py FOLDER [--seeds 1 2] [--steps 4000]

Models with the settings of data/al.yaml, but for fewer points of a snapshot and fewer steps, are
trained without and with `al31-vacancy/500K/0`. Other vacancies judge, in shells around the empty
site: error, σ as `rhocast predict` has it, its mean squared z, and three measures of how far points
are from those trained on. FOLDER keeps features and models and receives `vacancy_learnt.md`.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from error_bars import DATA, HELD_BACK, Sample

from rhocast.analysis.defects import distances_from_void
from rhocast.config import load_config, seed_for
from rhocast.density import read_snapshot
from rhocast.learning import FeatureSet, read_features, sample_features
from rhocast.learning.points import Points
from rhocast.learning.training import train_on
from rhocast.model import Calibration, DensityModel
from rhocast.model.training_range import nearest

POINTS, ANCHORS = 6000, 600
SMALL = ("al32", "al32-dense", "al32-liquid", "al32-thin")
ADDED = "al31-vacancy/500K/0"
JUDGES = {
    "vacancy, 32 sites": ("al31-vacancy/500K/1", "al31-vacancy/500K/2"),
    "di-vacancy, 32 sites": ("al30-divacancy/500K/0", "al30-divacancy/500K/1"),
    "vacancy, 108 sites": ("al107-vacancy/500K/0",),
}
SHELLS = ((0.0, 3.0), (3.0, 6.0), (6.0, 30.0))
COLUMNS = (
    *("seed", "judge", "Bohr", "trained", "RMSE", "median error", "mean σ", "z²"),
    *("q / q₉₉", "hull", "nearest"),
)


@dataclass(frozen=True)
class Study:
    """The features of all snapshots, and what they are called."""

    data: FeatureSet
    names: list[str]

    def rows(self, names: list[str], points: int = POINTS) -> np.ndarray:
        """Return rows of some snapshots, as many of each."""
        numbers = [self.names.index(name) for name in names]
        parts = [np.flatnonzero(self.data.snapshot == number) for number in numbers]
        return np.concatenate([part[:: max(len(part) // points, 1)] for part in parts])

    def small(self) -> list[str]:
        """Return the names of what all models are trained on, with what is held back."""
        return [name for name in self.names if name.split("/")[0] in SMALL]

    def train(self, file: Path, added: bool, seed: int, steps: int) -> DensityModel:
        """Return a model, from its file if that is there."""
        if not file.is_file():
            settings = load_config(DATA / "al.yaml")
            schedule = settings.training.model_copy(update={"steps": steps})
            wanted = [*self.small(), *([ADDED] if added else [])]
            numbers = sorted(self.names.index(name) for name in wanted)
            data = self.data.of_snapshots(numbers)
            model = train_on(data, network=settings.network, training=schedule, seed=seed)
            model.save(file)
        return DensityModel.load(file)


def main() -> None:
    """Train, judge, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--steps", type=int, default=4000)
    options = parser.parse_args()
    data = features(options.folder)
    study = Study(data, [f"{r.group}/{Path(r.source).stem}" for r in data.records])
    lines = [" | ".join(COLUMNS), " | ".join("---" for _ in COLUMNS)]
    for seed in options.seeds:
        for name, added in (("before", False), ("v31", True)):
            file = options.folder / f"{name}-{seed}-{options.steps}.safetensors"
            model = study.train(file, added, seed, options.steps)
            lines += [" | ".join([str(seed), *row]) for row in judged(study, model, added)]
    table = "\n".join(f"| {line} |" for line in lines) + "\n"
    (options.folder / "vacancy_learnt.md").write_text(table, encoding="utf-8")
    sys.stdout.write(table)


def features(folder: Path) -> FeatureSet:
    """Return the features of all aluminium; compute them unless the folder holds them."""
    file = folder / "al-all.h5"
    if not file.is_file():
        settings = load_config(DATA / "al.yaml")
        sample_features(
            file,
            [path for part in ("al", "al-defects") for path in (DATA / part).glob("*/*/*.h5")],
            descriptor=settings.descriptor,
            baseline=settings.baseline,
            valence={"Al": 3.0},
            points_per_snapshot=POINTS,
            seed=seed_for(settings.seed, "features"),
        )
    return read_features(file)


def judged(study: Study, model: DensityModel, added: bool) -> Iterator[list[str]]:
    """Yield the rows of one model."""
    fitted = [name for name in study.small() if name not in HELD_BACK] + [ADDED] * added
    rows = study.rows(fitted, ANCHORS)
    trained = Sample.of(model, study.data, rows)
    anchors = inputs(study, model, rows)
    far = np.quantile(trained.epistemic / trained.noise, 0.99)
    hull = enclosing(trained.phi / trained.noise[:, None])
    calibration = with_other_cells(study, model)
    for judge, names in JUDGES.items():
        rows = study.rows(list(names))
        sample = Sample.of(model, study.data, rows)
        distance = np.concatenate([from_void(study, name) for name in names])
        std = np.hypot(*calibration(sample.noise, sample.epistemic))
        ratio = sample.epistemic / sample.noise / far
        grade = np.linalg.norm(sample.phi @ hull, axis=1) / sample.noise
        apart = nearest(inputs(study, model, rows), anchors)
        for low, high in SHELLS:
            shell = (distance >= low) & (distance < high)
            error = np.abs(sample.error[shell])
            yield [
                judge,
                f"{low:g} to {high:g}",
                "after" if added else "before",
                f"{np.sqrt(np.mean(error**2)):.2e}",
                f"{np.median(error):.2e}",
                f"{std[shell].mean():.2e}",
                f"{np.mean((error / std[shell]) ** 2):.2f}",
                *(f"{np.median(values[shell]):.2f}" for values in (ratio, grade, apart)),
            ]


def with_other_cells(study: Study, model: DensityModel) -> Calibration:
    """Return the fast calibration with σ_r, as `rhocast calibrate --other-cells` makes it."""
    names = [name for name in study.names if name.split("/")[0] == "al108"]
    sample = Sample.of(model, study.data, study.rows(names))
    known = model.calibrations["fast"]
    return known.with_reference(sample.error, sample.noise, sample.epistemic)


def inputs(study: Study, model: DensityModel, rows: np.ndarray) -> np.ndarray:
    """Return normalised features (p, d)."""
    return Points.of(study.data, rows, model).take(slice(None))[0].numpy()


def from_void(study: Study, name: str) -> np.ndarray:
    """Return the distance of the points of a snapshot from its empty site, Bohr."""
    file = DATA / "al-defects" / f"{name}.h5"
    snapshot = read_snapshot(file)
    seed = seed_for(load_config(DATA / "al.yaml").seed, "features")
    rng = np.random.default_rng(seed_for(seed, str(Path(name).parent), file.name))
    drawn = np.sort(rng.choice(snapshot.mesh.n_points, POINTS, replace=False))
    known = study.data.target[study.rows([name])]
    np.testing.assert_array_equal(snapshot.density.reshape(-1)[drawn], known)
    return distances_from_void(snapshot.structure, snapshot.mesh)[drawn]


def enclosing(points: np.ndarray, rounds: int = 40) -> np.ndarray:
    """Return A with |x A| ≤ 1 in the smallest ellipsoid about points (p, d): D-optimal design.

    Multiplicative algorithm of Titterington, Appl. Statist. 27, 227 (1978).
    """
    size = points.shape[1]
    weights = np.full(len(points), 1.0 / len(points))
    for step in range(rounds + 1):
        moments = (points * weights[:, None]).T @ points
        moments += 1e-9 * np.trace(moments) / size * np.eye(size)
        factor = np.linalg.cholesky(np.linalg.inv(moments))
        if step < rounds:
            weights *= np.square(points @ factor).sum(axis=1) / size
            weights /= weights.sum()
    return factor / np.sqrt(size)


if __name__ == "__main__":
    main()
