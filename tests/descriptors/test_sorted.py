import numpy as np
import pytest
from ase import Atoms
from distorted_cells import TRICLINIC, binary, perfect

from rhocast import config, descriptors
from rhocast.structures import Structure

SIZES = config.SortedDescriptor(cutoff_bohr=9.0, distances=12, angle_atoms=4, angle_neighbours=3)


def features(structure, points, species=("Si", "Ge"), sizes=SIZES, **box):
    return descriptors.make(sizes, species).bind(structure, **box)(points)


def brute_force(structure, point, species, sizes):
    """Follow the definition, atom by atom, over a block of images."""
    steps = np.array(np.meshgrid(*3 * [range(-4, 5)], indexing="ij")).reshape(3, -1).T
    positions = (structure.positions + (steps @ structure.cell)[:, None]).reshape(-1, 3)
    symbols = np.tile(structure.to_ase().get_chemical_symbols(), len(steps))
    result = []
    for symbol in species:
        own = positions[symbols == symbol] - point
        own = own[np.argsort(np.linalg.norm(own, axis=1))]
        lengths = np.linalg.norm(own, axis=1)
        own, lengths = own[lengths < sizes.cutoff_bohr], lengths[lengths < sizes.cutoff_bohr]
        absent = max(0, sizes.distances - len(lengths))
        result += [*lengths[: sizes.distances], *absent * [sizes.cutoff_bohr]]
        for atom in own[: sizes.angle_atoms]:
            away = np.linalg.norm(positions - point - atom, axis=1)
            away[(away < 1e-9) | (away >= sizes.cutoff_bohr)] = np.inf
            last = np.sort(away)[sizes.angle_neighbours - 1]
            others = positions - point
            cosines = others @ atom / np.linalg.norm(others, axis=1) / np.linalg.norm(atom)
            certain, tied = cosines[away < last - 1e-6], np.empty(0)
            if np.isfinite(last):
                tied = np.sort(cosines[np.abs(away - last) < 1e-6])[::-1]
            chosen = [*certain, *tied, *sizes.angle_neighbours * [0.0]][: sizes.angle_neighbours]
            result += sorted(chosen, reverse=True)
        result += max(0, sizes.angle_atoms - len(own)) * sizes.angle_neighbours * [0.0]
    return np.array(result)


@pytest.mark.parametrize("cutoff", [4.0, 9.0, 14.0])
@pytest.mark.parametrize("hand", [1.0, -1.0])
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_agrees_with_the_definition_in_any_cell(cutoff, hand, scale):
    sizes = SIZES.model_copy(update={"cutoff_bohr": cutoff})
    cell = TRICLINIC * scale * [[1.0], [hand], [1.0]]
    structure = binary(cell)
    points = np.random.default_rng(1).random((20, 3)) @ cell
    expected = [brute_force(structure, point, ("Si", "Ge"), sizes) for point in points]
    np.testing.assert_allclose(features(structure, points, sizes=sizes), expected, atol=2e-6)


def test_one_atom_in_a_cell_smaller_than_the_cutoff_sees_its_images():
    structure = Structure([[0.1, 0.2, 0.3]], np.diag([4.0, 5.0, 6.0]), [14])
    point = np.array([[1.7, 2.9, 4.1]])
    expected = brute_force(structure, point[0], ("Si",), SIZES)
    np.testing.assert_allclose(features(structure, point, ("Si",))[0], expected, atol=2e-6)


@pytest.mark.parametrize("name", ["Al", "Si"])
def test_ties_of_a_crystal_are_settled_by_symmetry(name):
    """Points that the crystal's symmetry makes equal have equal features."""
    structure = perfect(name)
    a = structure.cell[0, 0]
    x, y, z = 0.11 * a, 0.07 * a, 0.02 * a
    equal = np.array([[x, y, z], [y, z, x], [z, x, y], [y, x, z]])
    sizes = config.SortedDescriptor(
        cutoff_bohr=14.0, distances=10, angle_atoms=10, angle_neighbours=4
    )
    for points in (equal, np.array([[0.0, 0.0, 0.0], [0.0, a / 2, a / 2]])):
        rows = features(structure, points, (name,), sizes)
        np.testing.assert_allclose(rows, np.broadcast_to(rows[0], rows.shape), atol=5e-6)


def test_of_tied_neighbours_those_with_the_largest_cosines_are_taken():
    structure = perfect("Al")
    half = structure.cell[0, 0] / 2.0
    sizes = config.SortedDescriptor(
        cutoff_bohr=12.0, distances=1, angle_atoms=1, angle_neighbours=4
    )
    point = np.array([[0.1, 0.0, 0.0]])  # the atom at the origin hides four of its twelve
    hidden = np.array([-half - 0.1, half, 0.0])
    expected = -hidden[0] / np.linalg.norm(hidden)
    cosines = features(structure, point, ("Al",), sizes)[0, 1:]
    np.testing.assert_allclose(cosines, expected, atol=1e-4)


def test_features_far_from_all_atoms_are_those_of_nothing():
    structure = Structure.from_ase(Atoms("Al", cell=np.diag([30.0, 30.0, 30.0])))
    far = features(structure, np.array([[28.0, 28.0, 28.0]]), ("Al",))[0]
    np.testing.assert_array_equal(far[: SIZES.distances], SIZES.cutoff_bohr)
    np.testing.assert_array_equal(far[SIZES.distances :], 0.0)


def test_no_angles_leave_the_distances():
    sizes = SIZES.model_copy(update={"angle_atoms": 0})
    structure, points = binary(), np.zeros((3, 3))
    descriptor = descriptors.make(sizes, ("Si", "Ge"))
    assert descriptor.n_features == 24
    expected = features(structure, points)[:, : SIZES.distances]
    np.testing.assert_array_equal(descriptor.bind(structure)(points)[:, :12], expected)


def test_a_species_that_is_not_there_counts_as_absent():
    structure = binary()
    alone = Structure(structure.positions, structure.cell, np.full(6, 14))
    rows = features(alone, np.ones((1, 3)))
    np.testing.assert_array_equal(rows[0, 24:36], SIZES.cutoff_bohr)
    np.testing.assert_array_equal(rows[0, 36:], 0.0)
