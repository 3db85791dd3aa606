import numpy as np
import pytest
from scipy.spatial import cKDTree

from rhocast.structures import periodic_images
from rhocast.structures.lattices import (
    NEIGHBOUR_DISTANCE,
    compound_cell,
    cubic_cell,
    hcp_cell,
    oriented_cell,
    repeat,
    scale,
)


def neighbours(structure, distance):
    """Atoms within a distance of each atom."""
    images, _ = periodic_images(structure, distance)
    sites = structure.fractional @ structure.cell
    return cKDTree(images).query_ball_point(sites, 1.001 * distance, return_length=True) - 1


@pytest.mark.parametrize(("lattice", "count"), [("fcc", 12), ("bcc", 8), ("diamond", 4)])
@pytest.mark.parametrize("axes", [None, [[2, 1, 0], [-1, 2, 0], [0, 0, 1]]])
def test_coordination_of_cubic_crystals(lattice, count, axes):
    cell = (
        cubic_cell(lattice, 7.0, "Al")
        if axes is None
        else oriented_cell(lattice, 7.0, np.array(axes), "Al")
    )
    crystal = repeat(cell, (2, 1, 2))
    distance = 7.0 * NEIGHBOUR_DISTANCE[lattice]
    assert crystal.minimum_distance() == pytest.approx(distance)
    assert (neighbours(crystal, distance) == count).all()


@pytest.mark.parametrize(
    ("lattice", "distance", "count"), [("zincblende", 3**0.5 / 4, 4), ("rocksalt", 0.5, 6)]
)
def test_neighbours_in_a_compound_are_all_of_the_other_element(lattice, distance, count):
    crystal = repeat(compound_cell(lattice, 8.0, ("Si", "C")), (2, 1, 1))
    assert crystal.counts == {"C": 8, "Si": 8}
    assert (neighbours(crystal, 8.0 * distance) == count).all()
    alone = crystal.numbers == crystal.numbers[0]
    sublattice = type(crystal)(crystal.positions[alone], crystal.cell, crystal.numbers[alone])
    assert sublattice.minimum_distance() == pytest.approx(8.0 / 2**0.5)  # fcc


@pytest.mark.parametrize(("axes", "atoms"), [("orthogonal", 4), ("hexagonal", 2)])
def test_close_packing_has_twelve_neighbours_in_either_cell(axes, atoms):
    cell = hcp_cell(6.0, np.sqrt(8 / 3), axes, "Mg")
    assert len(cell) == atoms
    assert cell.volume / len(cell) == pytest.approx(6.0**3 / np.sqrt(2))
    assert (neighbours(repeat(cell, (2, 2, 1)), 6.0) == 12).all()


def test_c_over_a_stretches_hcp_and_parts_its_neighbours():
    stretched = hcp_cell(6.0, 1.8, "hexagonal", "Zn")
    assert np.linalg.norm(stretched.cell[2]) == pytest.approx(1.8 * 6.0)
    assert (neighbours(stretched, 6.0) == 6).all()


def test_repetition_is_periodic():
    cell = oriented_cell("fcc", 7.0, np.array([[1, 1, 0], [1, -1, 1], [1, -1, -2]]), "Al")
    crystal = repeat(cell, (2, 3, 1))
    np.testing.assert_allclose(crystal.cell, cell.cell * np.array([[2], [3], [1]]))
    assert len(crystal) == 6 * len(cell)
    assert crystal.minimum_distance() == pytest.approx(7.0 / np.sqrt(2))


def test_scaling_by_axis_leaves_fractional_coordinates():
    crystal = hcp_cell(6.0, 1.6, "hexagonal", "Mg")
    scaled = scale(crystal, np.array([1.03, 1.03, 0.95]))
    np.testing.assert_allclose(scaled.fractional, crystal.fractional, atol=1e-12)
    ratio = np.linalg.norm(scaled.cell, axis=1) / np.linalg.norm(crystal.cell, axis=1)
    np.testing.assert_allclose(ratio, [1.03, 1.03, 0.95])
    assert scale(crystal, 1.02).volume == pytest.approx(1.02**3 * crystal.volume)
