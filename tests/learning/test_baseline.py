import numpy as np
import pytest
from ase.build import bulk
from known_density import VALENCE, WIDTHS_BOHR, make_snapshot

from rhocast import config
from rhocast.descriptors import PseudoAtomBasis
from rhocast.descriptors.tiles import Surroundings
from rhocast.learning.baseline import fit_pseudo_atoms, normal_equations

PARAMETERS = config.Baseline(cutoff_bohr=10.0, intervals=20)


def fitted(snapshots, valence=VALENCE, parameters=PARAMETERS):
    basis = PseudoAtomBasis(parameters)
    reach = parameters.cutoff_bohr
    pairs = [
        normal_equations(s, basis, Surroundings.gather(s.structure, tuple(valence), reach))
        for s in snapshots
    ]
    matrix, vector = (np.mean(part, axis=0) for part in zip(*pairs, strict=True))
    return fit_pseudo_atoms(matrix, vector, parameters, valence)


def error(pseudo_atoms, snapshot):
    points = snapshot.mesh.points(np.arange(snapshot.mesh.n_points))
    density = snapshot.density.reshape(-1)
    return np.abs(pseudo_atoms.bind(snapshot.structure)(points) - density).sum() / density.sum()


def test_a_sum_of_atoms_is_found_and_holds_for_other_cells():
    found = fitted([make_snapshot(seed=s) for s in range(3)])
    strained = bulk("Al", cubic=True)
    strained.set_cell(strained.cell * 1.05, scale_atoms=True)
    vacancy = bulk("Al", cubic=True).repeat((2, 1, 1))
    for snapshot in (make_snapshot(seed=9), make_snapshot(strained), make_snapshot(vacancy[1:])):
        assert error(found, snapshot) < 3e-3
    centre = found.tables[0, :3] @ [1 / 6, 4 / 6, 1 / 6]
    exact = 3.0 / (2.0 * np.pi * WIDTHS_BOHR[13] ** 2) ** 1.5
    assert centre == pytest.approx(exact, rel=0.02)


def test_the_charge_is_kept_even_where_the_density_has_another():
    found = fitted([make_snapshot(charge=3.3)])
    charge = found.coefficients @ PseudoAtomBasis(PARAMETERS).charges
    assert charge == pytest.approx(3.0, rel=1e-9)


def test_species_have_their_own_functions():
    def alloy(seed):
        atoms = bulk("Si", cubic=True)
        atoms.numbers[np.random.default_rng(seed).permutation(8)[:4]] = 32
        return make_snapshot(atoms, seed=seed, charge=4.0)

    found = fitted([alloy(s) for s in range(3)], {"Si": 4.0, "Ge": 4.0})
    assert error(found, alloy(7)) < 3e-3
    silicon, germanium = found.tables[:, :3] @ [1 / 6, 4 / 6, 1 / 6]
    assert silicon > 1.3 * germanium


def test_roughness_is_held_down():
    snapshot = make_snapshot()
    rough, smooth = (
        fitted([snapshot], parameters=PARAMETERS.model_copy(update={"ridge": ridge}))
        for ridge in (1e-8, 1.0)
    )
    bend = [np.abs(np.diff(f.tables, n=2)).max() for f in (rough, smooth)]
    assert bend[1] < 0.5 * bend[0]
