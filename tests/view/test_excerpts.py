"""Excerpts of a density that a page shows: means over blocks, boxes as stored, uncertain places."""

from dataclasses import replace

import numpy as np
import pytest
from small_model import make_structure

from rhocast.density import Density
from rhocast.view.excerpts import block_means, box_around, coarse_shape, most_uncertain, whole_cell

SHAPE = (35, 17, 66)  # more than one set of layers along x


@pytest.fixture
def field() -> Density:
    rng = np.random.default_rng(0)
    density = 0.05 * rng.random(SHAPE, dtype=np.float32)
    return Density(
        make_structure(), density, epistemic_std=0.01 * density, aleatoric_std=0.02 * density
    )


@pytest.mark.parametrize("shape", [(35, 17, 66), (7, 17, 33), (11, 5, 20), (1, 1, 1)])
def test_means_over_blocks_hold_all_electrons(field, shape):
    means = block_means(field, "density", shape)
    assert means.shape == shape
    assert means.mean() == pytest.approx(field.density.mean(dtype=np.float64), rel=1e-6)


def test_means_over_whole_blocks_are_plain_means(field):
    expected = field.density.reshape(7, 5, 17, 33, 2).mean(axis=(1, 4))
    np.testing.assert_allclose(block_means(field, "density", (7, 17, 33)), expected, rtol=1e-5)


def test_a_coarse_mean_stands_in_the_middle_of_its_block(field):
    """A density that is linear in the place is met by its means where they are said to stand."""
    steps = np.indices(SHAPE).astype(np.float32)
    field = Density(field.structure, steps[0] / SHAPE[0])
    part = whole_cell(field, 7 * 17 * 33, max_atoms=0)
    shape = part.values["density"].shape
    assert np.prod(shape) <= 7 * 17 * 33
    place = (part.origin @ np.linalg.inv(part.cell))[0] + np.arange(shape[0]) / shape[0]
    np.testing.assert_allclose(part.values["density"].mean(axis=(1, 2)), place, atol=2e-3)


def test_a_coarse_mesh_stays_below_its_bound():
    for shape in [(464, 464, 464), (1000, 10, 10), (3, 3, 3)]:
        coarse = coarse_shape(shape, 100_000)
        assert np.prod(coarse) <= 100_000
        assert all(c <= n for c, n in zip(coarse, shape, strict=True))


def test_a_box_holds_the_stored_values_over_the_ends_of_the_cell(field):
    part = box_around(field, (0, 16, 65), side=8, name="corner")
    np.testing.assert_array_equal(part.values["density"][4, 4, 4], field.density[0, 16, 65])
    np.testing.assert_array_equal(part.values["density"][3, 4, 5], field.density[34, 16, 0])
    fractional = (part.positions - part.origin) @ np.linalg.inv(part.cell)
    assert (fractional >= -1e-9).all()
    assert (fractional <= 1 + 1e-9).all()


def test_the_most_uncertain_places_are_found_far_apart(field):
    sigma = np.full(SHAPE, 1e-4, dtype=np.float32)
    for place, height in {(3, 3, 3): 5e-3, (4, 3, 3): 4e-3, (20, 12, 50): 3e-3}.items():
        sigma[place] = height
    uncertain = Density(
        field.structure, field.density, epistemic_std=sigma, aleatoric_std=0 * sigma
    )
    assert most_uncertain(uncertain, count=2, side=8) == [(3, 3, 3), (20, 12, 50)]
    assert most_uncertain(Density(field.structure, field.density), 2, 8) == []


def test_a_small_cell_is_interpolated_and_keeps_its_values(field):
    field = replace(field, density=field.density + np.float32(0.05))  # no spline falls below zero
    part = whole_cell(field, 10**6, max_atoms=100)
    np.testing.assert_allclose(part.values["density"][::2, ::2, ::2], field.density, rtol=1e-4)
    assert len(part.numbers) == len(field.structure)
