from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk
from known_density import VALENCE, WIDTHS_BOHR, make_snapshot

from rhocast import config
from rhocast.density import write_snapshot
from rhocast.descriptors import MultipoleBasis, PseudoAtomBasis
from rhocast.descriptors.multipoles import BoundMultipoles
from rhocast.learning import read_features, sample_features
from rhocast.learning.baseline import fit_baseline, fit_pseudo_atoms

PARAMETERS = config.Baseline(cutoff_bohr=10.0, intervals=20)
DESCRIPTOR = config.SmoothDescriptor(
    kind="smooth", cutoff_bohr=5.0, radial_functions=2, shortest_bohr=3.0, angular=0
)


def fitted(snapshots, tmp_path, valence=VALENCE, parameters=PARAMETERS):
    """Fit to 2000 points of each snapshot."""
    paths = [tmp_path / f"{i}.h5" for i in range(len(snapshots))]
    for path, snapshot in zip(paths, snapshots, strict=True):
        write_snapshot(path, snapshot)
    sample_features(
        tmp_path / "features.h5",
        paths,
        descriptor=DESCRIPTOR,
        baseline=parameters,
        valence=valence,
        points_per_snapshot=2000,
        seed=0,
    )
    return fit_baseline(read_features(tmp_path / "features.h5"), np.arange(len(snapshots)))


def error(pseudo_atoms, snapshot):
    points = snapshot.mesh.points(np.arange(snapshot.mesh.n_points))
    density = snapshot.density.reshape(-1)
    return np.abs(pseudo_atoms.bind(snapshot.structure)(points) - density).sum() / density.sum()


def test_a_sum_of_atoms_is_found_and_holds_for_other_cells(tmp_path):
    found = fitted([make_snapshot(seed=s) for s in range(3)], tmp_path)
    strained = bulk("Al", cubic=True)
    strained.set_cell(strained.cell * 1.05, scale_atoms=True)
    vacancy = bulk("Al", cubic=True).repeat((2, 1, 1))
    for snapshot in (make_snapshot(seed=9), make_snapshot(strained), make_snapshot(vacancy[1:])):
        assert error(found, snapshot) < 3e-3
    centre = found.tables[0, :3] @ [1 / 6, 4 / 6, 1 / 6]
    exact = 3.0 / (2.0 * np.pi * WIDTHS_BOHR[13] ** 2) ** 1.5
    assert centre == pytest.approx(exact, rel=0.02)


def test_the_charge_is_kept_even_where_the_density_has_another(tmp_path):
    found = fitted([make_snapshot(charge=3.3)], tmp_path, {"Al": 3.0})
    charge = found.coefficients @ PseudoAtomBasis(PARAMETERS).charges
    assert charge == pytest.approx(3.0, rel=1e-9)


def test_snapshots_that_cannot_be_described_count_less(tmp_path):
    """Noise in half of the snapshots hardly harms what the others settle."""
    noise = np.random.default_rng(5)
    clean = [make_snapshot(seed=s) for s in range(3)]
    noisy = [
        replace(one, density=one.density * noise.uniform(0.2, 1.8, one.density.shape))
        for one in (make_snapshot(seed=s) for s in range(3, 6))
    ]
    unseen = make_snapshot(seed=9)
    alone = error(fitted(clean, tmp_path), unseen)
    beside_noise = error(fitted(clean + noisy, tmp_path), unseen)
    noise_alone = error(fitted(noisy, tmp_path), unseen)
    assert noise_alone > 5.0 * alone
    assert beside_noise < 0.1 * noise_alone


def test_species_have_their_own_functions(tmp_path):
    def alloy(seed):
        atoms = bulk("Si", cubic=True)
        atoms.numbers[np.random.default_rng(seed).permutation(8)[:4]] = 32
        return make_snapshot(atoms, seed=seed, charge=4.0, n_electrons=32.0)

    found = fitted([alloy(s) for s in range(3)], tmp_path, {"Si": 4.0, "Ge": 4.0})
    assert error(found, alloy(7)) < 3e-3
    silicon, germanium = found.tables[:, :3] @ [1 / 6, 4 / 6, 1 / 6]
    assert silicon > 1.3 * germanium


def test_roughness_is_the_integral_of_the_fourth_derivative_squared():
    """Of exp(−r²), whose fourth derivative is (16 r⁴ − 48 r² + 12) exp(−r²)."""
    basis = PseudoAtomBasis(config.Baseline(cutoff_bohr=8.0, intervals=160))
    r = basis.step_bohr * np.arange(basis.size)
    coefficients = np.exp(-(r**2))
    exact = np.trapezoid(((16 * r**4 - 48 * r**2 + 12) * coefficients) ** 2, r)
    exact += 12.0**2 * 1.5 * basis.step_bohr  # the nucleus as a whole, and the step before it
    assert coefficients @ basis.roughness @ coefficients == pytest.approx(exact, rel=0.02)


def test_roughness_is_held_down(tmp_path):
    snapshot = make_snapshot()
    rough, smooth = (
        fitted([snapshot], tmp_path, parameters=PARAMETERS.model_copy(update={"ridge": ridge}))
        for ridge in (1e-8, 1.0)
    )
    bend = [np.abs(np.diff(f.tables, n=2)).max() for f in (rough, smooth)]
    assert bend[1] < 0.5 * bend[0]


@pytest.mark.parametrize("products", [None, {"radial_functions": 1, "angular": 1}])
def test_multipoles_that_are_there_are_found(tmp_path, products):
    """A density made of spheres and induced multipoles is fitted as it was made."""
    multipoles = config.Multipoles(
        cutoff_bohr=7.0, radial_functions=2, shortest_bohr=5.0, angular=2, products=products
    )
    parameters = PARAMETERS.model_copy(update={"multipoles": multipoles})
    basis = MultipoleBasis(multipoles, ("Al",))
    exact = 1e-4 * np.random.default_rng(5).normal(size=basis.shape)
    exact[:, :, 0, -1] = (
        -(exact * basis.charges)[:, :, 0, :-1].sum(axis=2) / basis.charges[:, :, 0, -1]
    )
    of_products = 1e-4 * np.random.default_rng(6).normal(size=basis.product_shape)
    of_products[:, -1] -= (of_products * basis.product_charges).sum(axis=1) / basis.charges[
        0, 0, 0, -1, 0
    ]

    def deformed(seed):
        plain = make_snapshot(seed=seed)
        points = plain.mesh.points(np.arange(plain.mesh.n_points))
        added = BoundMultipoles.of(
            basis, exact, plain.structure, products=of_products if products else None
        )(points)
        density = plain.density + added.reshape(plain.mesh.shape)
        return replace(plain, density=density.astype(np.float32))

    snapshots = [deformed(seed) for seed in range(3)]
    found, spheres = fitted(snapshots, tmp_path, parameters=parameters), fitted(snapshots, tmp_path)
    unseen = deformed(9)
    assert error(found, unseen) < 3e-3
    assert error(spheres, unseen) > 3.0 * error(found, unseen)
    charge = found.coefficients @ PseudoAtomBasis(PARAMETERS).charges
    assert charge == pytest.approx(3.0, rel=1e-9)
    monopoles = (found.multipoles * basis.charges).sum(axis=3)
    np.testing.assert_allclose(monopoles, 0.0, atol=1e-9)
    if products:
        of_products = (found.products * basis.product_charges).sum(axis=1)
        np.testing.assert_allclose(of_products, 0.0, atol=1e-9)


def test_what_hardly_reaches_a_neighbour_is_not_given_a_large_coefficient():
    multipoles = config.Multipoles(
        cutoff_bohr=7.0, radial_functions=2, shortest_bohr=5.0, angular=1
    )
    parameters = PARAMETERS.model_copy(update={"multipoles": multipoles})
    size = PseudoAtomBasis(parameters).size
    rng = np.random.default_rng(0)
    sums = rng.normal(size=(500, size + MultipoleBasis(multipoles, ("Al",)).size))
    sums[:, -1] *= 1e-6
    vector = sums.T @ rng.normal(size=500) / 500
    found = fit_pseudo_atoms(sums.T @ sums / 500, vector, parameters, {"Al": 3.0}).multipoles
    assert abs(found.flat[-1]) < 1e4 * np.median(np.abs(found))
