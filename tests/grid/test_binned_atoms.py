"""Atoms around a box: the same as a search through all images finds."""

import numpy as np
import pytest

from rhocast.grid import BinnedAtoms
from rhocast.structures import Structure, periodic_images

CELLS = {
    "cube": 31.0 * np.eye(3),
    "triclinic": np.array([[30.0, 0.0, 0.0], [9.0, 25.0, 0.0], [-4.0, 6.0, 40.0]]),
    "left-handed": np.array([[0.0, 25.0, 3.0], [33.0, 0.0, 0.0], [0.0, 2.0, 21.0]]),
    "small": np.array([[5.0, 0.0, 0.0], [1.0, 4.0, 0.0], [0.0, 0.0, 3.0]]),
}

BOXES = [((0.0, 0.0, 0.0), (0.1, 0.3, 0.2)), ((0.7, 0.2, 0.9), (1.0, 1.0, 1.0))]


def atoms_in(cell, count):
    rng = np.random.default_rng(3)
    positions = rng.uniform(-1.0, 2.0, (count, 3)) @ cell
    return Structure(positions, cell, rng.integers(1, 50, count))


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("box", BOXES)
def test_all_images_within_reach_are_there(name, box):
    structure = atoms_in(CELLS[name], 300 if name != "small" else 3)
    lower, upper = np.array(box)
    found = BinnedAtoms.of(structure).around(lower, upper, 6.0)
    positions, indices = periodic_images(structure, 6.0, lower, upper)
    expected = positions - lower @ structure.cell
    shifted = found.structure.positions - found.corner
    assert len(shifted) == len(expected)
    order, expected_order = (np.lexsort(p.round(6).T) for p in (shifted, expected))
    np.testing.assert_allclose(shifted[order], expected[expected_order], atol=1e-9)
    numbers = structure.numbers[indices]
    np.testing.assert_array_equal(found.structure.numbers[order], numbers[expected_order])


@pytest.mark.parametrize("name", CELLS)
def test_a_search_through_the_neighbourhood_finds_no_other_images(name):
    """What is cut out stands for the structure: no image of its own comes within reach."""
    structure = atoms_in(CELLS[name], 50 if name != "small" else 2)
    lower, upper = np.array(BOXES[0])
    found = BinnedAtoms.of(structure).around(lower, upper, 6.0)
    positions, _ = periodic_images(found.structure, 6.0, found.lower, found.upper)
    assert len(positions) == len(found.structure)
    corner = (upper - lower) @ structure.cell
    np.testing.assert_allclose((found.upper - found.lower) @ found.structure.cell, corner)


def test_nothing_within_reach_is_nothing():
    lonely = Structure(np.zeros((1, 3)), 60.0 * np.eye(3), np.array([13]))
    binned = BinnedAtoms.of(lonely)
    assert binned.around(np.full(3, 0.4), np.full(3, 0.6), 8.0) is None
    assert len(binned.around(np.full(3, 0.4), np.full(3, 0.95), 8.0).structure) == 1


def test_a_neighbourhood_does_not_grow_with_the_cell():
    rng = np.random.default_rng(0)
    sizes = []
    for side in (60.0, 120.0):
        count = int(0.009 * side**3)
        cell = side * np.eye(3)
        structure = Structure(rng.random((count, 3)) @ cell, cell, np.full(count, 13))
        box = np.full(3, 20.0 / side), np.full(3, 30.0 / side)
        sizes.append(len(BinnedAtoms.of(structure).around(*box, 8.0).structure))
    assert sizes[1] == pytest.approx(sizes[0], rel=0.25)
