"""The choices of a first campaign, held to crystals whose right settings are known."""

from math import pi

import numpy as np
import pytest
from ase.build import bulk

from rhocast.drafting import choices
from rhocast.grid.kpoints import kpoint_mesh
from rhocast.structures import Structure


def crystal(*words, **options) -> Structure:
    return Structure.from_ase(bulk(*words, **options))


ALUMINIUM = crystal("Al", cubic=True)
CARBIDE = crystal("SiC", "zincblende", a=4.36, cubic=True)


@pytest.mark.parametrize(
    ("structure", "metal"),
    [(ALUMINIUM, True), (CARBIDE, False), (crystal("LiF", "rocksalt", a=4.03), False)],
)
def test_a_nonmetal_makes_an_insulator_unless_told_otherwise(structure, metal):
    assert choices.is_metal(structure, None).value is metal
    assert choices.is_metal(structure, not metal).value is not metal
    assert "guess" in choices.is_metal(structure, None).reason


@pytest.mark.parametrize("atoms", [8, 32, 100, 10_000])
@pytest.mark.parametrize("structure", [ALUMINIUM, CARBIDE, crystal("Mg"), crystal("Al")])
def test_a_supercell_has_about_the_atoms_asked_for_and_equal_edges(structure, atoms):
    repeat = choices.supercell(structure, atoms)
    assert 0.5 <= len(structure) * np.prod(repeat) / atoms <= 2.0
    edges = np.linalg.norm(structure.cell, axis=1) * repeat
    assert edges.max() / edges.min() <= 2.0


def test_the_cell_of_transfer_is_twice_that_of_training():
    small, large = choices.training_cells(CARBIDE, n_electrons=32).value
    assert small == (1, 1, 1)
    assert sorted(large) == [1, 1, 2]


@pytest.mark.parametrize(("structure", "metal"), [(ALUMINIUM, True), (CARBIDE, False)])
def test_kpoints_lie_no_further_apart_than_what_was_measured_to_suffice(structure, metal):
    small, _ = choices.training_cells(structure, 12.0 if metal else 32.0).value
    spacing = choices.kpoint_spacing_per_bohr(structure, small, metal).value
    limit = 0.137 if metal else 0.2
    cell = structure.cell * np.array(small)[:, None]
    divisions = kpoint_mesh(cell, spacing).divisions
    for edge, n in zip(np.linalg.norm(cell, axis=1), divisions, strict=True):
        assert 2 * pi / (edge * n) <= 1.1 * limit


@pytest.mark.parametrize(("radius", "cutoff"), [(1.9, 14.0), (1.2, 35.0)])
def test_the_cutoff_follows_the_smallest_core(radius, cutoff):
    assert choices.cutoff_ha({"X": radius, "Y": 2.5}).value == cutoff
    assert "guess" in choices.cutoff_ha({"X": None}).reason


def test_an_element_has_the_temperatures_and_the_stiffness_of_the_tables():
    assert choices.temperatures_K(ALUMINIUM, None).value == (230, 470, 700)
    assert choices.debye_temperature_K(ALUMINIUM, None).value == 428.0
    assert choices.temperatures_K(CARBIDE, 3000.0).value == (750, 1500, 2250)
    assert choices.debye_temperature_K(CARBIDE, 1200.0).value == 1200.0
    assert "guess" in choices.temperatures_K(CARBIDE, None).reason
    assert "guess" in choices.debye_temperature_K(CARBIDE, None).reason


def test_light_atoms_take_short_steps():
    assert choices.timestep_fs(crystal("LiF", "rocksalt", a=4.03)).value == 1.0
    assert choices.timestep_fs(crystal("Au")).value == 4.0
