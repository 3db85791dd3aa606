"""Meshes of any cell."""

import numpy as np
from any_cells import cells, shapes
from hypothesis import given
from hypothesis import strategies as st

from rhocast.grid import Mesh


@given(cells(), st.floats(0.2, 3.0))
def test_points_lie_as_close_as_asked_and_no_closer_than_they_must(cell, spacing):
    mesh = Mesh.with_spacing(cell, spacing)
    assert (mesh.spacing <= spacing * (1 + 1e-9)).all()
    lengths = np.linalg.norm(cell, axis=1)
    coarser = np.array(mesh.shape) - 1
    assert all(n == 0 or length / n > spacing for n, length in zip(coarser, lengths, strict=True))


@given(cells(), shapes(most=12))
def test_points_and_boxes_are_the_same_places(cell, shape):
    mesh = Mesh(shape, cell)
    whole = tuple(slice(0, n) for n in shape)
    points = mesh.points(np.arange(mesh.n_points))
    np.testing.assert_allclose(mesh.offsets(whole), points, atol=1e-12)
    volume = abs(np.linalg.det(cell))
    np.testing.assert_allclose(mesh.voxel_volume * mesh.n_points, volume, rtol=1e-12)
    np.testing.assert_allclose(mesh.integral(np.ones(shape)), volume, rtol=1e-12)
