from dataclasses import replace

import numpy as np
import pytest

from rhocast.dynamics.trajectory import (
    check_trajectory,
    kinetic_temperature_K,
    masses,
    thermal_velocities,
    thermostat_mass,
)
from rhocast.errors import EngineError
from rhocast.structures import Structure
from rhocast.units import FEMTOSECOND_PER_ATOMIC_TIME, HARTREE_PER_KELVIN

#: Of the swing of the fixture `trajectory`.
PERIOD_FS = 40.0


def test_velocities_at_the_start(aluminium):
    mixed = replace(aluminium, numbers=np.array([13, 14, 13, 32]))
    velocities = thermal_velocities(mixed, 500.0, seed=1)
    assert np.isclose(kinetic_temperature_K(mixed.numbers, velocities), 500.0)
    np.testing.assert_allclose(masses(mixed.numbers) @ velocities, 0.0, atol=1e-12)
    np.testing.assert_array_equal(velocities, thermal_velocities(mixed, 500.0, seed=1))
    assert not np.allclose(velocities, thermal_velocities(mixed, 500.0, seed=2))


def test_velocities_are_maxwell_boltzmann():
    n = 2000
    positions = np.arange(3 * n, dtype=float).reshape(n, 3)
    structure = Structure(positions, 1e4 * np.eye(3), [13] * n)
    velocities = thermal_velocities(structure, 500.0, seed=0)
    share = velocities**2 * masses(structure.numbers)[0] / (500.0 * HARTREE_PER_KELVIN)
    np.testing.assert_allclose(share.mean(axis=0), 1.0, atol=0.1)
    assert np.isclose((share**2).mean(), 3.0, rtol=0.1)  # kurtosis of a Gaussian


def test_one_atom_cannot_move():
    with pytest.raises(EngineError, match="two atoms or more"):
        thermal_velocities(Structure(np.zeros((1, 3)), 8.0 * np.eye(3), [13]), 300.0, seed=0)


def test_thermostat_mass_gives_its_period():
    """Integrate the thermostat of an ideal gas, for which the formula is exact."""
    n_atoms, temperature_K = 10, 700.0
    mass = thermostat_mass(n_atoms, temperature_K, PERIOD_FS)
    target = 27.0 * HARTREE_PER_KELVIN * temperature_K
    step = 0.1 / FEMTOSECOND_PER_ATOMIC_TIME
    twice_kinetic, friction, seen = 1.01 * target, 0.0, []
    for _ in range(1000):
        friction += step * (twice_kinetic - target) / mass
        twice_kinetic -= step * 2.0 * friction * twice_kinetic
        seen.append(twice_kinetic)
    crossings = np.flatnonzero(np.diff(np.sign(np.array(seen) - target)))
    assert np.isclose(2.0 * np.diff(crossings).mean() * 0.1, PERIOD_FS, rtol=0.02)


def test_wrong_shapes_are_refused(trajectory):
    with pytest.raises(EngineError, match=r"velocities should have shape \(81, 4, 3\)"):
        replace(trajectory, velocities=trajectory.velocities[:-1])


def test_sound_run_passes(trajectory):
    check_trajectory(trajectory, "here", "rest")


def test_runs_that_blew_up(trajectory):
    broken = trajectory.positions.copy()
    broken[7, 2, 1] = np.nan
    close = trajectory.positions.copy()
    close[9, 1] = close[9, 0] + [0.1, 0.0, 0.0]
    jump = trajectory.conserved_ha.copy()
    jump[50:] += 1.0
    cases = {
        "positions is not finite at step 7": {"positions": broken},
        "mean temperature is 5[0-9]{3} K, expected about 300 K": {
            "velocities": 4.3 * trajectory.velocities
        },
        "conserved energy jumps by 0.25 Ha per atom at step 50": {"conserved_ha": jump},
        "step 9: two atoms are 0.1 Bohr apart": {"positions": close},
    }
    for message, changes in cases.items():
        with pytest.raises(EngineError, match=f"here.*{message}.*; ?.*rest"):
            check_trajectory(replace(trajectory, **changes), "here", "rest")


def test_a_frame_knows_where_it_comes_from(trajectory):
    record = trajectory.frame(10).record
    assert (record["step"], record["time_fs"], record["target_K"]) == (10, 10.0, 300.0)
    assert record["engine"] == "abinit"
    assert record["kinetic_temperature_K"] == pytest.approx(0.0, abs=1e-6)  # it turns there
    assert trajectory.frame(0).record["kinetic_temperature_K"] == pytest.approx(600.0)


def test_pressure_of_an_ideal_gas(trajectory):
    """Of n atoms of which the centre of mass is at rest: (n - 1) kT/V."""
    assert trajectory.pressures_ha_per_bohr3 is None
    gas = replace(trajectory, static_pressures_ha_per_bohr3=np.zeros(81))
    volume = np.linalg.det(trajectory.cell)
    expected = 3 * HARTREE_PER_KELVIN * trajectory.temperatures_K / volume
    np.testing.assert_allclose(gas.pressures_ha_per_bohr3, expected)
