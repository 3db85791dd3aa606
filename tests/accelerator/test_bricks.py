"""Bricks cover boxes of any size, each point once."""

import numpy as np
import pytest
import torch

from rhocast.accelerator.bricks import SIDE_BOHR, Bricks
from rhocast.grid import Mesh

CELL = np.array([[9.0, 0.4, 0.1], [2.2, 8.0, -0.6], [0.7, -2.1, 10.0]])


@pytest.mark.parametrize("box", [(0, 19, 0, 9, 0, 17), (3, 4, 2, 9, 5, 16)])
def test_what_is_computed_returns_to_its_point(box):
    mesh = Mesh((19, 9, 17), CELL)
    bricks = Bricks.of(mesh)
    slices = tuple(slice(*box[i : i + 2]) for i in (0, 2, 4))
    points = bricks.centres(slices)[:, None] + bricks.offsets
    found = bricks.joined(torch.from_numpy(points).permute(2, 0, 1), slices)
    expected = mesh.offsets(slices).T.reshape(found.shape)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(("spacing", "side"), [(0.25, 8), (0.59, 4), (1.0, 2), (3.0, 1)])
def test_they_are_small_in_bohr(spacing, side):
    bricks = Bricks.of(Mesh((16, 16, 16), 16 * spacing * np.eye(3)))
    assert bricks.shape == (side,) * 3
    assert 2 * bricks.radius_bohr <= np.sqrt(3.0) * SIDE_BOHR
