import ase.build
import ase.io
import numpy as np
import pytest

from rhocast import config
from rhocast.errors import StructureError
from rhocast.structures import build_system


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


def test_vacancies_by_number():
    assert len(build_system(system(repeat=(2, 2, 2), vacancies=2), 400.0, seed=0)) == 30
    with pytest.raises(StructureError, match="fewer than the cell's 4 atoms"):
        build_system(system(vacancies=4), 400.0, seed=0)


def test_a_compound_is_ordered_whatever_the_seed():
    carbide = system(lattice="zincblende", repeat=(2, 1, 1), composition={"Si": 0.5, "C": 0.5})
    first, second = (build_system(carbide, 400.0, seed) for seed in (0, 1))
    assert first.counts == {"C": 8, "Si": 8}
    assert (first.numbers == second.numbers).all()


def test_a_file_instead_of_a_lattice(tmp_path):
    path = tmp_path / "cell.vasp"
    build_system(system(), 400.0, seed=0).to_ase().write(path)
    assert build_system(config.System(file=str(path)), 400.0, seed=0).formula == "Al4"


def test_vacancies_by_element():
    alloy = {"lattice": "diamond", "repeat": (2, 2, 2), "composition": {"Si": 0.5, "Ge": 0.5}}
    built = build_system(system(**alloy, vacancies=[["Ge"], ["Si", "Ge"]]), 500.0, seed=3)
    assert built.formula == "Si31Ge30"
    assert built.record["vacancies"] == [["Ge"], ["Si", "Ge"]]


def test_strain_by_axis():
    strained = build_system(system(strain=(0.05, 0.0, -0.05)), 400.0, seed=0)
    np.testing.assert_allclose(np.diag(strained.cell), [1.05 * 7.65, 7.65, 0.95 * 7.65])
    np.testing.assert_allclose(strained.positions[1], [0, 7.65 / 2, 0.95 * 7.65 / 2], atol=1e-12)


def test_hcp():
    built = build_system(system(lattice="hcp", c_over_a=1.6, repeat=(2, 1, 1)), 400.0, seed=0)
    assert len(built) == 8
    assert built.cell[2, 2] == pytest.approx(1.6 * 7.65)


def test_what_was_built_is_recorded_and_logged(caplog):
    caplog.set_level("INFO")
    defect = system(lattice="diamond", composition={"Si": 0.5, "Ge": 0.5}, repeat=(4, 3, 1))
    screw = build_system(defect.model_copy(update={"dislocation": "screw"}), 400.0, seed=0)
    assert screw.formula == "Si72Ge72"
    assert screw.record["composition"] == {"Si": 0.5, "Ge": 0.5}
    b = 7.65 / np.sqrt(2)
    np.testing.assert_allclose(screw.record["burgers_bohr"], [[0, 0, b], [0, 0, -b]], atol=1e-6)
    assert screw.record["minimum_distance_bohr"] == pytest.approx(
        screw.minimum_distance(), abs=1e-6
    )
    assert "burgers_bohr" in caplog.text

    tilted = system(repeat=(1, 2, 1), grain_boundary=(2, 1, 0), temperature_K=300.0, strain=0.01)
    tilted = build_system(tilted, 400.0, seed=0)
    assert tilted.record["misorientation_degree"] == pytest.approx(36.87, abs=0.01)
    assert tilted.record["sigma"] == 5
    assert (tilted.record["strain"], tilted.record["temperature_K"]) == (0.01, 300.0)
    assert "misorientation_degree" in caplog.text


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"lattice": "bcc", "dislocation": "screw"}, "dislocation: expected fcc or diamond"),
        ({"c_over_a": 1.6}, "are of hcp, found lattice fcc"),
        ({"grain_boundary": (1, 2, 0)}, "h > k without a common divisor"),
        ({"grain_boundary": (4, 2, 0)}, "h > k without a common divisor"),
        ({"grain_boundary": (2, 1, 1)}, "grain_boundary"),
        ({"grain_boundary": (2, 1, 0), "dislocation": "edge"}, "found both"),
        ({"vacancies": [["Ge"]]}, r"vacancies: expected elements of \['Al'\], found \['Ge'\]"),
        ({"vacancies": [["Al", "Al", "Al"]]}, "at most 2"),
        ({"strain": (0.1, 0.1)}, "strain"),
        ({"file": "cell.xyz", "lattice": None, "dislocation": "edge"}, "brings its own cell"),
    ],
)
def test_keys_that_do_not_fit_together_are_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        system(**keys)


def test_a_cell_from_a_file_can_be_repeated(tmp_path):
    path = tmp_path / "cell.extxyz"
    atoms = ase.build.bulk("SiC", "zincblende", a=4.36)
    ase.io.write(path, atoms)
    system = config.System(file=str(path), repeat=(2, 1, 3), vacancies=1)
    built = build_system(system, 500.0, seed=0)
    expected = atoms.repeat((2, 1, 3))
    assert len(built) == len(expected) - 1
    np.testing.assert_allclose(built.to_ase().cell.array, expected.cell.array, atol=1e-7)
