import numpy as np
import pytest
from known_density import DESCRIPTOR, VALENCE

from rhocast.learning.feature_file import FeatureSet, SnapshotRecord
from rhocast.learning.split import split, thin

PER_SNAPSHOT = 20


def dataset(groups: list[str]) -> FeatureSet:
    snapshot = np.repeat(np.arange(len(groups)), PER_SNAPSHOT).astype(np.int32)
    records = tuple(
        SnapshotRecord(f"{group}/{i}.h5", group, 300.0, "Al4", 4, 112.0, "")
        for i, group in enumerate(groups)
    )
    features = np.zeros((len(snapshot), 10), np.float32)
    target = np.arange(len(snapshot), dtype=np.float32)
    return FeatureSet(features, target, snapshot, records, DESCRIPTOR, VALENCE, {}, "")


@pytest.mark.parametrize(
    ("groups", "share", "held_back", "count"),
    [
        (["a", "a", "b", "b", "c", "d"], 0.25, "trajectories", 1),
        (["a", "b", "c", "d", "e"], 0.4, "trajectories", 2),
        (["a", "a", "a", "b", "b", "b"], 0.2, "snapshots", 1),
        (["a", "a", "a", "a"], 0.5, "snapshots", 2),
        (["a", "b"], 0.1, "points", 2),
        (["a"], 0.1, "points", 1),
    ],
)
def test_what_is_held_back(groups, share, held_back, count):
    data = dataset(groups)
    parts = split(data, share, np.random.default_rng(0))
    assert parts.held_back == held_back
    labels = np.array(groups)[data.snapshot] if held_back == "trajectories" else data.snapshot
    if held_back != "points":
        assert len(np.unique(labels[parts.validation])) == count
        assert not set(labels[parts.training]) & set(labels[parts.validation])
    every = np.sort(np.concatenate([parts.training, parts.validation]))
    np.testing.assert_array_equal(every, np.arange(len(data)))
    assert len(parts.validation) >= share * len(data) * 0.5


@pytest.mark.parametrize("groups", [["a"], ["a", "b"], ["a", "b", "b"]])
def test_something_is_always_left_to_train_on(groups):
    assert len(split(dataset(groups), 1.0, np.random.default_rng(0)).training) > 0


def test_thinning_keeps_a_share_and_what_is_held_back():
    rng = np.random.default_rng(0)
    parts = split(dataset(["a", "b", "c", "d"]), 0.25, rng)
    fewer = thin(parts, 0.3, rng)
    assert len(fewer.training) == len(set(fewer.training)) == 18
    assert set(fewer.training) <= set(parts.training)
    np.testing.assert_array_equal(fewer.validation, parts.validation)
    assert len(thin(parts, 1e-6, rng).training) == 1
