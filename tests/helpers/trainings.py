"""Small trainings on known densities, and what to ask of their models."""

import shutil

import h5py
import numpy as np
from known_density import DESCRIPTOR, VALENCE

from rhocast import config
from rhocast.checksums import seal_dataset
from rhocast.density import read_snapshot
from rhocast.learning import sample_features
from rhocast.model import DensityModel

NETWORK = config.Network(width=16, blocks=1)
TRAINING = config.Training(
    dataset="small", steps=300, batch_size=128, learning_rate=1e-2, validation_share=0.25
)
SMOOTH = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=8.0, radial_functions=3, shortest_bohr=4.0, angular=2
)
BASELINE = config.Baseline(cutoff_bohr=8.0, intervals=12)
TRANSFER = config.Transfer(
    dataset="large",
    steps=200,
    batch_size=128,
    learning_rate=5e-3,
    validation_share=0.25,
    frozen_share=0.3,
)


def sampled(path, snapshots, descriptor=DESCRIPTOR, **changes):
    options = {"points_per_snapshot": 400, "seed": 0, "valence": VALENCE} | changes
    sample_features(path, snapshots, descriptor=descriptor, **options)
    return path


def misplaced(model: DensityModel, path) -> float:
    """Share of the electrons that the model puts in the wrong place."""
    snapshot = read_snapshot(path)
    points = snapshot.mesh.points(np.arange(snapshot.mesh.n_points))
    predicted = model.bind(snapshot.structure)(points).mean
    density = snapshot.density.reshape(-1)
    return float(np.abs(predicted - density).sum() / density.sum())


def same_parameters(model: DensityModel, other: DensityModel) -> list[set[bool]]:
    """Layer by layer: whether means and deviations of weights and biases are the same."""
    pairs = zip(model.network.layers, other.network.layers, strict=True)
    return [
        {np.array_equal(value, vars(b)[name]) for name, value in vars(a).items()} for a, b in pairs
    ]


def absurd_but_for(path, rows):
    """Copy a feature file with absurd targets in all rows but the given ones."""
    copy = path.with_name("absurd.h5")
    shutil.copy(path, copy)
    with h5py.File(copy, "a") as file:
        target = np.full(len(file["target"]), 1e3, np.float32)
        target[rows] = file["target"][rows]
        file["target"][:] = target
        seal_dataset(file["target"])
    return copy
