"""The virial theorem: oscillators hold the energy of their temperature, softer ones hold less."""

import json

import numpy as np
import pytest
from ase.build import bulk

from rhocast.analysis.thermal_energy import ThermalEnergy, thermal_energy
from rhocast.density import Snapshot, write_snapshot
from rhocast.structures import Structure, write_structure
from rhocast.units import HARTREE_PER_KELVIN

KELVIN, STIFFNESS_HA_PER_BOHR2 = 300.0, 0.05


@pytest.fixture
def rest(tmp_path):
    """64 atoms, some of them at the border of the cell, which they cross."""
    atoms = Structure.from_ase(bulk("Si", cubic=True).repeat(2))
    write_structure(tmp_path / "si64.extxyz", atoms)
    return atoms


def write(folder, rest, softness, sampler="springs"):
    """Write a snapshot of oscillators that DFT finds so much softer than their springs."""
    rng = np.random.default_rng(1)
    width = np.sqrt(KELVIN * HARTREE_PER_KELVIN / STIFFNESS_HA_PER_BOHR2)
    moved = width * rng.standard_normal(rest.positions.shape)
    drawn = {"sampler": sampler, "debye_temperature_K": 600.0}
    snapshot = Snapshot(
        structure=Structure((rest.positions + moved) % rest.cell[0, 0], rest.cell, rest.numbers),
        density=np.full((4, 4, 4), 256.0 / rest.volume, np.float32),
        forces=-softness * STIFFNESS_HA_PER_BOHR2 * (moved - moved.mean(axis=0)),
        energy_ha=0.0,
        n_electrons=256.0,
        temperature_K=KELVIN,
        kpoints="1 1 1 shift 0 0 0",
        record={"structure": json.dumps(drawn)},
    )
    path = folder / "si64/300K/0.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_snapshot(path, snapshot)
    return path


@pytest.mark.parametrize("softness", [1.0, 0.5])
def test_forces_tell_how_stiff_the_crystal_is(tmp_path, rest, softness):
    found = thermal_energy([write(tmp_path, rest, softness)], [tmp_path / "si64.extxyz"])
    assert found.error == pytest.approx(np.sqrt(2 / 189))
    assert abs(found.share / softness - 1.0) < 3.0 * found.error
    said = str(found)
    assert ("about as stiff" if softness == 1.0 else "--debye-K") in said


def test_frames_of_dynamics_are_left_out(tmp_path, rest):
    path = write(tmp_path, rest, 1.0, sampler="aimd")
    assert thermal_energy([path], [tmp_path / "si64.extxyz"]) is None
    assert thermal_energy([path], []) is None


def test_the_remedy_scales_with_the_root_of_the_stiffness():
    said = str(ThermalEnergy(share=0.64, error=0.05, debye_K=1100.0))
    assert "softer than the springs" in said
    assert "--debye-K 880" in said
    assert "stiffer" in str(ThermalEnergy(share=1.5, error=0.05, debye_K=344.0))
    assert "as stiff as" in str(ThermalEnergy(share=0.7, error=0.2, debye_K=344.0))
