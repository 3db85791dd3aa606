import numpy as np
import pytest
from ase.neighborlist import neighbor_list

from rhocast.errors import StructureError
from rhocast.structures import Structure
from rhocast.structures.burgers import measure_burgers
from rhocast.structures.dislocations import (
    AXES,
    dislocation_pair,
    lattice_steps,
    pair_field,
)
from rhocast.structures.lattices import NEIGHBOUR_DISTANCE, oriented_cell, repeat

A = 7.6
B = A / np.sqrt(2.0)
SMALL = {"screw": (5, 3, 1), "edge": (8, 3, 1)}
ALONG = {"screw": 2, "edge": 0}


@pytest.fixture(params=["fcc", "diamond"])
def lattice(request):
    return request.param


@pytest.fixture(params=["screw", "edge"])
def kind(request):
    return request.param


@pytest.fixture
def pair(lattice, kind):
    return dislocation_pair(lattice, A, kind, SMALL[kind], "Al")


def test_a_pair_of_opposite_burgers_vectors_is_measured(pair, kind):
    expected = np.zeros((2, 3))
    expected[:, ALONG[kind]] = [B, -B]
    np.testing.assert_allclose(pair.record["burgers_bohr"], expected, atol=1e-5)


def test_no_atoms_are_close_within_or_across_the_boundary(pair, lattice):
    assert pair.minimum_distance() > 0.75 * A * NEIGHBOUR_DISTANCE[lattice]
    turned = Structure(pair.positions + 0.37 * pair.cell.sum(axis=0), pair.cell, pair.numbers)
    assert turned.minimum_distance() == pytest.approx(pair.minimum_distance())


def test_atoms_away_from_the_cores_have_all_neighbours(kind):
    # Bonds across the boundary included: a cell that is not periodic would lose some.
    pair = dislocation_pair("fcc", A, kind, {"screw": (6, 5, 1), "edge": (11, 5, 1)}[kind], "Al")
    counts = np.bincount(neighbor_list("i", pair.to_ase(), 1.2 * B * 0.5291772))
    assert (counts == 12).mean() > 0.85


def test_the_edge_pair_lacks_half_a_plane_of_atoms(lattice):
    cell = oriented_cell(lattice, A, AXES["edge"], "Al")
    nx, ny, nz = SMALL["edge"]
    pair = dislocation_pair(lattice, A, "edge", SMALL["edge"], "Al")
    missing = len(repeat(cell, SMALL["edge"])) - len(pair)
    # a width of one Burgers vector, from one glide plane to the other: about half the height
    layers = 3 * ny
    assert missing / (len(cell) * nz) * 3 in (layers // 2, (layers + 1) // 2)
    assert pair.cell[0, 0] < nx * B


def test_the_circuit_tells_a_perfect_crystal(lattice):
    crystal = repeat(oriented_cell(lattice, A, AXES["screw"], "Al"), SMALL["screw"])
    steps = lattice_steps(A, AXES["screw"])
    found = measure_burgers(crystal, np.array([0.25, 0.75]), steps)
    np.testing.assert_allclose(found, 0.0, atol=1e-9)


def test_the_circuit_says_where_it_finds_no_lattice():
    rng = np.random.default_rng(0)
    gas = Structure(rng.random((40, 3)) * 40.0, np.diag([40.0] * 3), [13] * 40)
    with pytest.raises(StructureError, match="cannot be recognised"):
        measure_burgers(gas, np.array([0.5, 0.5]), lattice_steps(A, AXES["screw"]))


def test_the_field_is_periodic_and_its_mean_elastic_strain_is_zero(kind):
    lengths = np.array([70.0, 50.0])
    cores = np.array([18.0 + 36.0j, 55.0 + 12.0j])
    n = 140
    x, y = np.meshgrid(*(lengths[:, None] * (np.arange(n) + 0.5) / n), indexing="ij")
    points = (x + 1j * y).ravel()
    field, gradient = pair_field(kind, points, cores, lengths)
    field = field.reshape(n, n, 3)
    for axis in range(2):
        step = lengths[axis] / n
        ends = np.roll(field, -1, axis=axis)
        last = [slice(None), slice(None)]
        last[axis] = slice(-1, None)
        ends[tuple(last)] += gradient[:, axis] * lengths[axis]
        slopes = ends - field
        # a jump of one Burgers vector is a lattice vector: no strain
        slopes[..., ALONG[kind]] -= np.round(slopes[..., ALONG[kind]])
        assert np.abs(slopes).max() < 0.5
        np.testing.assert_allclose(slopes.mean(axis=(0, 1)) / step, 0.0, atol=1e-4)


def test_a_cell_too_small_is_refused():
    with pytest.raises(StructureError, match=r"repeat: expected edges of at least 5 Burgers"):
        dislocation_pair("fcc", A, "screw", (2, 3, 1), "Al")
