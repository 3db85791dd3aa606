"""Campaigns of alloys over their compositions: what is computed, and what is held out."""

import numpy as np
import pytest

from rhocast.drafting.compositions import composition_range, inner_grid
from rhocast.errors import ConfigError


@pytest.mark.parametrize("n_elements", [2, 3])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_an_inner_grid_is_even_and_holds_no_pure_element(n_elements, steps):
    grid = np.array(inner_grid(n_elements, steps))
    np.testing.assert_allclose(grid.sum(axis=1), 1.0)
    np.testing.assert_allclose(grid.mean(axis=0), 1.0 / n_elements)
    assert 0.0 < grid.min() < grid.max() < 1.0
    along = np.unique(grid[:, 0].round(12))
    np.testing.assert_allclose(np.diff(along), along[1] - along[0])


def test_two_elements_take_the_grids_that_were_measured():
    """Grids of 2 and of 4 snapshots of docs/notebook/compositions.md."""
    assert inner_grid(2, 1) == [(0.75, 0.25), (0.25, 0.75)]
    np.testing.assert_allclose([x for x, _ in inner_grid(2, 3)], [0.875, 0.625, 0.375, 0.125])


@pytest.mark.parametrize(
    "words", ["Si,Ge", "Ge, Si", "Si,Ge,Sn", "Cu,Au", "Na,K", "Nb,Ta,W", "Cu,Ag,Au"]
)
def test_what_is_judged_by_is_not_trained_on(words):
    alloys = composition_range(words)
    assert alloys.alloy.arrangement.species == tuple(sorted(alloys.elements, key=_number))
    small, large = (2, 1, 1), (2, 2, 1)
    trained = [alloys.systems(grid, small) for grid in alloys.grids]
    judged = alloys.systems(alloys.held_out, large) | alloys.systems(alloys.ends, small)
    shares = [_shares(system, alloys) for found in trained for system in found.values()]
    assert np.min(shares) > 0.0
    for system in judged.values():
        assert min(np.abs(np.array(shares) - _shares(system, alloys)).max(axis=1)) > 0.05


def test_each_system_has_the_lattice_constant_of_its_own_atoms():
    alloys = composition_range("Si,Ge")
    systems = alloys.systems(alloys.grids[0], (2, 1, 1))
    assert list(systems) == ["si12ge4", "si4ge12"]
    silicon, germanium = alloys.lattice.constants_bohr.values()
    expected = 0.75 * silicon + 0.25 * germanium
    found = float(systems["si12ge4"]["lattice_constant_bohr"])
    assert found == pytest.approx(expected, abs=1e-4)


def test_temperatures_leave_all_compositions_crystals():
    assert composition_range("Si,Ge").melting_point_K().value == 1211
    assert composition_range("Na,K").melting_point_K().value == 337
    assert composition_range("Kr,Xe").melting_point_K().value == 116


def test_symbols_may_be_in_small_letters_and_between_dashes():
    assert composition_range("si,GE").elements == ("Si", "Ge")
    assert composition_range(" Si-Ge").elements == ("Si", "Ge")
    with pytest.raises(ConfigError, match="found SiGe"):
        composition_range("SiGe")


def test_springs_are_between_those_of_the_elements():
    assert 374 < composition_range("Si,Ge").debye_temperature_K().value < 645


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Si", "two or three different elements"),
        ("Si,Si", "two or three different elements"),
        ("Si,Ge,Sn,C", "two or three different elements"),
        ("Si,Xx", "found Xx"),
        ("Si0.5,Ge0.5", "found Si0.5, Ge0.5"),
        ("Si,X", "found X"),
        ("", "chemical symbols"),
        ("Al,Si", r"Al \(fcc\), Si \(diamond\)"),
        ("Si,O", r"O \(no crystal known\)"),
    ],
)
def test_what_cannot_be_drafted_is_said_in_a_sentence(words, said):
    with pytest.raises(ConfigError, match=said):
        composition_range(words)


def _number(element):
    from ase.data import atomic_numbers

    return atomic_numbers[element]


def _shares(system, alloys):
    import yaml

    held = yaml.safe_load(system["composition"])
    return [held.get(element, 0.0) for element in alloys.elements]
