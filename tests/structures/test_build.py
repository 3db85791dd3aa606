import numpy as np
import pytest

from rhocast import config
from rhocast.errors import StructureError
from rhocast.structures import build_system
from rhocast.structures.build import occupy
from rhocast.units import HARTREE_PER_KELVIN


def system(**keys):
    lattice = {"lattice": "fcc", "lattice_constant_bohr": 7.65, "composition": {"Al": 1.0}}
    return config.System(**(lattice | keys))


@pytest.mark.parametrize(("lattice", "atoms"), [("fcc", 4), ("bcc", 2), ("diamond", 8)])
def test_lattices(lattice, atoms):
    built = build_system(system(lattice=lattice, repeat=(3, 2, 1)), 400.0, seed=0)
    assert len(built) == 6 * atoms
    np.testing.assert_allclose(built.cell, np.diag([22.95, 15.3, 7.65]))


def test_strain_scales_lengths():
    strained = build_system(system(strain=-0.05), 400.0, seed=0)
    assert strained.volume == pytest.approx((0.95 * 7.65) ** 3)
    assert strained.minimum_distance() == pytest.approx(0.95 * 7.65 / np.sqrt(2))


def test_alloys_are_exact_and_seeded():
    alloy = system(lattice="diamond", repeat=(2, 2, 2), composition={"Si": 0.25, "Ge": 0.75})
    first, again, other = (build_system(alloy, 500.0, seed) for seed in (1, 1, 2))
    assert first.formula == "Si16Ge48"
    np.testing.assert_array_equal(first.numbers, again.numbers)
    assert (first.numbers != other.numbers).any()


def test_a_composition_that_does_not_fit_takes_the_nearest_and_warns(caplog):
    numbers = occupy(10, {"Si": 0.33, "Ge": 0.67}, np.random.default_rng(0))
    assert np.bincount(numbers)[[14, 32]].tolist() == [3, 7]
    assert "cannot hold the composition" in caplog.text


def test_vacancies():
    assert len(build_system(system(repeat=(2, 2, 2), vacancies=2), 400.0, seed=0)) == 30
    with pytest.raises(StructureError, match="fewer than the cell's 4 atoms"):
        build_system(system(vacancies=4), 400.0, seed=0)


def test_displacements_have_the_debye_mean_square():
    hot = build_system(system(repeat=(12, 12, 12), temperature_K=300.0), 428.0, seed=5)
    cold = build_system(system(repeat=(12, 12, 12)), 428.0, seed=5)
    mass = 26.9815 * 1822.888
    expected = 3 * 300 * HARTREE_PER_KELVIN / mass / (428 * HARTREE_PER_KELVIN) ** 2
    steps = hot.positions - cold.positions
    assert steps.var() == pytest.approx(expected, rel=0.03)
    # 0.094 Å a component: of the size that diffraction finds for aluminium (0.10 Å)
    assert steps.std() * 0.529 == pytest.approx(0.1, rel=0.1)


def test_a_file_instead_of_a_lattice(tmp_path):
    path = tmp_path / "cell.vasp"
    build_system(system(), 400.0, seed=0).to_ase().write(path)
    assert build_system(config.System(file=str(path)), 400.0, seed=0).formula == "Al4"
