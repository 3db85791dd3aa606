from pathlib import Path

import numpy as np
import pytest
from ase.data import atomic_masses
from ase.optimize import FIRE
from matscipy.neighbours import neighbour_list

from rhocast.density import read_snapshot
from rhocast.dynamics.classical import make_calculator
from rhocast.structures import Structure, displace
from rhocast.structures.lattices import cubic_cell, repeat
from rhocast.structures.springs import find_bonds, make_springs
from rhocast.structures.thermal import settle
from rhocast.units import (
    ANGSTROM_PER_BOHR,
    ELECTRON_MASS_PER_DALTON,
    EV_PER_HARTREE,
    HARTREE_PER_KELVIN,
)

AL = 7.6533907756


def crystal(lattice, constant, element, *repeats):
    return repeat(cubic_cell(lattice, constant, element), repeats)


def alloy(*repeats):
    sites = crystal("diamond", 10.45, "Si", *repeats)
    numbers = np.random.default_rng(0).permutation(np.resize([14, 32], len(sites)))
    return Structure(sites.positions, sites.cell, numbers)


def steps_of(rest, temperature_K, debye_K, seed=0):
    hot = displace(rest, temperature_K, debye_K, np.random.default_rng(seed))
    return hot.positions - rest.positions


def debye_mean_square(number, temperature_K, debye_K):
    mass = atomic_masses[number] * ELECTRON_MASS_PER_DALTON
    return 3 * temperature_K * HARTREE_PER_KELVIN / mass / (debye_K * HARTREE_PER_KELVIN) ** 2


@pytest.mark.parametrize(
    ("lattice", "constant", "element"), [("fcc", AL, "Al"), ("diamond", 10.26, "Si")]
)
def test_a_large_crystal_has_the_mean_square_displacement_of_the_debye_model(
    lattice, constant, element
):
    # A periodic cell lacks the waves that are longer: of n cells along each axis 1 part in 3 n.
    small, large = (
        steps_of(crystal(lattice, constant, element, n, n, n), 300.0, 400.0).var() for n in (7, 14)
    )
    expected = debye_mean_square(
        *crystal(lattice, constant, element, 1, 1, 1).numbers[:1], 300, 400
    )
    assert 2 * large - small == pytest.approx(expected, rel=0.05)


def test_every_mode_of_a_cell_with_a_vacancy_holds_half_kt():
    perfect = crystal("diamond", 10.26, "Si", 2, 2, 2)
    rest = Structure(perfect.positions[1:], perfect.cell, perfect.numbers[1:])
    springs = make_springs(rest, find_bonds(rest))
    unit = np.eye(3 * len(rest), dtype=np.float32).reshape(-1, len(rest), 3)
    matrix = np.array([springs(u).ravel() for u in unit], dtype=float)
    assert matrix == pytest.approx(matrix.T, abs=1e-6)
    values, modes = np.linalg.eigh(matrix)
    assert values[:3] == pytest.approx(0.0, abs=1e-5)
    assert values[3] > 0.01
    assert values[-1] < springs.highest
    drawn = np.array([steps_of(rest, 300.0, 400.0, seed).ravel() for seed in range(200)])
    energies = ((drawn @ modes[:, 3:]) ** 2 * values[3:]).mean(axis=0)
    energies /= energies.mean()
    assert energies.std() < 1.2 * np.sqrt(2 / 200)
    assert energies[:20].mean() == pytest.approx(1.0, abs=0.05)


def test_neighbours_move_together_and_no_atom_is_a_copy():
    rest = crystal("fcc", AL, "Al", 10, 10, 10)
    steps = steps_of(rest, 300.0, 390.0)
    bonds = find_bonds(rest)
    pairs = np.corrcoef(steps[bonds.first].ravel(), steps[bonds.second].ravel())[0, 1]
    assert pairs > 0.2
    assert np.abs(np.corrcoef(steps.T) - np.eye(3)).max() < 0.1
    assert len(np.unique(steps[:, 0])) == len(rest)
    assert np.abs(steps.mean(axis=0)).max() < 1e-6


def test_displacements_follow_the_seed_alone_and_the_root_of_the_temperature():
    rest = crystal("fcc", AL, "Al", 3, 3, 3)
    assert (steps_of(rest, 300.0, 390.0) == steps_of(rest, 300.0, 390.0)).all()
    assert steps_of(rest, 1200.0, 390.0) == pytest.approx(
        2 * steps_of(rest, 300.0, 390.0), abs=1e-5
    )
    assert not np.allclose(steps_of(rest, 300.0, 390.0), steps_of(rest, 300.0, 390.0, seed=1))


def test_light_atoms_move_as_far_as_heavy_ones():
    # In classical dynamics, which the cells are compared with.
    rest = alloy(6, 6, 6)
    steps = steps_of(rest, 300.0, 400.0)
    light = rest.numbers == 14
    assert steps[light].var() == pytest.approx(steps[~light].var(), rel=0.06)


@pytest.mark.parametrize(
    "axes", [np.eye(3), [[1, 1, 0], [0, 1, 0], [0, 1, 1]], np.diag([1, 1, -1])]
)
def test_a_slab_in_any_cell_is_displaced_and_a_lonely_atom_beside_it_stays(axes):
    perfect = crystal("fcc", AL, "Al", 4, 4, 4)
    lonely = np.array([[2.0, 3.0, 1.5 * perfect.cell[2, 2]]])
    cell = np.array(axes) @ perfect.cell @ np.diag([1.0, 1.0, 2.0])
    rest = Structure(np.vstack([perfect.positions, lonely]), cell, np.full(257, 13))
    steps = steps_of(rest, 300.0, 390.0)
    assert (steps[-1] == 0.0).all()
    assert 0.8 < steps[:-1].var() / debye_mean_square(13, 300, 390) < 1.6
    surface = np.isin(perfect.positions[:, 2].round(3), perfect.positions[:, 2].round(3)[:1])
    assert steps[:-1][surface, 2].var() > 1.1 * steps[:-1][~surface, 2].var()


def lengths(structures, cutoff):
    return np.concatenate([neighbour_list("d", s.to_ase(), cutoff) for s in structures])


@pytest.mark.parametrize(
    ("potential", "rest", "debye_K"),
    [("emt", crystal("fcc", AL, "Al", 2, 2, 2), 322.0), ("tersoff", alloy(2, 2, 2), 432.0)],
)
def test_cells_have_energy_and_mean_square_displacement_of_dynamics(potential, rest, debye_K):
    """Cold dynamics is known without running it: kT/2 a mode, and the modes of the potential."""
    temperature_K, n_modes = 100.0, 3 * len(rest) - 3
    cold, frames = settle(rest), 80
    atoms = cold.to_ase()
    atoms.calc = make_calculator(potential, {})
    at_rest, forces = atoms.get_potential_energy(), atoms.get_forces()
    energies, squares = [], []
    for seed in range(frames):
        steps = steps_of(cold, temperature_K, debye_K, seed) * ANGSTROM_PER_BOHR
        atoms.positions = cold.to_ase().positions + steps
        energies.append(atoms.get_potential_energy() - at_rest + np.sum(forces * steps))
        squares.append(np.mean(steps**2))
    kt = temperature_K * HARTREE_PER_KELVIN * EV_PER_HARTREE
    assert np.mean(energies) == pytest.approx(0.5 * n_modes * kt, rel=0.05)
    atoms.positions = cold.to_ase().positions
    stiffness = np.linalg.eigvalsh(force_constants(atoms))[3:]
    assert np.mean(squares) == pytest.approx(kt * np.sum(1 / stiffness) / (n_modes + 3), rel=0.07)


def force_constants(atoms, step=0.01):
    rows = []
    rest = atoms.positions.copy()
    for shift in step * np.eye(rest.size).reshape(-1, *rest.shape):
        pulls = []
        for sign in (1, -1):
            atoms.positions = rest + sign * shift
            pulls.append(atoms.get_forces().ravel())
        rows.append((pulls[1] - pulls[0]) / (2 * step))
    return (np.array(rows) + np.transpose(rows)) / 2


def test_atoms_of_an_alloy_make_room_for_each_other():
    rest = alloy(2, 2, 2)
    atoms = rest.to_ase()
    atoms.calc = make_calculator("tersoff", {})
    ideal = atoms.get_potential_energy()
    atoms.positions = settle(rest).to_ase().positions
    settled = atoms.get_potential_energy()
    FIRE(atoms, logfile=None).run(fmax=0.005, steps=200)
    assert ideal - settled > 0.9 * (ideal - atoms.get_potential_energy()) > 0.0
    pure = crystal("diamond", 10.26, "Si", 2, 2, 2)
    assert settle(pure) is pure


def test_tin_makes_room_as_grey_tin_would():
    """Bonds of tin are longer than those of silicon, as their own crystals on this lattice have."""
    sites = crystal("diamond", 11.26, "Si", 2, 2, 2)
    numbers = np.where(np.arange(len(sites)) % 3 == 0, 50, 14)
    rest = settle(Structure(sites.positions, sites.cell, numbers)).to_ase()
    first, second, lengths = neighbour_list("ijd", rest, cutoff=2.95)
    tin = (rest.numbers[[first, second]] == 50).sum(axis=0)
    assert lengths[tin == 2].mean() > 1.05 * lengths[tin == 0].mean()


def test_generated_aluminium_is_like_dft_dynamics(root: Path):
    """Eight frames of ab initio dynamics at 631 K, 32 atoms."""
    frames = [read_snapshot(p).structure for p in sorted((root / "data/al/al32/631K").glob("*.h5"))]
    rest = crystal("fcc", AL, "Al", 2, 2, 2)
    drawn = [displace(rest, 631.0, 370.0, np.random.default_rng(seed)) for seed in range(100)]
    found, expected = (lengths(s, 3.45) for s in (drawn, frames))
    assert found.mean() == pytest.approx(expected.mean(), rel=0.01)
    assert found.std() == pytest.approx(expected.std(), rel=0.1)
