"""Distributions: every mesh point is counted once, of a field as of its reduction."""

import numpy as np
import pytest
from small_model import make_structure

from rhocast.analysis.histogram import Histogram, draw_histograms, histograms
from rhocast.density import Density, read_density, write_density
from rhocast.density.reduction import is_reduction, reduce_density, write_reduction

SHAPE = (30, 20, 26)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("histogram")
    rng = np.random.default_rng(0)
    values = (0.02 + 0.005 * rng.standard_normal(SHAPE)).astype(np.float32)
    std = (1e-4 * rng.random(SHAPE) + 1e-5).astype(np.float32)
    density = Density(make_structure(), values, epistemic_std=std, aleatoric_std=2.0 * std)
    write_density(folder / "field.h5", density)
    write_density(folder / "mean.cube", density)
    reduction = reduce_density(read_density(folder / "field.h5"), 4.0)  # σ as files round it
    write_reduction(folder / "r.h5", reduction, density.structure, density.mesh, {}, places=3)
    return folder


def test_a_field_and_its_reduction_have_one_distribution(folder):
    for of_field, of_reduction in zip(
        histograms(folder / "field.h5"), histograms(folder / "r.h5"), strict=True
    ):
        np.testing.assert_array_equal(of_field.counts, of_reduction.counts)
        np.testing.assert_allclose(of_field.edges, of_reduction.edges)
        assert of_field.counts.sum() == np.prod(SHAPE)


def test_only_reductions_are_taken_for_reductions(folder):
    assert is_reduction(folder / "r.h5")
    assert not is_reduction(folder / "field.h5")
    assert not is_reduction(folder / "mean.cube")
    assert histograms(folder / "mean.cube")[1] is None


def test_joined_intervals_keep_counts_and_borders():
    counts = np.zeros(20_000, dtype=np.int64)
    counts[100:1311] = np.arange(1, 1212)
    edges = 1e-4 * np.arange(20_001)
    seen = Histogram(counts, edges).seen()
    assert seen.counts.sum() == counts.sum()
    assert len(seen.counts) <= 200
    assert seen.edges[[0, -1]] == pytest.approx(edges[[100, 1311]])
    assert (seen.probability_density * np.diff(seen.edges)).sum() == pytest.approx(1.0)
    first = edges < seen.edges[1] - 1e-9
    assert seen.counts[0] == counts[first[:-1]].sum()


def test_intervals_of_equal_ratio_on_a_logarithmic_axis():
    """Neither a comb at the upper end nor blocks where the counted intervals are fine enough."""
    edges = 1e-4 * np.arange(20_001)
    counts = np.zeros(20_000, dtype=np.int64)
    counts[50:2000] = np.random.default_rng(0).integers(1, 9, 1950)
    seen = Histogram(counts, edges).seen(logarithmic=True)
    assert seen.counts.sum() == counts.sum()
    assert seen.edges[[0, -1]] == pytest.approx(edges[[50, 2000]])
    ratios = seen.edges[1:] / seen.edges[:-1]
    equal = 40.0 ** (1.0 / 80.0)
    np.testing.assert_allclose(ratios[20:], equal, rtol=0.02)
    assert len(seen.counts) <= 80
    for low, high, count in zip(seen.edges, seen.edges[1:], seen.counts):  # noqa: B905
        within = (edges[:-1] > low - 1e-9) & (edges[:-1] < high - 1e-9)
        assert count == counts[within].sum()


def test_the_picture_shows_the_distributions_of_all_files(folder, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.histogram.save_figure", lambda figure, _: drawn.append(figure)
    )
    draw_histograms([folder / "field.h5", folder / "mean.cube"], "picture.png")
    density, std = drawn[0].axes
    assert [len(axes.patches) for axes in (density, std)] == [2, 1]
    expected = histograms(folder / "field.h5")
    for axes, whole in zip((density, std), expected, strict=True):
        shown = axes.patches[0].get_data()
        expected_shown = whole.seen(axes.get_xscale() == "log")
        np.testing.assert_array_equal(shown.values, expected_shown.probability_density)
        np.testing.assert_array_equal(shown.edges, expected_shown.edges)
    strokes = {(patch.get_edgecolor(), patch.get_linestyle()) for patch in density.patches}
    assert len(strokes) == 2
    assert not any(patch.get_fill() for patch in density.patches)
