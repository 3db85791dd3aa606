"""Error bars of atomic charges and of regions, from samples of the field: kinds beside each other.

    python benchmarks/field_samples.py FOLDER [--models al sige] [--draws 128]

Each kind of sample has its own correlation between points. The spread of what the samples integrate
to is compared with the errors of the model's Hirshfeld charges, and of the electrons in the eight
eighths of each cell, all scaled to the electrons of the cell. FOLDER receives
`field_samples_MODEL.md`.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from error_bars import pops, sandwich

from rhocast.analysis.kpoint_error import shares_labels
from rhocast.density import Snapshot, read_snapshot
from rhocast.density.spheres import Spheres
from rhocast.evaluation.compiled import CompiledEvaluator
from rhocast.grid import BinnedAtoms
from rhocast.inference import PredictionOptions, predict_on_mesh
from rhocast.inference.atomic_charges import free_densities
from rhocast.model import DensityModel

DATA = Path("data")
HELD_BACK = {
    "al": ("al/al32/315K/7", "al/al32/933K/7", "al/al32/1866K/7"),
    "sige": ("sige/sige64a/300K/0", "sige/sige64b/900K/0", "sige/sige64c/1500K/0"),
}
JUDGES = {
    "al": {
        "500 K": "al/al32-test/500K/*",
        "1400 K, liquid": "al/al32-test/1400K/*",
        "vacancy, 32 sites": "al-defects/al31-vacancy/*/*",
        "di-vacancy, 32 sites": "al-defects/al30-divacancy/*/*",
        "vacancy, 108 sites": "al-defects/al107-vacancy/*/*",
        "strain": "al-defects/al32-*/*/*",
    },
    "sige": {
        "x = 0.5, 600 K": "sige/sige64-test/*/*",
        "x = 0.4, 0.6": "sige-unseen/si?0ge?0/*/*",
        "vacancy": "sige-unseen/sige63-vacancy/*/*",
    },
}
TRAINED_ON = {"al": "al/al32*/*/*", "sige": "sige/sige64[a-d]/*/*"}
#: Of each snapshot trained on.
POINTS = 4000
#: κ of `rhocast.evaluation.samples`.
CONCENTRATIONS = (2.0, 4.0, 6.0)


@dataclass(frozen=True)
class Judged:
    """A snapshot as the model sees it; p points.

    Attributes
    ----------
    phi : (p, w + 1) float32 array
        The last hidden layer and 1.
    noise, std, mean, error : (p,) arrays
        σ of the network; the calibrated σ; the scaled density; what it lacks. e/Bohr³.
    voxel
        Volume of a point, Bohr³.
    """

    phi: np.ndarray
    noise: np.ndarray
    std: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    voxel: float

    @classmethod
    def of(cls, model: DensityModel, snapshot: Snapshot) -> "Judged":
        """Evaluate all points, as `rhocast evaluate` does."""
        calibrated = model.without_reference() if shares_labels(model, snapshot) else model
        options = PredictionOptions(uncertainty="fast")
        field = predict_on_mesh(calibrated, snapshot.structure, snapshot.mesh, options)
        hidden = model.network.hidden(_inputs(model, snapshot))
        noise = model.network.outputs(hidden)[1] * model.normalisation.target_std
        electrons = snapshot.structure.count_electrons(model.metadata["valence"])
        mean, label = (
            values.ravel() * (electrons / snapshot.mesh.integral(values))
            for values in (field.density, snapshot.density)
        )
        assert field.std is not None
        phi = np.column_stack([hidden, np.ones(len(hidden), np.float32)])
        voxel = snapshot.mesh.voxel_volume
        return cls(phi, noise, field.std.ravel(), mean, label - mean, voxel)

    def integrals(self, weights: np.ndarray, fields: np.ndarray) -> np.ndarray:
        """Integrate fields (p, n) with weights (a, p), less the share of all electrons; (a, n)."""
        shares = weights @ self.mean / self.mean.sum()
        return self.voxel * (weights @ fields - np.outer(shares, fields.sum(axis=0)))


def main() -> None:
    """Judge the models, write a table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", nargs="+", default=list(JUDGES))
    parser.add_argument("--draws", type=int, default=128)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        table = "\n".join(judge(name, options.draws)) + "\n"
        (options.folder / f"field_samples_{name}.md").write_text(table, encoding="utf-8")
        sys.stdout.write(table)


def judge(name: str, draws: int) -> Iterator[str]:
    """Yield the lines of a model's table: 1σ, 2σ, 3σ and mean squared z of charges and regions."""
    model = DensityModel.load(name)
    factors = covariances(model, name)
    scores: dict[tuple[str, str], list[np.ndarray]] = defaultdict(list)
    for kind, pattern in [("held back", p) for p in HELD_BACK[name]] + [*JUDGES[name].items()]:
        for path in sorted(DATA.glob(f"{pattern}.h5")):
            snapshot = read_snapshot(path)
            judged = Judged.of(model, snapshot)
            for what, weights in parts(model, snapshot).items():
                error = judged.integrals(weights, judged.error[:, None])[:, 0]
                for remedy, fields in samples(model, judged, factors, draws):
                    spread = np.sqrt(np.mean(judged.integrals(weights, fields) ** 2, axis=1))
                    scores[f"{kind}, {what}", remedy].append(error / spread)
    yield "| errors of | number | samples | 1σ | 2σ | 3σ | z² |\n|---|---|---|---|---|---|---|"
    for (kind, remedy), found in scores.items():
        z = np.abs(np.concatenate(found))
        within = " | ".join(f"{np.mean(z < n):.2f}" for n in (1, 2, 3))
        yield f"| {kind} | {len(z)} | {remedy} | {within} | {np.mean(z**2):.2f} |"


def samples(
    model: DensityModel, judged: Judged, factors: Mapping[str, np.ndarray], draws: int
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what samples add to the density, (p, draws), of every kind."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal((judged.phi.shape[1], draws)).astype(np.float32)
    phase = rng.uniform(0.0, 2.0 * np.pi, draws).astype(np.float32)
    unit = model.calibrations["fast"].epistemic * model.normalisation.target_std
    yield "posterior", unit * (judged.phi @ factors["posterior"].T @ normal)
    for name, factor in factors.items():
        along = judged.phi @ factor.T
        along /= np.linalg.norm(along, axis=1)[:, None]
        drawn = along @ normal[: len(factor)]
        yield f"{name}, σ of the point", drawn * judged.std[:, None]
        if name == "posterior":
            for kappa in CONCENTRATIONS:
                wave = np.cos(np.float32(kappa**0.5) * drawn + phase)
                yield f"cosine, κ = {kappa:g}", np.float32(2**0.5) * judged.std[:, None] * wave


def covariances(model: DensityModel, name: str) -> dict[str, np.ndarray]:
    """Return L of Σ = Lᵀ L (float32) for the posterior, the sandwich and POPS."""
    left_out = {DATA / f"{path}.h5" for path in HELD_BACK[name]}
    paths = [path for path in sorted(DATA.glob(f"{TRAINED_ON[name]}.h5")) if path not in left_out]
    known = [path for path in paths if "test" not in path.parts[-3]]
    rng = np.random.default_rng(0)
    rows: list[tuple[np.ndarray, ...]] = []
    for number, path in enumerate(known):
        judged = Judged.of(model, read_snapshot(path))
        chosen = rng.choice(len(judged.error), POINTS, replace=False)
        taken = (array[chosen] for array in (judged.phi, judged.error, judged.noise))
        rows.append((*taken, np.full(POINTS, number)))
    trained = _Trained(
        *(np.concatenate(column).astype(float) for column in zip(*rows, strict=True))
    )
    weighted = trained.phi / trained.noise[:, None]
    precision = weighted.T @ weighted
    ridge = 1e-6 * np.trace(precision) / len(precision)
    inverse = np.linalg.inv(precision + ridge * np.eye(len(precision)))
    return {
        "posterior": model.check_last_layer().factor,
        "sandwich": _factor(sandwich(trained, inverse)),
        "POPS": _factor(pops(trained, inverse)),
    }


@dataclass(frozen=True)
class _Trained:
    """What `error_bars.sandwich` and `error_bars.pops` look at."""

    phi: np.ndarray
    error: np.ndarray
    noise: np.ndarray
    snapshot: np.ndarray


def _factor(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(covariance)
    kept = values > 1e-12 * values.max()
    return (vectors[:, kept] * np.sqrt(values[kept])).T.astype(np.float32)


def parts(model: DensityModel, snapshot: Snapshot) -> dict[str, np.ndarray]:
    """Return weights (a, p) of Hirshfeld's atoms, and of the eighths of the cell."""
    baseline = model.baseline
    assert baseline is not None
    cutoff = baseline.parameters.cutoff_bohr
    structure, mesh = snapshot.structure, snapshot.mesh
    free = free_densities(baseline, structure.species)
    atoms = np.zeros((len(structure), *mesh.shape), np.float32)
    last = 1.0 - 1.0 / np.array(mesh.shape)
    around = BinnedAtoms.of(structure).around(np.zeros(3), last, cutoff)
    for box, near, own in Spheres.around(around, mesh, mesh.shape, free).bricks():
        for atom, values in zip(around.origins[near], own.T, strict=True):
            part = atoms[atom][box]
            part += values.reshape(part.shape)
    atoms = atoms.reshape(len(structure), -1)
    halves = 2 * np.indices(mesh.shape).reshape(3, -1) // np.array(mesh.shape)[:, None]
    eighths = np.arange(8)[:, None] == np.array([4, 2, 1]) @ halves
    return {"charges": atoms / atoms.sum(axis=0), "eighths": eighths.astype(np.float32)}


def _inputs(model: DensityModel, snapshot: Snapshot) -> np.ndarray:
    """Return normalised features (p, d), from the kernels, some layers at a time."""
    mesh, shape = snapshot.mesh, np.array(snapshot.mesh.shape)
    evaluator = CompiledEvaluator(model, mesh)
    atoms, found = BinnedAtoms.of(snapshot.structure), []
    for first in range(0, shape[0], 8):
        start, stop = np.array([first, 0, 0]), np.array([min(first + 8, shape[0]), *shape[1:]])
        near = atoms.around(start / shape, (stop - 1) / shape, model.reach_bohr)
        box = [slice(0, int(count)) for count in stop - start]
        found.append(evaluator.bind(near).features(box).reshape(-1, model.n_features))
    return np.concatenate(found)


if __name__ == "__main__":
    main()
