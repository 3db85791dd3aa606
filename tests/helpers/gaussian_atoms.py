"""Gaussian atoms: a density that is known everywhere, for files of all formats."""

import numpy as np
import pytest

from rhocast.density import Density
from rhocast.grid import Mesh
from rhocast.structures import Structure
from rhocast.structures.structure import periodic_images

SHAPE = (13, 14, 15)
VALENCE = {13: 3.0, 14: 4.0}
WIDTH_BOHR = 1.0

CELLS = {
    "orthogonal": np.diag([6.5, 7.0, 7.5]),
    "triclinic": np.array([[6.5, 0.3, 0.0], [1.1, 7.0, -0.4], [-0.7, 0.9, 7.5]]),
    "left-handed": np.array([[1.1, 7.0, -0.4], [6.5, 0.3, 0.0], [-0.7, 0.9, 7.5]]),
}


@pytest.fixture(params=CELLS)
def crystal(request) -> Structure:
    """Three atoms, one of another element and one outside the cell."""
    cell = CELLS[request.param]
    fractional = np.array([[0.1, 0.2, 0.3], [0.55, 0.6, 0.05], [-1.2, 0.15, 2.7]])
    return Structure(fractional @ cell, cell, [14, 13, 14])


def gaussians(structure: Structure, points: np.ndarray) -> np.ndarray:
    """A Gaussian of its valence on each atom: a density with no symmetry to hide behind."""
    density = np.zeros(len(points))
    centres, atoms = periodic_images(structure, 7.0 * WIDTH_BOHR, -np.ones(3), 2.0 * np.ones(3))
    for centre, number in zip(centres, structure.numbers[atoms], strict=True):
        distance2 = np.sum((points - centre) ** 2, axis=1)
        density += VALENCE[number] * np.exp(-0.5 * distance2 / WIDTH_BOHR**2)
    return density / (2.0 * np.pi * WIDTH_BOHR**2) ** 1.5


def on_mesh(structure: Structure, shape=SHAPE, origin=(0.0, 0.0, 0.0)) -> np.ndarray:
    mesh = Mesh(shape, structure.cell)
    points = mesh.points(np.arange(mesh.n_points)) + np.asarray(origin)
    return gaussians(structure, points).reshape(shape)


def check_gaussians(found: Density, structure: Structure, shape=SHAPE) -> None:
    """The density must be that of the atoms that came with it, in the cell that was written."""
    assert found.density.shape == shape
    np.testing.assert_allclose(found.structure.cell, structure.cell, atol=2e-5)
    assert found.structure.formula == structure.formula
    np.testing.assert_allclose(found.density, on_mesh(found.structure, shape), atol=1e-5)
