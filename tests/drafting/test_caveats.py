"""What a draft warns of."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from rhocast.drafting.caveats import magnetism, warnings_of
from rhocast.structures import Structure


def crystal(*words, **options) -> Structure:
    return Structure.from_ase(bulk(*words, **options))


@pytest.mark.parametrize("name", ["Fe", "Ni", "Cr", "Gd"])
def test_magnetic_elements_are_warned_of(name):
    for structure in (crystal(name, "fcc", a=3.6), crystal(f"{name}O", "rocksalt", a=4.2)):
        warning = magnetism(structure)
        assert warning is not None
        assert name in warning
        assert "not spin-polarised" in warning
    assert magnetism(crystal("SiC", "zincblende", a=4.36)) is None


@pytest.mark.parametrize(
    "atoms",
    [
        bulk("Al", cubic=True).repeat(3),
        bulk("Si", cubic=True).repeat(2)[1:],  # with a vacancy
        fcc111("Al", (2, 2, 4), vacuum=8.0, periodic=True),
        bulk("MgO", "rocksalt", a=4.21, cubic=True).repeat(2),
    ],
    ids=["crystal", "vacancy", "slab", "compound"],
)
def test_crystals_at_rest_need_no_warning(atoms):
    assert warnings_of(Structure.from_ase(atoms)) == []


def test_a_liquid_is_no_crystal():
    rng = np.random.default_rng(0)
    liquid = bulk("Al", cubic=True).repeat(2)
    liquid.positions += rng.normal(0.0, 0.35, liquid.positions.shape)
    (warning,) = warnings_of(Structure.from_ase(liquid))
    assert "--aimd" in warning


def test_a_molecule_is_no_crystal():
    atoms: Atoms = molecule("H2O", vacuum=4.0, pbc=True)
    (warning,) = warnings_of(Structure.from_ase(atoms))
    assert "vacuum surrounds" in warning
