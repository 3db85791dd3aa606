import numpy as np
import pytest
from plain_points import make_set

from rhocast.learning.feature_file import FeatureSet
from rhocast.learning.split import split, thin

PER_SNAPSHOT = 20


def dataset(groups: list[str]) -> FeatureSet:
    count = PER_SNAPSHOT * len(groups)
    return make_set(np.zeros((count, 10), np.float32), np.arange(count, dtype=np.float32), groups)


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


@pytest.mark.parametrize("seed", range(5))
def test_snapshots_are_taken_from_the_trajectories_in_turn(seed):
    parts = split(dataset(["a"] * 6 + ["b"] * 6), 0.2, np.random.default_rng(seed))
    assert sorted(np.unique(parts.validation // PER_SNAPSHOT) // 6) == [0, 1]
