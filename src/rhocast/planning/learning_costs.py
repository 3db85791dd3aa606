"""Timing features, training and prediction in miniature."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rhocast import config
from rhocast.density import Snapshot, write_snapshot
from rhocast.engines import Psp8
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, predict_on_mesh
from rhocast.learning import sample_features, train
from rhocast.learning.feature_file import read_features
from rhocast.model import DensityModel
from rhocast.structures import Structure

#: Steps of three trainings: one to warm up, and two whose difference is the cost of the steps.
_TRAINING_STEPS = (2, 10, 150)
#: Points that are computed, learnt and predicted.
_POINTS = 8000
#: A prediction is timed if it takes so many seconds, or has so many points.
_TIMED_S, _MOST_POINTS = 0.3, 4_000_000


def time_learning(
    settings: config.Config,
    structure: Structure,
    pseudopotentials: Mapping[str, Psp8],
    folder: Path,
) -> dict[str, Any]:
    """Time features, training and prediction on a made-up density of a probe.

    What a density looks like does not change how long it takes.
    """
    valence = {element: file.valence for element, file in pseudopotentials.items()}
    paths = [folder / "probe/0K" / f"{number}.h5" for number in range(2)]
    for number, path in enumerate(paths):
        write_snapshot(path, _made_up(structure, valence, seed=number))
    features = folder / "features.h5"
    start = time.process_time()
    sample_features(
        features,
        paths,
        descriptor=settings.descriptor,
        baseline=settings.baseline,
        valence=valence,
        points_per_snapshot=_POINTS // 2,
        seed=settings.seed,
    )
    features_s = (time.process_time() - start) / _POINTS
    seconds = []
    for steps in _TRAINING_STEPS:
        schedule = settings.training.model_copy(update={"steps": steps})
        start = time.process_time()
        model = train(features, network=settings.network, training=schedule, seed=settings.seed)
        seconds.append(time.process_time() - start)
    batch = min(settings.training.batch_size, _POINTS)
    step_s = max(0.0, seconds[2] - seconds[1]) / (_TRAINING_STEPS[2] - _TRAINING_STEPS[1])
    prediction = settings.prediction
    seconds_of = {
        uncertainty: _time_prediction(uncertainty, prediction.samples, model, structure)
        for uncertainty in {prediction.uncertainty, prediction.evaluated_uncertainty}
    }
    return {
        "features_s": features_s,
        "n_features": int(read_features(features).features.shape[1]),
        "training_s": step_s / batch,
        "prediction_s": seconds_of[prediction.uncertainty],
        "evaluation_s": seconds_of[prediction.evaluated_uncertainty],
    }


def _time_prediction(
    uncertainty: str, samples: int, model: DensityModel, structure: Structure
) -> float:
    """Core seconds of a point, by whatever path `predict` takes.

    What is compiled or packed once is done before; then the mesh has more points until they take
    long enough to be timed.
    """
    options = PredictionOptions(uncertainty=uncertainty, samples=samples)

    def seconds(mesh: Mesh) -> float:
        start = time.process_time()
        predict_on_mesh(model, structure, mesh, options)
        return time.process_time() - start

    seconds(_mesh_of(structure, _POINTS // 8))
    mesh = _mesh_of(structure, _POINTS)
    while (spent := seconds(mesh)) < _TIMED_S and mesh.n_points < _MOST_POINTS:
        mesh = _mesh_of(structure, 8 * mesh.n_points)
    return spent / mesh.n_points


def _mesh_of(structure: Structure, n_points: int) -> Mesh:
    """Return a mesh of about so many points."""
    return Mesh.with_spacing(structure.cell, (structure.volume / n_points) ** (1.0 / 3.0))


def _made_up(structure: Structure, valence: Mapping[str, float], seed: int) -> Snapshot:
    mesh = _mesh_of(structure, _POINTS)
    rng = np.random.default_rng(seed)
    electrons = structure.count_electrons(valence)
    density = electrons / structure.volume * rng.uniform(0.5, 1.5, mesh.shape)
    return Snapshot(
        structure=structure,
        density=density.astype(np.float32),
        forces=np.zeros((len(structure), 3)),
        energy_ha=0.0,
        n_electrons=electrons,
        temperature_K=0.0,
        kpoints="none",
    )
