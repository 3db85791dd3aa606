import numpy as np
import pytest

from rhocast.model.calibration import Calibration

RNG = np.random.default_rng(0)
ALEATORIC = np.exp(RNG.normal(-7.0, 0.3, 40_000))
EPISTEMIC = 1e-2 * np.exp(RNG.normal(-7.0, 0.8, 40_000))


def fit(scale, factor):
    true = scale * np.hypot(ALEATORIC, factor * EPISTEMIC)
    return Calibration.fit(true * RNG.standard_normal(len(true)), ALEATORIC, EPISTEMIC)


@pytest.mark.parametrize(("scale", "factor"), [(1.0, 100.0), (1.4, 60.0), (0.7, 200.0)])
def test_factors_that_made_the_errors_are_found(scale, factor):
    found = fit(scale, factor)
    assert found.aleatoric == pytest.approx(scale, rel=0.05)
    assert found.epistemic == pytest.approx(scale * factor, rel=0.05)


def test_the_epistemic_part_is_never_thought_too_large():
    """Errors without an epistemic part say nothing of what lies outside the training range."""
    found = fit(1.0, 0.0)
    assert found.aleatoric <= found.epistemic < 10.0 * found.aleatoric


def test_calibrated_deviations_cover_as_normal_ones_do():
    true = 1.3 * np.hypot(ALEATORIC, 80.0 * EPISTEMIC)
    error = true * RNG.standard_normal(len(true))
    half = len(true) // 2
    found = Calibration.fit(error[:half], ALEATORIC[:half], EPISTEMIC[:half])
    total = np.hypot(*found(ALEATORIC[half:], EPISTEMIC[half:]))
    assert np.mean(np.abs(error[half:]) < total) == pytest.approx(0.6827, abs=0.01)
    assert np.mean(np.abs(error[half:]) < 2.0 * total) == pytest.approx(0.9545, abs=0.005)


def test_without_a_fit_nothing_changes():
    np.testing.assert_array_equal(Calibration()(ALEATORIC, EPISTEMIC), [ALEATORIC, EPISTEMIC])
