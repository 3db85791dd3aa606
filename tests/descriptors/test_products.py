"""Products of sums over neighbours: parts of the product of two functions on the sphere."""

import numpy as np
import pytest
from distorted_cells import binary, rotation

from rhocast import config
from rhocast.descriptors import MultipoleBasis
from rhocast.descriptors.harmonics import solid_harmonics
from rhocast.descriptors.multipoles import BoundMultipoles
from rhocast.descriptors.products import Products, coupling_table
from rhocast.structures import Structure

SUMS = {"cutoff_bohr": 7.0, "radial_functions": 5, "shortest_bohr": 4.0, "angular": 4}


def made(**products) -> Products:
    return Products.of(config.Multipoles(**SUMS, products=products))


def directions(count: int) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


@pytest.mark.parametrize(("l1", "l2"), [(1, 1), (1, 2), (2, 3), (4, 4)])
def test_all_degrees_together_are_the_product_of_both_functions(l1, l2):
    random, places = np.random.default_rng(1), directions(50)
    one, other = random.normal(size=2 * l1 + 1), random.normal(size=2 * l2 + 1)
    harmonics = solid_harmonics(places, l1 + l2)
    product = (harmonics[:, l1**2 : (l1 + 1) ** 2] @ one) * (
        harmonics[:, l2**2 : (l2 + 1) ** 2] @ other
    )
    found = np.zeros(len(places))
    for degree in range(abs(l1 - l2), l1 + l2 + 1):
        part = np.einsum("i,j,ijm->m", one, other, coupling_table(l1, l2, degree))
        found += harmonics[:, degree**2 : (degree + 1) ** 2] @ part
        assert part.any() == ((l1 + l2 + degree) % 2 == 0)
    np.testing.assert_allclose(found, product, atol=1e-12)


def test_factors_are_every_second_radial_function_from_the_longest_on():
    assert made(radial_functions=3, angular=2).numbers == (0, 2, 4)
    assert made(radial_functions=1, angular=2).numbers == (4,)


def test_every_pair_of_factors_comes_once_in_every_degree_that_it_has():
    couplings = made(radial_functions=1, angular=2).couplings
    one, two = (4, 1), (4, 2)
    assert couplings == (
        (0, one, one), (0, two, two), (1, one, two), (2, one, one), (2, two, two),
        (3, one, two), (4, two, two),
    )  # fmt: skip


def test_products_turn_as_harmonics_do():
    """The scalar products of two atoms' products are those of the turned ones."""
    products, turn = made(radial_functions=2, angular=3), rotation()
    arms = 3.0 * np.random.default_rng(3).normal(size=(2, 6, 3))

    def of(vectors):
        weights = np.random.default_rng(4).random((2, 5, 6))
        return products(np.einsum("ank,akm->anm", weights, solid_harmonics(vectors, 4)))

    for before, after in zip(of(arms), of(arms @ turn), strict=True):
        np.testing.assert_allclose(
            np.einsum("km,lm->kl", after[0], after[1]),
            np.einsum("km,lm->kl", before[0], before[1]),
            rtol=1e-9, atol=1e-9,
        )  # fmt: skip


def test_angles_between_neighbours_matter_to_products_alone():
    """Two neighbours on a line or at a right angle, seen from afar along the axis of neither."""
    multipoles = config.Multipoles(**SUMS, products={"radial_functions": 1, "angular": 2})
    basis = MultipoleBasis(multipoles, ("Si",))
    cell, middle = 50.0 * np.eye(3), np.full(3, 25.0)

    def monopole(second):
        places = middle + np.array([[0, 0, 0], [3.0, 0, 0], second])
        structure = Structure(places, cell, np.full(3, 14))
        around = basis.gather(structure)
        return around.moments[0, 0, :, 0], around.products[0][0]

    (straight, straight_products), (bent, bent_products) = (
        monopole([-3.0, 0, 0]), monopole([0, 3.0, 0]),
    )  # fmt: skip
    np.testing.assert_allclose(straight, bent, rtol=1e-12)
    assert np.abs(straight_products - bent_products).max() > 0.1 * np.abs(bent_products).max()


def test_the_density_is_linear_in_the_coefficients_of_products():
    multipoles = config.Multipoles(
        **SUMS, atoms_per_bohr3=0.01, products={"radial_functions": 2, "angular": 3}
    )
    basis, structure = MultipoleBasis(multipoles, ("Si", "Ge")), binary()
    random = np.random.default_rng(5)
    c, p = random.normal(size=basis.shape), random.normal(size=basis.product_shape)
    points = random.random((40, 3)) @ structure.cell
    density = BoundMultipoles.of(basis, c, structure, products=p)(points)
    without = BoundMultipoles.of(basis, c, structure)(points)
    sums = basis.sums(basis.gather(structure), points)
    assert sums.shape == (40, basis.size)
    assert np.std(density - without) > 0.1 * np.std(density)
    fitted = np.append(c, p)
    np.testing.assert_allclose(sums @ fitted, density, atol=1e-5 * np.std(density))


def test_factors_that_are_not_there_are_refused():
    for products in ({"radial_functions": 4}, {"angular": 5}):
        with pytest.raises(ValueError, match="products"):
            config.Multipoles(**SUMS, products=products)
