import numpy as np
import pytest
import torch

from rhocast.learning.uncertainty import fit_training_range

GENERATOR = torch.Generator().manual_seed(0)
#: Two features that go together, one that does not, and one that never varies.
CORRELATED = torch.randn(6000, 3, generator=GENERATOR)
CORRELATED[:, 1] = CORRELATED[:, 0] + 0.1 * CORRELATED[:, 1]
FEATURES = torch.cat([CORRELATED, torch.zeros(6000, 1)], dim=1)
SNAPSHOT = np.repeat([0, 1, 2], 2000)


def fitted(features=FEATURES):
    return fit_training_range(lambda: features.split(1700), SNAPSHOT)


def test_one_in_a_hundred_lies_outside():
    known = fitted()
    outside = (known.distance(FEATURES.numpy()) > known.limit).mean()
    assert outside == pytest.approx(0.01, abs=2e-3)
    assert 0.01 <= known.usual_share < 0.02


def test_a_rougher_snapshot_is_usual_once_it_has_been_trained_on():
    rough = FEATURES.clone()
    rough[:2000] *= 2.0
    known = fitted(rough)
    shares = (known.distance(rough.numpy()) > known.limit).reshape(3, -1).mean(axis=1)
    assert known.usual_share == pytest.approx(shares.max())
    assert known.usual_share > 0.02


@pytest.mark.parametrize(
    ("point", "outside"),
    [
        ([2.0, 2.0, 0.0, 0.0], False),  # far out, along what goes together
        ([1.0, -1.0, 0.0, 0.0], True),  # each is usual, both at once are not
        ([0.0, 0.0, 0.0, 1.0], True),  # an element that was never seen
        ([0.0, 0.0, -50.0, 0.0], True),
    ],
)
def test_what_lies_outside(point, outside):
    known = fitted()
    assert (known.distance(np.array([point], np.float32))[0] > known.limit) == outside
