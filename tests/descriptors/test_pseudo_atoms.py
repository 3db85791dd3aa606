import numpy as np
import pytest
from distorted_cells import TRICLINIC, binary
from scipy.integrate import quad
from scipy.interpolate import BSpline

from rhocast import config
from rhocast.descriptors import PseudoAtomBasis, PseudoAtoms
from rhocast.descriptors.tiles import Surroundings
from rhocast.grid import Mesh
from rhocast.structures import Structure

PARAMETERS = config.Baseline(cutoff_bohr=6.0, intervals=8)
BASIS = PseudoAtomBasis(PARAMETERS)


def radial(table):
    """The radial function of a table, by SciPy."""
    knots = BASIS.step_bohr * np.arange(-3, len(table) + 1)
    return BSpline(knots, table, 3)


def pseudo_atoms(seed=0, species=("Si", "Ge")):
    coefficients = np.random.default_rng(seed).normal(size=(len(species), BASIS.size))
    return PseudoAtoms(PARAMETERS, species, coefficients @ BASIS.expansion.T)


def test_a_lonely_atom_is_its_radial_function():
    fitted = pseudo_atoms()
    lonely = Structure(np.zeros((1, 3)), np.diag([30.0, 30.0, 30.0]), [32])
    r = np.linspace(0.0, 7.0, 50)
    points = r[:, None] * [0.48, 0.6, 0.64]
    expected = np.where(r < 6.0, radial(fitted.tables[1])(r), 0.0)
    np.testing.assert_allclose(fitted.bind(lonely)(points), expected, atol=1e-12)


def test_the_radial_function_is_smooth_at_both_ends():
    function = radial(pseudo_atoms().tables[0])
    assert function.derivative(1)(0.0) == pytest.approx(0.0, abs=1e-12)
    for order in (0, 1, 2):
        assert function.derivative(order)(6.0 - 1e-12) == pytest.approx(0.0, abs=1e-9)


def test_charges_are_the_integrals():
    for k, charge in enumerate(BASIS.charges):
        function = radial(BASIS.expansion[:, k])
        expected, _ = quad(lambda r, f=function: 4.0 * np.pi * r**2 * f(r), 0.0, 6.0, limit=200)
        assert charge == pytest.approx(expected, rel=1e-7)


def test_sums_are_the_density_for_each_coefficient():
    structure, fitted = binary(), pseudo_atoms()
    points = np.random.default_rng(1).random((40, 3)) @ TRICLINIC
    sums = BASIS.sums(Surroundings.gather(structure, fitted.species, 6.0), points)
    assert sums.dtype == np.float32
    density = sums @ fitted.coefficients.ravel()
    np.testing.assert_allclose(density, fitted.bind(structure)(points), atol=1e-5)


def test_a_density_integrates_to_the_charges_of_its_atoms():
    structure, fitted = binary(), pseudo_atoms()
    mesh = Mesh((36, 32, 40), structure.cell)
    density = fitted.bind(structure)(mesh.points(np.arange(mesh.n_points)))
    charges = fitted.coefficients @ BASIS.charges
    assert mesh.integral(density) == pytest.approx(3.0 * charges.sum(), rel=1e-4)
