from dataclasses import replace

import numpy as np
import pytest
from trainings import TRAINING

from rhocast.learning import read_features, recalibrate
from rhocast.learning.anchors import ANCHORS, with_anchors
from rhocast.learning.points import Points
from rhocast.model import DensityModel
from rhocast.model.training_range import nearest, spread


@pytest.fixture(scope="module")
def points(base, features):
    data = read_features(features)
    return Points.of(data, np.arange(len(data)), base)


def test_every_snapshot_gives_as_many_anchors(base, points):
    known = with_anchors(base, points, seed=0).training_range
    snapshots = np.unique(points.data.snapshot)
    each = min(ANCHORS // len(snapshots), np.bincount(points.data.snapshot).min())
    assert len(known.anchors) == each * len(snapshots)
    features = points.take(slice(None))[0].numpy()
    owners = [
        {tuple(row) for row in features[points.data.snapshot == number].astype(np.float16)}
        for number in snapshots
    ]
    parts = np.split(known.anchors, len(snapshots))
    for own, part in zip(owners, parts, strict=True):
        assert {tuple(row) for row in part} <= own


def test_the_usual_spread_is_the_largest_against_the_others(base, points):
    """An outlier among the snapshots is usual once it has been trained on."""
    known = with_anchors(base, points, seed=0).training_range
    assert 1.0 < known.usual_spread < 5.0
    strange = np.array(points.data.features)
    rows = np.flatnonzero(points.data.snapshot == 0)
    strange[rows[: len(rows) // 20]] += 50.0 * base.normalisation.feature_std
    moved = replace(points, data=replace(points.data, features=strange))
    assert with_anchors(base, moved, seed=0).training_range.usual_spread > 5.0


def test_a_single_snapshot_has_none_to_compare_with(base, points):
    alone = points.data.of_snapshots([0])
    lone = replace(base, training_range=replace(base.training_range, anchors=None))
    found = with_anchors(lone, Points.of(alone, np.arange(len(alone)), base), seed=0)
    assert found.training_range.anchors is None


def test_recalibration_finds_the_anchors_of_the_training(base, features, tmp_path):
    bare = replace(base.training_range, anchors=None, usual_spread=None)
    found = recalibrate(replace(base, training_range=bare), features, training=TRAINING)
    assert found.training_range.usual_spread == base.training_range.usual_spread
    found.save(tmp_path / "m.safetensors")
    loaded = DensityModel.load(tmp_path / "m.safetensors")
    assert loaded.hash == base.hash
    np.testing.assert_array_equal(loaded.training_range.anchors, base.training_range.anchors)
    replace(base, training_range=bare).save(tmp_path / "old.safetensors")
    assert DensityModel.load(tmp_path / "old.safetensors").training_range.anchors is None


def test_the_nearest_of_all_anchors_counts():
    rng = np.random.default_rng(0)
    features, anchors = rng.normal(size=(700, 9)).astype(np.float32), rng.normal(size=(40, 9))
    expected = np.linalg.norm(features[:, None] - anchors, axis=2).min(axis=1)
    np.testing.assert_allclose(nearest(features, anchors), expected, rtol=1e-4)


def test_a_spread_is_large_where_a_few_points_lie_far_away():
    alike = np.full(1000, 2.0)
    assert spread(alike) == 1.0
    far = alike.copy()
    far[:20] = 9.0
    assert spread(far) == pytest.approx(4.5)
    assert spread(np.zeros(10)) == 0.0
