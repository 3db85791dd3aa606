"""Pieces of a large structure: periodic, and unchanged around their middle."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from rhocast.errors import StructureError
from rhocast.structures import Structure, periodic_images
from rhocast.structures.cut_out import cut_out

TRICLINIC = np.array([[30.0, 0.0, 0.0], [8.0, 33.0, 0.0], [-5.0, 6.0, 36.0]])


@pytest.fixture(scope="module")
def structure():
    """Atoms in disorder, no two closer than 3.5 Bohr."""
    rng = np.random.default_rng(0)
    kept = np.zeros((0, 3))
    for trial in rng.random((4000, 3)) @ TRICLINIC:
        more = np.vstack([kept, trial])
        if Structure(more, TRICLINIC, np.full(len(more), 13)).minimum_distance() > 3.5:
            kept = more
        if len(kept) == 250:
            break
    return Structure(kept, TRICLINIC, np.where(np.arange(len(kept)) % 3, 13, 14))


def around(structure, place, radius):
    """Offsets and numbers of all atoms within a radius, the nearest first."""
    points, indices = periodic_images(structure, 40.0)
    away = points - place
    distance = np.linalg.norm(away, axis=1)
    order = np.argsort(distance)[: np.count_nonzero(distance < radius)]
    return away[order], structure.numbers[indices[order]]


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (15.0, 10.0, 20.0), (31.0, 38.0, 30.0)])
def test_around_the_middle_all_is_as_it_was(structure, centre):
    piece = cut_out(structure, np.array(centre), 16.0)
    middle = 0.5 * piece.cell.sum(axis=0)
    wrapped = np.array(centre) @ np.linalg.inv(TRICLINIC) % 1.0 @ TRICLINIC
    pairs = zip(around(piece, middle, 6.0), around(structure, wrapped, 6.0), strict=True)
    for found, expected in pairs:
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_no_two_atoms_meet_across_the_faces(structure):
    piece = cut_out(structure, np.array([3.0, 4.0, 5.0]), 17.0)
    assert piece.minimum_distance() > 0.9 * 3.5
    density = len(piece) / piece.volume * structure.volume / len(structure)
    assert 0.75 < density < 1.1
    np.testing.assert_allclose(np.linalg.norm(piece.cell, axis=1), 17.0)


def test_a_crystal_of_the_right_length_loses_nothing():
    places = np.stack(np.meshgrid(*[np.arange(6)] * 3), axis=-1).reshape(-1, 3) * 5.0
    crystal = Structure(places, 30.0 * np.eye(3), np.full(216, 13))
    piece = cut_out(crystal, np.array([2.5, 2.5, 2.5]), 20.0)
    assert len(piece) == 64
    distances, _ = cKDTree(periodic_images(piece, 6.0)[0]).query(piece.positions, k=2)
    np.testing.assert_allclose(distances[:, 1], 5.0)


def test_a_small_cell_is_taken_whole(structure):
    piece = cut_out(structure, np.zeros(3), 99.0)
    assert len(piece) == len(structure)
    np.testing.assert_allclose(piece.cell, TRICLINIC)


def test_a_piece_of_nothing_is_refused(structure):
    lonely = Structure(np.zeros((1, 3)), 50.0 * np.eye(3), np.array([13]))
    with pytest.raises(StructureError, match="no atom within 5 Bohr"):
        cut_out(lonely, np.full(3, 25.0), 10.0)
