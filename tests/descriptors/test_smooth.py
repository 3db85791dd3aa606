import numpy as np
import pytest
from distorted_cells import TRICLINIC, binary
from scipy.special import eval_legendre

from rhocast import config, descriptors

SIZES = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=9.0, radial_functions=3, shortest_bohr=3.5, angular=4
)


def brute_force(structure, point, species, sizes):
    """Follow the definition by pairs of atoms: Σ_m A_m B_m is a double sum over P_l(cos)."""
    steps = np.array(np.meshgrid(*3 * [range(-3, 4)], indexing="ij")).reshape(3, -1).T
    vectors = (structure.positions - point + (steps @ structure.cell)[:, None]).reshape(-1, 3)
    symbols = np.tile(structure.to_ase().get_chemical_symbols(), len(steps))
    r = np.linalg.norm(vectors, axis=1)
    near = r < sizes.cutoff_bohr
    vectors, symbols, r = vectors[near], symbols[near], r[near]
    ratio = (sizes.cutoff_bohr / sizes.shortest_bohr) ** (1.0 / (sizes.radial_functions - 1))
    reaches = sizes.shortest_bohr * ratio ** np.arange(sizes.radial_functions)
    cosines = vectors @ vectors.T / np.outer(r, r)

    def radial(n, degree):
        def bare(x):
            return x**degree * np.maximum(1.0 - x**2, 0.0) ** 8

        return bare(r / reaches[n]) / bare(np.linspace(0.0, 1.0, 100_001)).max()

    def product(weights, n, other, degree):
        kernel = eval_legendre(degree, cosines) / np.sqrt(2 * degree + 1)
        return (weights * radial(n, degree)) @ kernel @ radial(other, degree)

    every = range(sizes.radial_functions)
    degrees = range(1, sizes.angular + 1)
    result = [radial(n, 0).sum() for n in every]
    result += [product(1.0, n, k, d) for d in degrees for n in every for k in every if k >= n]
    for symbol in species[:-1]:
        excess = (symbols == symbol) - 1.0 / len(species)
        result += [(excess * radial(n, 0)).sum() for n in every]
        result += [product(excess, n, n, d) for d in degrees for n in every]
    return np.array(result)


@pytest.mark.parametrize("angular", [0, 1, 4])
@pytest.mark.parametrize("species", [("Si", "Ge"), ("C", "Si", "Ge")])
def test_agrees_with_the_definition(angular, species):
    sizes = SIZES.model_copy(update={"angular": angular})
    structure = binary()
    points = np.random.default_rng(1).random((10, 3)) @ TRICLINIC
    descriptor = descriptors.make(sizes, species)
    values = descriptor.bind(structure)(points)
    assert values.shape == (10, descriptor.n_features)
    expected = [brute_force(structure, point, species, sizes) for point in points]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("species", "features"), [(1, 119), (2, 154)])
def test_the_number_of_features(species, features):
    sizes = SIZES.model_copy(update={"radial_functions": 7})
    assert descriptors.make(sizes, ("C", "Si", "Ge")[:species]).n_features == features


def test_every_radial_function_has_a_highest_value_of_one():
    descriptor = descriptors.make(SIZES, ("Si",))
    r = np.linspace(0.0, 9.0, 5000)[:, None, None]
    degree = np.arange(5)
    inside = np.maximum(1.0 - (r / descriptor.reaches_bohr[:, None]) ** 2, 0.0)
    values = r**degree * inside**8
    np.testing.assert_allclose((values * descriptor.norms).max(axis=0), 1.0, rtol=1e-5)
