"""Atoms of any cell, triclinic and left-handed ones too."""

import numpy as np
from any_cells import structures
from hypothesis import given
from hypothesis import strategies as st

from rhocast.structures import Structure, periodic_images


def nearest_by_search(structure: Structure) -> float:
    """Shortest distance among atoms and images, without any cleverness."""
    steps = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing="ij"), -1).reshape(-1, 3)
    places = structure.positions
    distances = np.linalg.norm(
        places[:, None, None] - places[None, :, None] + steps @ structure.cell, axis=-1
    )
    home = np.flatnonzero((steps == 0).all(1))[0]
    distances[np.arange(len(places)), np.arange(len(places)), home] = np.inf
    return float(distances.min())


@given(structures())
def test_the_shortest_distance_is_that_of_a_plain_search(structure):
    np.testing.assert_allclose(
        structure.minimum_distance(), nearest_by_search(structure), atol=1e-9
    )


@given(structures(), st.floats(0.5, 9.0))
def test_every_image_within_reach_is_there(structure, reach):
    """Around the cell's corner lie as many atoms as a plain search finds, at the same places."""
    positions, indices = periodic_images(structure, reach)
    steps = np.stack(np.meshgrid(*[np.arange(-8, 9)] * 3, indexing="ij"), -1).reshape(-1, 3)
    everywhere = (structure.positions[:, None] + steps @ structure.cell).reshape(-1, 3)
    inside = np.linalg.norm(everywhere, axis=1) < reach - 1e-6
    found = np.linalg.norm(positions, axis=1) < reach - 1e-6
    assert found.sum() == inside.sum()
    np.testing.assert_allclose(
        np.sort(np.linalg.norm(positions[found], axis=1)),
        np.sort(np.linalg.norm(everywhere[inside], axis=1)),
        atol=1e-9,
    )
    images = (positions - structure.positions[indices]) @ np.linalg.inv(structure.cell)
    np.testing.assert_allclose(images, images.round(), atol=1e-8)


@given(structures())
def test_ase_returns_what_it_was_given(structure):
    back = Structure.from_ase(structure.to_ase())
    np.testing.assert_allclose(back.positions, structure.positions, atol=1e-12)
    np.testing.assert_allclose(back.cell, structure.cell, atol=1e-12)
    np.testing.assert_array_equal(back.numbers, structure.numbers)
