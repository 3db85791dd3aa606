import numpy as np
import pytest
from scipy.stats import spearmanr

from rhocast.analysis.metrics import (
    CONFIDENCES,
    compare,
    coverages,
    pool,
    rank_correlations,
    sharpness,
)

RNG = np.random.default_rng(0)
REFERENCE = RNG.random((6, 7, 8))
VOXEL = 0.3


def figures(predicted, std=0.1, reference=REFERENCE):
    return compare(predicted, np.full(reference.shape, std), reference, VOXEL, 2.0).figures()


def test_a_constant_offset_has_known_errors():
    found = figures(REFERENCE + 0.01)
    electrons = REFERENCE.sum() * VOXEL
    assert found["rmse"] == pytest.approx(0.01)
    assert found["nrmse"] == pytest.approx(0.01 / np.ptp(REFERENCE))
    assert found["l1_per_electron"] == pytest.approx(0.01 * REFERENCE.size * VOXEL / electrons)
    assert found["electron_count_error"] == pytest.approx(found["l1_per_electron"])
    assert found["points_per_second"] == REFERENCE.size / 2.0


def test_scaling_undoes_a_factor_and_nothing_else():
    found = figures(1.01 * REFERENCE)
    assert found["l1_per_electron"] == pytest.approx(0.01)
    assert found["l1_per_electron_scaled"] == pytest.approx(0.0, abs=1e-12)
    assert found["rmse_scaled"] == pytest.approx(0.0, abs=1e-12)
    other = RNG.permuted(REFERENCE)  # of the same count
    kept = figures(other)
    assert kept["rmse_scaled"] == pytest.approx(kept["rmse"])
    assert kept["l1_per_electron_scaled"] == pytest.approx(kept["l1_per_electron"])


def test_displaced_electrons_that_cancel_leave_the_count():
    sign = np.where(np.arange(REFERENCE.size).reshape(REFERENCE.shape) % 2, 1, -1)
    found = figures(REFERENCE + 0.01 * sign)
    assert found["electron_count_error"] == pytest.approx(0.0, abs=1e-12)
    assert found["l1_per_electron"] > 0.01


def test_gaussian_errors_are_covered_as_gaussians_are():
    reference = np.zeros((50, 50, 40)) + np.linspace(0, 1, 40)
    found = figures(reference + 0.2 * RNG.standard_normal(reference.shape), 0.2, reference)
    assert found["coverage_1sigma"] == pytest.approx(0.6827, abs=0.005)
    assert found["coverage_2sigma"] == pytest.approx(0.9545, abs=0.005)
    assert found["coverage_3sigma"] == pytest.approx(0.9973, abs=0.001)


def test_pooling_weighs_points_and_electrons_and_lets_no_counts_cancel():
    std = np.full(REFERENCE.shape, 0.1)
    more = compare(REFERENCE + 0.02, std, REFERENCE, VOXEL, 1.0)
    less = compare(REFERENCE - 0.02, std, REFERENCE, VOXEL, 3.0)
    pooled = pool([more, less]).figures()
    assert pooled["rmse"] == pytest.approx(0.02)
    assert pooled["electron_count_error"] == pytest.approx(more.figures()["electron_count_error"])
    assert pooled["points_per_second"] == pytest.approx(REFERENCE.size / 2.0)


def test_calibration_error_is_that_of_the_reliability_diagram():
    error = RNG.standard_normal(40_000)
    np.testing.assert_allclose(coverages(np.abs(error)), CONFIDENCES, atol=0.01)
    assert np.all(coverages(np.abs(error) / 2.0)[:-1] > CONFIDENCES[:-1] + 0.02)
    reference = np.zeros((40, 50, 20))
    field = 0.2 * error.reshape(reference.shape) + np.linspace(0.0, 1e-9, 20)
    reference[0, 0, 0] = 1e-9
    right, wrong = (compare(field, std, reference, VOXEL, 1.0) for std in (0.2, 0.1))
    assert right.figures()["calibration_error"] < 0.01
    assert wrong.figures()["calibration_error"] > 0.1
    assert pool([right, wrong]).figures()["calibration_error"] < 0.11


def test_sharpness_is_1_for_errors_drawn_from_sigma_and_0_for_others():
    std = np.exp(RNG.standard_normal(40_000))
    error = np.abs(RNG.standard_normal(40_000))
    assert sharpness(error * std, std) == pytest.approx(1.0, abs=0.02)
    assert sharpness(error, std) == pytest.approx(0.0, abs=0.03)
    assert sharpness(error, np.ones(40_000)) == 0.0
    # of σ that is nearly the same everywhere no one can show more than a little
    narrow = rank_correlations(error * (1.0 + 0.2 * std), 1.0 + 0.2 * std)
    assert 0.2 < narrow["spearman_possible"] < 0.5
    assert narrow["spearman"] == pytest.approx(narrow["spearman_possible"], abs=0.02)


def test_mean_squared_z_width_and_rank_correlation_of_errors_drawn_from_sigma():
    rng = np.random.default_rng(3)
    std = rng.uniform(1e-4, 3e-3, REFERENCE.shape)
    drawn = REFERENCE + 2.0 * std * rng.standard_normal(REFERENCE.shape)
    figures = compare(drawn, std, REFERENCE, VOXEL, 1.0).figures()
    assert figures["mean_squared_z"] == pytest.approx(4.0, rel=0.15)
    assert figures["mean_std"] == pytest.approx(std.mean())
    assert figures["nmae"] == figures["l1_per_electron"]
    ranks = rank_correlations(np.abs(drawn - REFERENCE), std)
    assert ranks["sharpness"] == pytest.approx(1.0, abs=0.2)
    assert ranks["sharpness"] == ranks["spearman"] / ranks["spearman_possible"]
    assert ranks["spearman"] == pytest.approx(
        spearmanr(np.abs(drawn - REFERENCE).ravel(), std.ravel()).statistic
    )
