import numpy as np
import pytest
from ase.build import bulk

from rhocast.errors import StructureError
from rhocast.structures import Structure, periodic_images

TRICLINIC = np.array([[5.0, 0.3, 0.1], [1.2, 6.0, -0.4], [0.7, -1.1, 4.5]])


@pytest.fixture
def triclinic():
    rng = np.random.default_rng(3)
    return Structure(rng.random((4, 3)) @ TRICLINIC + 11.0, TRICLINIC, [13, 13, 14, 32])


def test_round_trip_through_ase(triclinic):
    back = Structure.from_ase(triclinic.to_ase())
    np.testing.assert_allclose(back.positions, triclinic.positions, rtol=1e-14)
    np.testing.assert_allclose(back.cell, triclinic.cell, rtol=1e-14)
    assert back.formula == "Al2Si1Ge1"
    assert back.species == ("Al", "Si", "Ge")


def test_electrons_are_counted_by_element(triclinic):
    valence = {"Si": 4, "Ge": 14.0, "Al": 3.0}
    assert triclinic.count_electrons(valence) == 2 * 3 + 4 + 14
    with pytest.raises(StructureError, match="valence electrons of Si, Ge are not known"):
        triclinic.count_electrons({"Al": 3.0})


@pytest.mark.parametrize("hand", [1.0, -1.0])
def test_images_are_all_that_lie_within_reach(triclinic, hand):
    cell = triclinic.cell * [[hand], [1.0], [1.0]]
    structure = Structure(triclinic.positions, cell, triclinic.numbers)
    images, indices = periodic_images(structure, 7.0)
    steps = np.array(np.meshgrid(*3 * [range(-6, 7)], indexing="ij")).reshape(3, -1).T
    every = structure.positions + (steps @ cell)[:, None]
    corners = np.random.default_rng(0).random((200, 3)) @ cell
    for atom in range(len(structure)):
        expected = np.linalg.norm(corners[:, None] - every[None, :, atom], axis=-1) < 7.0
        found = np.linalg.norm(corners[:, None] - images[None, indices == atom], axis=-1) < 7.0
        np.testing.assert_array_equal(found.sum(axis=1), expected.sum(axis=1))


def test_images_of_a_part_belong_to_the_part(triclinic):
    lower, upper = np.array([0.2, 0.4, 0.1]), np.array([0.3, 0.6, 0.2])
    part, _ = periodic_images(triclinic, 3.0, lower, upper)
    whole, _ = periodic_images(triclinic, 3.0)
    points = (lower + np.random.default_rng(1).random((100, 3)) * (upper - lower)) @ TRICLINIC
    near = [np.sort(np.linalg.norm(p - points[:, None], axis=-1), axis=1) for p in (part, whole)]
    counts = [(distances < 3.0).sum(axis=1) for distances in near]
    np.testing.assert_array_equal(*counts)
    assert len(part) < len(whole)


def test_minimum_distance_sees_periodic_images():
    cell = np.diag([4.0, 20.0, 20.0])
    assert Structure([[0, 0, 0]], cell, [13]).minimum_distance() == pytest.approx(4.0)
    across = Structure([[1, 0.1, 0], [1, 19.9, 0]], np.diag([20.0] * 3), [13, 13])
    assert across.minimum_distance() == pytest.approx(0.2)


def test_nearest_neighbours_of_a_crystal():
    crystal = Structure.from_ase(bulk("Al", "fcc", a=4.05, cubic=True).repeat(2))
    assert crystal.minimum_distance() == pytest.approx(4.05 / np.sqrt(2) / 0.5291772, rel=1e-6)


@pytest.mark.parametrize(
    ("positions", "cell", "numbers", "message"),
    [
        ([[0, 0, np.nan]], np.eye(3), [13], "atom 0"),
        ([[0, 0, 0]], np.ones((3, 3)), [13], "singular"),
        ([[0, 0, 0]], np.zeros((3, 3)), [13], "singular"),
        ([[0, 0, 0]], np.eye(3), [0], "atomic number 0"),
        (np.zeros((0, 3)), np.eye(3), [], "no atoms"),
        ([[0, 0]], np.eye(3), [13], "expected positions"),
    ],
)
def test_what_no_density_exists_for_is_refused(positions, cell, numbers, message):
    with pytest.raises(StructureError, match=message):
        Structure(positions, cell, numbers)


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_a_million_atoms_in_one_place_are_refused_at_once(spread):
    rng = np.random.default_rng(0)
    positions = 50.0 + spread * rng.random((1_000_000, 3))
    structure = Structure(positions, 100.0 * np.eye(3), np.full(1_000_000, 13))
    with pytest.raises(StructureError, match=r"two atoms are .* Bohr apart"):
        structure.check_distances()


def test_atoms_on_both_sides_of_a_cube_are_found():
    for gap in (0.3, 0.49, 0.51):
        positions = np.array([[1.0 - gap / 2, 3.0, 3.0], [1.0 + gap / 2, 3.0, 3.0]])
        structure = Structure(positions, 6.0 * np.eye(3), [13, 13])
        if gap > 0.5:
            structure.check_distances()
        else:
            with pytest.raises(StructureError, match=f"{gap} Bohr apart"):
                structure.check_distances()


def test_coordinates_beyond_any_cell_are_refused():
    cell = 10.0 * np.eye(3)
    with pytest.raises(StructureError, match=r"position of atom 1 .* at most 1e\+08"):
        Structure(np.array([[0.0, 0.0, 0.0], [1e20, 0.0, 0.0]]), cell, [13, 13])
    with pytest.raises(StructureError, match=r"a lattice vector is 1e\+30 Bohr long"):
        Structure(np.zeros((1, 3)), np.diag([1e30, 10.0, 10.0]), [13])
