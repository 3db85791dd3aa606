import numpy as np
import pytest
from distorted_cells import TRICLINIC, binary
from scipy.special import eval_legendre

from rhocast import config, descriptors
from rhocast.structures import Structure

SIZES = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=9.0, radial_functions=3, narrowest_bohr=0.7, angular=4
)


def brute_force(structure, point, species, sizes):
    """Follow the definition by pairs of atoms: Σ_m A_m B_m is a double sum over P_l(cos)."""
    steps = np.array(np.meshgrid(*3 * [range(-3, 4)], indexing="ij")).reshape(3, -1).T
    vectors = (structure.positions - point + (steps @ structure.cell)[:, None]).reshape(-1, 3)
    symbols = np.tile(structure.to_ase().get_chemical_symbols(), len(steps))
    r = np.linalg.norm(vectors, axis=1)
    near = r < sizes.cutoff_bohr
    vectors, symbols, r = vectors[near], symbols[near], r[near]
    widest = (sizes.cutoff_bohr - 0.6) / 5.5
    ratio = (widest / sizes.narrowest_bohr) ** (1.0 / (sizes.radial_functions - 1))
    widths = sizes.narrowest_bohr * ratio ** np.arange(sizes.radial_functions)
    cosines = vectors @ vectors.T / np.outer(r, r)

    def radial(n, degree):
        norm = (np.e / (degree * widths[n] ** 2)) ** (0.5 * degree) if degree else 1.0
        return norm * r**degree * np.exp(-0.5 * r**2 / widths[n] ** 2)

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


@pytest.mark.parametrize("cutoff", [6.0, 9.0, 14.0])
def test_the_cutoff_leaves_little_off(cutoff):
    """An atom just inside the cutoff is as good as absent: kernels may gather more or fewer."""
    sizes = SIZES.model_copy(update={"cutoff_bohr": cutoff})
    descriptor = descriptors.make(sizes, ("Si",))
    cell = np.diag([80.0, 80.0, 80.0])
    direction = np.array([0.48, 0.6, 0.64])
    edge = Structure((cutoff - 1e-9) * direction[None], cell, [14])
    bound = descriptor.bind(edge)
    sums = bound.sums(next(bound.atoms.tiles(np.zeros((1, 3)))))
    assert 0.0 < np.abs(sums).max() < 3e-5


def test_every_radial_function_has_a_highest_value_of_one():
    descriptor = descriptors.make(SIZES, ("Si",))
    r = np.linspace(0.0, 9.0, 5000)[:, None, None]
    degree = np.arange(5)
    values = r**degree * np.exp(-0.5 * (r / descriptor.widths_bohr[:, None]) ** 2)
    np.testing.assert_allclose((values * descriptor.norms).max(axis=0), 1.0, rtol=1e-5)
