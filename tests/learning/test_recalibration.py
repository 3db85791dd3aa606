from dataclasses import replace

import numpy as np
import pytest
from trainings import TRAINING, same_parameters, sampled

from rhocast.errors import ModelError
from rhocast.learning import calibrate_on_other_cells, recalibrate
from rhocast.model import Calibration


@pytest.fixture(scope="module")
def forgetful(base):
    """The model as an earlier version would have made it."""
    training = {key: value for key, value in base.metadata["training"].items() if key != "kpoints"}
    other = {kind: Calibration(0.1, 0.1) for kind in base.calibrations}
    return replace(base, calibrations=other, metadata=base.metadata | {"training": training})


def test_error_bars_made_anew_are_those_of_the_training(forgetful, base, features):
    found = recalibrate(forgetful, features, training=TRAINING)
    assert found.calibrations == base.calibrations
    assert found.calibrations["fast"].edge > 0.0
    assert found.metadata == base.metadata
    assert same_parameters(found, base) == [{True}] * 4


def test_other_cells_with_other_errors_widen_the_error_bars(base, features, larger, tmp_path):
    other = sampled(tmp_path / "large.h5", larger)
    found = recalibrate(base, features, training=TRAINING, other_cells_path=other)
    for kind, calibration in found.calibrations.items():
        assert calibration.reference > 1e-3  # a tenth more electrons than the model knows of
        assert replace(calibration, reference=0.0) == base.calibrations[kind]
    points = np.random.default_rng(0).random((50, base.n_features)).astype(np.float32)
    before, after = base.predict(points, fast=True), found.predict(points, fast=True)
    np.testing.assert_array_equal(after.mean, before.mean)
    np.testing.assert_array_equal(after.epistemic_std, before.epistemic_std)
    assert (after.aleatoric_std > before.aleatoric_std).all()
    assert found.without_reference().calibrations == base.calibrations


def test_a_base_model_learns_its_error_bars_in_the_cells_of_the_transfer(
    base, features, larger, tmp_path
):
    other = sampled(tmp_path / "large.h5", larger)
    found = calibrate_on_other_cells(base, other)
    expected = recalibrate(base, features, training=TRAINING, other_cells_path=other)
    assert found.calibrations == expected.calibrations
    assert same_parameters(found, base) == [{True}] * 4
    assert calibrate_on_other_cells(base, features) is base


def test_cells_that_were_trained_on_are_no_other_cells(base, features):
    with pytest.raises(ModelError, match="expected cells that the model was not trained on, found"):
        recalibrate(base, features, training=TRAINING, other_cells_path=features)


def test_features_of_other_snapshots_are_refused(base, larger, tmp_path):
    other = sampled(tmp_path / "large.h5", larger)
    with pytest.raises(ModelError, match="found those of others; name the feature file that `rho"):
        recalibrate(base, other, training=TRAINING)
