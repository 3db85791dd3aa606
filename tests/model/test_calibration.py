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


@pytest.mark.parametrize("reference", [3e-4, 1e-3, 4e-3])
def test_what_other_cells_add_is_found(reference):
    before = Calibration(1.2, 60.0)
    true = np.hypot(np.hypot(*before(ALEATORIC, EPISTEMIC)), reference)
    error = true * RNG.standard_normal(len(true))
    found = before.with_reference(error, ALEATORIC, EPISTEMIC)
    assert found.reference == pytest.approx(reference, rel=0.1)
    assert (found.aleatoric, found.epistemic) == (1.2, 60.0)
    total = np.hypot(*found(ALEATORIC, EPISTEMIC))
    assert np.mean(np.abs(error) < total) == pytest.approx(0.6827, abs=0.01)


def test_nothing_is_added_where_the_deviations_suffice():
    error = 0.9 * ALEATORIC * RNG.standard_normal(len(ALEATORIC))
    assert Calibration().with_reference(error, ALEATORIC, EPISTEMIC).reference == 0.0


def test_deviations_grow_at_the_edge_of_the_data_alone():
    noise, ratio = np.full(4, 1e-4, np.float32), np.float32([0.002, 0.01, 0.02, 0.1])
    aleatoric, epistemic = Calibration(2.0, 5.0, edge=0.02)(noise, ratio * noise)
    np.testing.assert_allclose(aleatoric, 2.0 * noise)
    grown = 2.0 * noise * np.array([0.01, 0.25, 1.0, 25.0])
    np.testing.assert_allclose(epistemic, np.hypot(5.0 * ratio * noise, grown), rtol=1e-6)


def test_factors_are_found_beside_a_growth():
    edge = 0.02
    true = np.hypot(*Calibration(0.8, 48.0, edge=edge)(ALEATORIC, EPISTEMIC))
    found = Calibration.fit(true * RNG.standard_normal(len(true)), ALEATORIC, EPISTEMIC, edge)
    assert found.edge == edge
    assert found.aleatoric == pytest.approx(0.8, rel=0.05)
    assert found.epistemic == pytest.approx(48.0, rel=0.1)
