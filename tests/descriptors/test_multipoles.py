"""Induced multipoles: what they are linear in, what they cannot hold, what they can express."""

from dataclasses import replace

import numpy as np
import pytest
from distorted_cells import binary, rotation

from rhocast import config
from rhocast.descriptors import MultipoleBasis
from rhocast.descriptors.harmonics import solid_harmonics
from rhocast.descriptors.multipoles import BoundMultipoles
from rhocast.grid import Mesh
from rhocast.structures import Structure

SPECIES = ("Si", "Ge")
PARAMETERS = config.Multipoles(cutoff_bohr=7.0, radial_functions=3, shortest_bohr=4.0, angular=3)


@pytest.fixture(params=[None, 0.01], ids=["whatever the density", "by the density"])
def basis(request):
    parameters = PARAMETERS.model_copy(update={"atoms_per_bohr3": request.param})
    return MultipoleBasis(parameters, SPECIES)


@pytest.fixture
def coefficients(basis):
    return np.random.default_rng(4).normal(size=basis.shape)


@pytest.mark.parametrize("elements", [(14, 32), (14,), (32,)])
def test_the_density_is_linear_in_the_coefficients(basis, coefficients, elements):
    """Also where a cell holds one of the elements alone, as the end of a range of alloys does."""
    structure = binary()
    structure = replace(structure, numbers=np.resize(elements, len(structure)))
    points = np.random.default_rng(1).random((40, 3)) @ structure.cell
    density = BoundMultipoles.of(basis, coefficients, structure)(points)
    sums = basis.sums(basis.gather(structure), points)
    assert sums.shape == (40, basis.size)
    assert np.std(density) > 0.1
    np.testing.assert_allclose(sums @ coefficients.ravel(), density, atol=1e-5 * np.std(density))


def test_it_is_the_sum_over_pairs_of_neighbours(basis, coefficients):
    """A point, an atom that it sees, and one that this atom sees, written out."""
    cell = 60.0 * np.eye(3)
    point, atom, other = np.full(3, 30.0) + np.array([[0.0, 0, 0], [2.0, 1.0, 0], [3.0, -2.0, 1.5]])
    structure = Structure(np.array([atom, other]), cell, np.array([14, 32]))
    density = BoundMultipoles.of(basis, coefficients, structure)(point[None])[0]
    d = basis.sums_over_neighbours

    def functions(offset):
        radial = np.maximum(1.0 - offset @ offset / d.reaches_bohr**2, 0.0) ** 8
        return d.norms * radial[:, None], solid_harmonics(offset, PARAMETERS.angular)

    expected = 0.0
    if basis.usual_sum is not None:
        deviation = functions(other - atom)[0][-1, 0] / basis.usual_sum - 1.0
        coefficients = coefficients[..., :3] + deviation * coefficients[..., 3:]
    for (own, a), (far, b) in [((0, atom), (1, other)), ((1, other), (0, atom))]:
        (near_r, near_y), (far_r, far_y) = functions(a - point), functions(b - a)
        for degree in range(PARAMETERS.angular + 1):
            m = slice(degree**2, (degree + 1) ** 2)
            c = coefficients[own, far, degree]
            expected += near_r[:, degree] @ c @ far_r[:, degree] * (near_y[m] @ far_y[m])
    assert density == pytest.approx(expected, rel=1e-9)


def test_its_charge_is_that_of_the_monopoles(basis, coefficients):
    structure = binary()
    mesh = Mesh((36, 36, 36), structure.cell)
    points = mesh.points(np.arange(mesh.n_points))
    for c in (coefficients, np.where(basis.charges == 0.0, coefficients, 0.0)):
        density = BoundMultipoles.of(basis, c, structure)(points)
        around = basis.gather(structure)
        kinds = np.where(structure.numbers == 14, 0, 1)
        charges = np.einsum("asnk,ask->", (c * basis.charges)[kinds, :, 0], around.moments[..., 0])
        charge = density.sum() * mesh.voxel_volume
        assert charge == pytest.approx(charges, abs=1e-4 * density.std() * structure.volume)
    assert charges == 0.0


def test_the_multipoles_of_an_atom_turn_with_its_neighbours(basis, coefficients):
    """Alone, or at a centre of inversion for odd l, an atom has none."""
    cell = 40.0 * np.eye(3)
    alone = Structure(np.full((1, 3), 20.0), cell, np.array([14]))
    assert not BoundMultipoles.of(basis, coefficients, alone).multipoles.any()
    arm = 3.0 * rotation()[:1]
    chain = Structure(20.0 + np.vstack([-arm, 0 * arm, arm]), cell, np.full(3, 14))
    middle = BoundMultipoles.of(basis, coefficients, chain).multipoles[1]
    assert np.abs(middle[:, 4:9]).max() > 0.1
    np.testing.assert_allclose(middle[:, 1:4], 0.0, atol=1e-12)
    np.testing.assert_allclose(middle[:, 9:16], 0.0, atol=1e-12)


def test_the_usual_sum_is_that_of_a_dense_gas():
    """As many atoms as there usually are, anywhere: the mean of many places is the integral."""
    basis = MultipoleBasis(PARAMETERS.model_copy(update={"atoms_per_bohr3": 0.02}), SPECIES)
    rng = np.random.default_rng(0)
    gas = Structure(30.0 * rng.random((540, 3)), 30.0 * np.eye(3), np.full(540, 14))
    sums = basis.gather(gas).moments[:, 0, basis.shape[3] - 1, 0]
    assert sums.mean() == pytest.approx(basis.usual_sum, rel=0.1)
