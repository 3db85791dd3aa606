"""Reductions of a field, against NumPy on the whole of it."""

import h5py
import numpy as np
import pytest
from small_model import make_structure

from rhocast.density import Density
from rhocast.density.reduction import (
    DENSITY_BIN,
    STD_EDGES,
    most_uncertain,
    reduce_density,
    write_reduction,
)

SHAPE = (40, 33, 50)
COARSE_BOHR = 3.0


@pytest.fixture(scope="module")
def field():
    rng = np.random.default_rng(0)
    structure = make_structure()
    rho, epistemic, aleatoric = rng.random((3, *SHAPE)).astype(np.float32) * 0.03
    return Density(structure, rho, epistemic_std=epistemic, aleatoric_std=aleatoric)


@pytest.fixture(scope="module")
def stored(field, tmp_path_factory):
    path = tmp_path_factory.mktemp("reduction") / "reduction.h5"
    reduction = reduce_density(field, COARSE_BOHR)
    write_reduction(path, reduction, field.structure, field.mesh, {"scale": 2.0}, places=4)
    with h5py.File(path) as file:
        return {name: file[name][()] for name in file}


def test_planar_averages(field, stored):
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        for row, values in enumerate((field.density, field.std)):
            expected = 2.0 * values.astype(float).mean(axis=others)
            np.testing.assert_allclose(stored[f"profile_{axis}"][row], expected, rtol=1e-6)


def test_block_means(field, stored):
    lengths = np.linalg.norm(field.cell, axis=1)
    coarse = stored["coarse"].shape[1:]
    assert coarse == tuple(int(length // COARSE_BOHR) for length in lengths)
    cells = [np.arange(n) * count // n for n, count in zip(SHAPE, coarse, strict=True)]
    for place in ((0, 0, 0), (1, 0, 2), tuple(np.array(coarse) - 1)):
        part = np.ix_(*(c == i for c, i in zip(cells, place, strict=True)))
        found = stored["coarse"][(slice(None), *place)]
        expected = [
            2.0 * values[part].astype(float).mean() for values in (field.density, field.std)
        ]
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_histograms_count_every_point(field, stored):
    assert stored["density_counts"].sum() == stored["std_counts"].sum() == field.density.size
    np.testing.assert_allclose(stored["density_edges"][1], 2.0 * DENSITY_BIN)
    below = stored["density_counts"][:100].sum()
    assert below == np.count_nonzero(field.density < np.float32(100 * DENSITY_BIN))
    expected, _ = np.histogram(field.std, STD_EDGES)
    np.testing.assert_array_equal(stored["std_counts"], expected)


def test_the_first_place_is_the_largest_standard_deviation(field, stored):
    highest = np.array(np.unravel_index(np.argmax(field.std), SHAPE)) / SHAPE @ field.cell
    np.testing.assert_allclose(stored["uncertain_positions"][0], highest)
    np.testing.assert_allclose(stored["uncertain_std"][0], 2.0 * field.std.max(), rtol=1e-6)
    assert (np.diff(stored["uncertain_std"]) <= 0.0).all()


def test_places_keep_their_distance(field):
    reduction = reduce_density(field, COARSE_BOHR)
    positions, _ = most_uncertain(reduction, field.mesh, 99, apart_bohr=4.0)
    assert len(positions) > 1
    inverse = np.linalg.inv(field.cell)
    for i, first in enumerate(positions):
        between = (positions[i + 1 :] - first) @ inverse
        between = (between - np.round(between)) @ field.cell
        assert (np.linalg.norm(between, axis=1) >= 4.0).all()
