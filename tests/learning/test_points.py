"""Features stay in their file: what is taken of them, and what is held in memory."""

import tracemalloc

import h5py
import numpy as np
import pytest
import torch
from known_density import DESCRIPTOR, VALENCE
from plain_points import make_set
from trainings import NETWORK, TRAINING

from rhocast.learning import points, read_features, train, train_on
from rhocast.learning.feature_file import SnapshotRecord
from rhocast.learning.feature_writer import create_features
from rhocast.learning.points import Points, normalisation_of
from rhocast.model import Normalisation


@pytest.fixture
def wide(tmp_path):
    """A feature file of 12 MB."""
    path = tmp_path / "wide.h5"
    rng = np.random.default_rng(0)
    with create_features(path, n_points=20_000) as writer:
        for number in range(4):
            record = SnapshotRecord(f"{number}.h5", f"{number}", 300.0, "Al4", 4, 112.0, "")
            features = rng.normal(number, 2.0, size=(5000, 150))
            writer.append(record, features, rng.normal(size=5000))
        writer.describe(DESCRIPTOR, None, VALENCE, {})
    return path


def test_features_are_not_held_in_memory(wide, monkeypatch):
    """Opened, looked through, measured and taken from: a fraction of the file at a time."""
    monkeypatch.setattr("rhocast.learning.feature_file._BLOCK", 500)
    monkeypatch.setattr(points, "BLOCK", 500)
    tracemalloc.start()
    data = read_features(wide)
    rows = np.arange(len(data))
    taken = Points(data, rows, data.target, normalisation_of(data, rows, data.target))
    features, target = taken.take(np.array([3, 19_999, 7]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.25 * wide.stat().st_size
    assert features.shape == (3, 150)
    assert target.shape == (3,)


def test_what_is_taken_is_what_was_written(wide):
    data = read_features(wide)
    with h5py.File(wide) as file:
        features, target = file["features"][()], file["target"][()]
    rows = np.arange(0, 20_000, 3)
    normalisation = Normalisation.of(features[rows], target[rows])
    taken = Points(data, rows, target[rows], normalisation)
    parts = [torch.cat(column) for column in zip(*taken.batches(1000), strict=True)]
    torch.testing.assert_close(
        parts[0], torch.from_numpy(normalisation.features(features[rows])), rtol=0, atol=0
    )
    torch.testing.assert_close(
        parts[1], torch.from_numpy(normalisation.target(target[rows])), rtol=0, atol=0
    )


def test_measuring_in_blocks_is_measuring_the_whole(wide, monkeypatch):
    monkeypatch.setattr(points, "BLOCK", 700)
    data = read_features(wide)
    rows = np.sort(np.random.default_rng(1).permutation(20_000)[:9000])
    expected = Normalisation.of(np.asarray(data.features)[rows], data.target[rows])
    found = normalisation_of(data, rows, data.target[rows])
    for name, value in vars(expected).items():
        torch.testing.assert_close(getattr(found, name), value, rtol=1e-6, atol=1e-6)


def test_training_on_features_that_are_held_in_memory_is_the_same(features):
    """The points of all snapshots, loaded, lead to the same weights as those of the file."""
    short = TRAINING.model_copy(update={"steps": 10})
    data = read_features(features)
    loaded = data.of_snapshots(range(len(data.records)))
    assert not isinstance(loaded.features, np.memmap)
    models = (
        train(features, network=NETWORK, training=short, seed=0),
        train_on(loaded, network=NETWORK, training=short, seed=0),
    )
    assert models[0].hash == models[1].hash


def test_some_snapshots_make_a_dataset(corrected):
    path, _ = corrected
    data = read_features(path)
    some = data.of_snapshots([3, 1])
    assert [record.source for record in some.records] == ["al4/300K/1.h5", "al4/400K/1.h5"]
    for new, old in enumerate((1, 3)):
        np.testing.assert_array_equal(
            some.features[some.snapshot == new], data.features[data.snapshot == old]
        )
        np.testing.assert_array_equal(
            some.baseline.sums[some.snapshot == new], data.baseline.sums[data.snapshot == old]
        )


def test_the_extreme_point_is_named():
    data = make_set(np.zeros((6, 2), np.float32), np.arange(6, dtype=np.float32), ["a", "b", "c"])
    same = Normalisation(torch.zeros(2), torch.ones(2), torch.tensor(0.0), torch.tensor(1.0))
    target = np.array([1.0, -7.0, 3.0, np.nan], np.float32)
    some = Points(data, np.array([0, 2, 3, 5]), target, same)
    assert some.extreme(np.array([0, 1, 2])) == (-7.0, "b/1.h5")
    assert some.extreme(np.array([2, 3]))[1] == "c/2.h5"
