"""Repeated end points and mirror symmetry, which both make the last layer equal to the first."""

import numpy as np
import pytest
from gaussian_atoms import on_mesh

from rhocast.density.closing import find_closing
from rhocast.grid import Mesh
from rhocast.structures import Structure

CELL = np.diag([7.0, 7.6, 8.3])


def density(points: tuple[int, int, int], shift: float, seed: int) -> np.ndarray:
    """Atoms in pairs that mirror each other along every axis; points moved by part of a step."""
    rng = np.random.default_rng(seed)
    x, y, z = rng.uniform(0.05, 0.45, 3)
    signs = np.array(np.meshgrid([1, -1], [1, -1], [1, -1])).reshape(3, -1).T
    mirrored = Structure(signs * [x, y, z] @ CELL, CELL, [14] * 8)
    origin = shift * Mesh(points, CELL).spacing
    return on_mesh(mirrored, points, origin)


def find(data: np.ndarray, points: tuple[int, int, int], scale: float):
    return find_closing(scale * data, Mesh(points, CELL).voxel_volume)


@pytest.mark.parametrize("points", [(10, 11, 12), (12, 13, 11), (17, 16, 15)])
@pytest.mark.parametrize("seed", range(5))
def test_a_mirror_between_two_points_is_no_repeated_layer(points, seed):
    half = density(points, 0.5, seed)
    np.testing.assert_allclose(half[-1], half[0], atol=1e-9)
    for scale in (1.0, 1.01):  # a number of electrons that is whole, and one that is not
        assert find(half, points, scale).shape == points


@pytest.mark.parametrize("points", [(10, 11, 12), (12, 13, 11), (17, 16, 15)])
@pytest.mark.parametrize("seed", range(5))
def test_a_repeated_layer_is_found_in_symmetric_densities(points, seed):
    closed = np.pad(density(points, 0.0, seed), ((0, 1),) * 3, mode="wrap")
    found = find(closed, points, 1.0)
    assert found.repeats
    assert found.shape == points
    assert found.without_end(closed).shape == points


@pytest.mark.parametrize("seed", range(5))
def test_a_fine_mesh_tells_without_the_electrons(seed):
    closed = np.pad(density((17, 16, 15), 0.0, seed), ((0, 1),) * 3, mode="wrap")
    assert find(closed, (17, 16, 15), 1.01).repeats


@pytest.mark.parametrize("scale", [1.0, 1.01])
def test_a_density_without_symmetry_leaves_no_doubt(scale):
    for points in ((8, 9, 10), (12, 13, 11)):
        moved = np.pad(density(points, 0.3, 1), ((0, 1),) * 3, mode="wrap")
        assert find(moved, points, scale).shape == points


def test_a_constant_tells_nothing():
    assert not find_closing(np.ones((4, 5, 6)), 1.0).repeats
