import numpy as np
import pytest

from rhocast.structures import Structure, displace
from rhocast.structures.lattices import cubic_cell, repeat
from rhocast.units import HARTREE_PER_KELVIN


@pytest.fixture(scope="module")
def steps():
    cold = repeat(cubic_cell("fcc", 7.65, "Al"), (14, 14, 14))
    hot = displace(cold, 300.0, 428.0, np.random.default_rng(5))
    return hot.positions - cold.positions


def test_displacements_have_the_debye_mean_square(steps):
    mass = 26.9815 * 1822.888
    expected = 3 * 300 * HARTREE_PER_KELVIN / mass / (428 * HARTREE_PER_KELVIN) ** 2
    assert steps.var() == pytest.approx(expected, rel=0.03)
    # 0.094 Å a component: of the size that diffraction finds for aluminium (0.10 Å)
    assert steps.std() * 0.529 == pytest.approx(0.1, rel=0.1)


def test_atoms_and_components_are_independent_and_no_copies(steps):
    n = len(steps)
    correlations = [
        np.corrcoef(steps[:-lag].ravel(), steps[lag:].ravel())[0, 1] for lag in (1, 4, 56, 784)
    ]
    assert np.abs(correlations).max() < 4 / np.sqrt(3 * n)
    assert np.abs(np.corrcoef(steps.T) - np.eye(3)).max() < 4 / np.sqrt(n)
    assert len(np.unique(steps[:, 0])) == n


def test_light_atoms_move_more():
    cell = np.diag([3e4, 10.0, 10.0])
    row = Structure(np.linspace([0, 0, 0], [3e4, 0, 0], 4000, False), cell, [14, 32] * 2000)
    moved = displace(row, 300.0, 500.0, np.random.default_rng(0)).positions - row.positions
    ratio = moved[::2].var() / moved[1::2].var()
    assert ratio == pytest.approx(72.63 / 28.085, rel=0.1)
