"""The choices of a first campaign, held to crystals whose right settings are known."""

from dataclasses import replace
from math import pi

import numpy as np
import pytest
from ase.build import bulk, fcc111
from ase.data import atomic_numbers
from ase.formula import Formula
from ase.lattice.hexagonal import Graphite

from rhocast.drafting import choices, heat
from rhocast.drafting.geometry import vacuum_axes
from rhocast.engines import resolve_pseudopotentials
from rhocast.grid.kpoints import kpoint_mesh
from rhocast.structures import Structure


def crystal(*words, **options) -> Structure:
    return Structure.from_ase(bulk(*words, **options))


ALUMINIUM = crystal("Al", cubic=True)
CARBIDE = crystal("SiC", "zincblende", a=4.36, cubic=True)
SILICON = crystal("Si", cubic=True)


@pytest.mark.parametrize("formula", ["SiC", "LiF", "GaAs", "MgO", "Al2O3", "CaTiO3", "SiGe", "Li"])
def test_formulas_are_as_people_write_them(formula):
    symbols = Formula(formula) * 4
    structure = Structure(
        np.random.default_rng(0).random((len(symbols), 3)),
        np.eye(3),
        [atomic_numbers[symbol] for symbol in symbols],
    )
    assert choices.formula_of(structure) == formula
    assert choices.name_of(structure) == formula.lower()


@pytest.mark.parametrize(
    ("structure", "metal"),
    [(ALUMINIUM, True), (CARBIDE, False), (crystal("LiF", "rocksalt", a=4.03), False)],
)
def test_a_nonmetal_makes_an_insulator_unless_told_otherwise(structure, metal):
    assert choices.is_metal(structure, None).value is metal
    assert choices.is_metal(structure, not metal).value is not metal
    assert "guess" in choices.is_metal(structure, None).reason


@pytest.mark.parametrize("name", ["TiC", "TiN", "NiO", "FeSi", "LaN", "UC"])
def test_a_compound_of_a_d_or_f_metal_is_undecided_with_the_settings_of_a_metal(name):
    structure = crystal(name, "rocksalt", a=4.3)
    choice = choices.is_metal(structure, None)
    assert choice.value
    assert "undecided" in choice.reason
    assert not choices.is_metal(structure, False).value


@pytest.mark.parametrize("atoms", [8, 32, 100, 10_000])
@pytest.mark.parametrize("structure", [ALUMINIUM, CARBIDE, crystal("Mg"), crystal("Al")])
def test_a_supercell_has_about_the_atoms_asked_for_and_equal_edges(structure, atoms):
    repeat = choices.supercell(structure, atoms)
    assert 0.5 <= len(structure) * np.prod(repeat) / atoms <= 2.0
    edges = np.linalg.norm(structure.cell, axis=1) * repeat
    assert edges.max() / edges.min() <= 2.0


def test_each_cell_is_twice_the_one_before():
    unit, small, large = choices.training_cells(CARBIDE, n_electrons=32).value
    assert unit == (1, 1, 1)
    assert sorted(small) == [1, 1, 2]
    assert sorted(large) == [1, 2, 2]


@pytest.mark.parametrize(
    ("structure", "metal"), [(ALUMINIUM, True), (CARBIDE, False), (SILICON, False)]
)
def test_kpoints_lie_no_further_apart_than_what_was_measured_to_suffice(structure, metal):
    unit, *_ = choices.training_cells(structure, 12.0 if metal else 32.0).value
    spacing = choices.kpoint_spacing_per_bohr(structure, unit, metal).value
    limit = 0.137 if metal else 0.2
    cell = structure.cell * np.array(unit)[:, None]
    divisions = kpoint_mesh(cell, spacing).divisions
    for edge, n in zip(np.linalg.norm(cell, axis=1), divisions, strict=True):
        assert 2 * pi / (edge * n) <= 1.1 * limit


@pytest.mark.parametrize(
    ("structure", "wide"),
    [  # PBE gaps below and above 2 eV
        *((crystal(name, "zincblende", a=4.5), False) for name in ("BP", "BAs", "SiC", "AlP")),
        *((crystal(name, "zincblende", a=4.5), False) for name in ("InN", "GaAs", "ZnO")),
        (SILICON, False),
        (crystal("C", cubic=True), True),
        *((crystal(name, "zincblende", a=3.62), True) for name in ("BN", "AlN")),
        *((crystal(name, "rocksalt", a=4.2), True) for name in ("LiF", "NaCl", "MgO", "LiH")),
    ],
    ids=lambda value: value if isinstance(value, bool) else choices.formula_of(value),
)
def test_only_wide_gaps_get_few_kpoints(structure, wide):
    choice = choices.kpoint_spacing_per_bohr(structure, (1, 1, 1), metal=False)
    assert choice.reason.split()[1] == ("0.4" if wide else "0.2")


@pytest.mark.parametrize(("unit", "larger"), [((1, 1, 1), (2, 1, 1)), ((2, 1, 1), (2, 2, 1))])
def test_cells_of_many_alloys_hold_the_same_kpoints(unit, larger):
    """A cell of twice the length takes half the steps, so that k-points fold onto each other."""
    alloy = crystal("Si", "diamond", a=5.545, cubic=True)  # lattice constant of Si0.5Ge0.5
    spacing = choices.kpoint_spacing_per_bohr(alloy, (1, 1, 1), False, many_alloys=True).value
    few, many = (
        np.array(kpoint_mesh(alloy.cell * np.array(repeat)[:, None], spacing).divisions)
        for repeat in (larger, unit)
    )
    assert (few * larger == many * unit).all()


SALT = bulk("NaCl", "rocksalt", a=5.64), bulk("NaCl", "rocksalt", a=5.64, cubic=True)


@pytest.mark.parametrize("atoms", [*SALT, bulk("CaF2", "fluorite", a=5.46), bulk("Mg"), bulk("Si")])
@pytest.mark.parametrize(("metal", "electrons"), [(True, 3.0), (False, 8.0)])
def test_rounding_leaves_kpoints_hardly_further_apart_than_wanted(atoms, metal, electrons):
    structure = Structure.from_ase(atoms)
    unit, *_ = choices.training_cells(structure, electrons * len(structure)).value
    choice = choices.kpoint_spacing_per_bohr(structure, unit, metal)
    wanted = float(choice.reason.split()[1])
    assert choice.value <= 1.061 * wanted
    edge = np.min(np.linalg.norm(structure.cell, axis=1) * np.array(unit))
    steps = 2 * pi / (edge * choice.value)
    assert steps == pytest.approx(round(steps), abs=0.01)


@pytest.mark.parametrize(
    ("atoms", "cutoff"),
    [({"Al": 4}, 14.0), ({"Si": 8}, 14.0), ({"Si": 4, "C": 4}, 35.0), ({"Li": 4, "F": 4}, 53.0)],
)
def test_the_cutoff_follows_the_smallest_core_and_the_densities(atoms, cutoff):
    files = resolve_pseudopotentials(dict.fromkeys(atoms, "spms"))
    assert choices.cutoff_ha(files, atoms).value == pytest.approx(cutoff, abs=1.0)


def test_without_radius_and_density_the_cutoff_is_a_guess():
    (file,) = resolve_pseudopotentials({"Si": "spms"}).values()
    assert "guess" not in choices.cutoff_ha({"Si": file}, {"Si": 8}).reason
    bare = replace(file, core_radius_bohr=None)
    assert choices.cutoff_ha({"Si": bare}, {"Si": 8}).value < 15.0


@pytest.mark.parametrize(
    ("cell", "metal"),
    [
        (bulk("C", cubic=True), False),
        (Graphite("C", latticeconstant={"a": 2.461, "c": 6.708}), True),
        (bulk("Si"), False),
        (bulk("Si", "fcc", a=3.8), True),
    ],
    ids=["diamond", "graphite", "silicon", "silicon under pressure"],
)
def test_elements_are_semiconductors_in_the_diamond_structure_alone(cell, metal):
    choice = choices.is_metal(Structure.from_ase(cell), None)
    assert choice.value is metal
    assert choice.reason.startswith("undecided" if metal else "a guess")


@pytest.mark.parametrize(
    ("formula", "melting_K"),
    [("MgO", 3098), ("CaO", 2886), ("TiO", 2023), ("GaN", 2773), ("LiF", 1121), ("NaCl", 1074)],
)
def test_the_guess_of_the_melting_point_is_within_a_factor_of_two(formula, melting_K):
    guess = heat.melting_point_K(crystal(formula, "rocksalt", a=4.2), None).value
    assert 0.5 < guess / melting_K < 2.0


@pytest.mark.parametrize(
    ("formula", "lattice", "melting_K"),
    [
        ("AlP", "zincblende", 2800),
        ("GaAs", "zincblende", 1511),
        ("InSb", "zincblende", 800),
        ("ZnS", "wurtzite", 2100),
        ("CdTe", "zincblende", 1365),
        ("GaN", "wurtzite", 2770),
    ],
)
def test_so_is_that_of_tetrahedral_semiconductors(formula, lattice, melting_K):
    guess = heat.melting_point_K(crystal(formula, lattice, a=5.0), None).value
    assert 0.5 < guess / melting_K < 2.0


def test_a_slab_does_not_grow_into_its_vacuum():
    slab = Structure.from_ase(fcc111("Al", (2, 2, 4), vacuum=8.0, periodic=True))
    assert vacuum_axes(slab) == "c"
    cells = choices.training_cells(slab, 48.0)
    assert [cell[2] for cell in cells.value] == [1, 1, 1]
    assert "vacuum lies along c" in cells.reason
    assert choices.supercell(slab, 10_000)[2] == 1
    assert vacuum_axes(ALUMINIUM) == vacuum_axes(CARBIDE) == ""


def test_an_element_has_the_temperatures_and_the_stiffness_of_the_tables():
    melting = heat.melting_point_K(ALUMINIUM, None)
    assert heat.temperatures_K(melting).value == (230, 470, 700)
    assert heat.debye_temperature_K(ALUMINIUM, None, melting.value).value == 428.0


def test_what_is_given_is_taken_and_what_is_not_is_a_guess():
    given, guess = (heat.melting_point_K(CARBIDE, value) for value in (3000.0, None))
    assert heat.temperatures_K(given).value == (750, 1500, 2250)
    assert heat.debye_temperature_K(CARBIDE, 1200.0, 3000.0).value == 1200.0
    assert "guess" in heat.temperatures_K(guess).reason
    assert "guess" in heat.debye_temperature_K(CARBIDE, None, guess.value).reason


@pytest.mark.parametrize(
    ("words", "a", "melting_K", "debye_K"),
    [  # CRC Handbook, 97th edition; Kittel, Introduction to Solid State Physics
        (("LiF", "rocksalt"), 4.03, 1121.0, 732.0),
        (("NaCl", "rocksalt"), 5.64, 1074.0, 321.0),
        (("MgO", "rocksalt"), 4.21, 3098.0, 946.0),
        (("GaAs", "zincblende"), 5.65, 1511.0, 344.0),
    ],
)
def test_compounds_follow_lindemanns_rule(words, a, melting_K, debye_K):
    found = heat.debye_temperature_K(crystal(*words, a=a), None, melting_K).value
    assert found == pytest.approx(debye_K, rel=0.25)


def test_light_atoms_take_short_steps():
    assert choices.timestep_fs(crystal("LiF", "rocksalt", a=4.03)).value == 1.0
    assert choices.timestep_fs(crystal("Au")).value == 4.0
