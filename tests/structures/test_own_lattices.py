"""Lattices of elements, held to published lattice constants."""

import pytest

from rhocast.structures.own_lattices import common_lattice, own_lattice
from rhocast.units import ANGSTROM_PER_BOHR


@pytest.mark.parametrize(
    ("element", "lattice", "constant"),
    [
        ("Si", "diamond", 5.431),
        ("Ge", "diamond", 5.658),
        ("Sn", "diamond", 6.489),
        ("Cu", "fcc", 3.615),
    ],
)
def test_elements_have_their_published_lattice_constants(element, lattice, constant):
    name, bohr = own_lattice(element)
    assert name == lattice
    assert bohr * ANGSTROM_PER_BOHR == pytest.approx(constant, rel=2e-3)


def test_an_alloy_has_the_lattice_constant_of_vegards_rule():
    """Silicon-germanium deviates from it by less than 0.01 Å (Dismukes et al. 1964: 5.538 Å)."""
    lattice = common_lattice(["Si", "Ge"])
    constant = lattice.constant_bohr({"Si": 0.5, "Ge": 0.5}) * ANGSTROM_PER_BOHR
    assert constant == pytest.approx(5.538, abs=0.01)
    assert lattice.constant_bohr({"Ge": 1.0}) == lattice.constants_bohr["Ge"]


@pytest.mark.parametrize(
    "elements", [("Al", "Si"), ("Fe", "Ni"), ("Mg", "Ti"), ("Si", "O"), ("S",)]
)
def test_other_elements_have_no_cubic_lattice_in_common(elements):
    assert common_lattice(elements) is None
