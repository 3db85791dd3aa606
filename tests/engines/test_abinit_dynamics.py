import numpy as np
import pytest

from rhocast import config
from rhocast.dynamics.trajectory import thermal_velocities
from rhocast.engines import Launcher, make_engine, resolve_engine, run_aimd
from rhocast.engines.abinit.dynamics import dynamics_variables
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import Dynamics
from rhocast.units import HARTREE_PER_KELVIN


def test_thermostat_heats_no_more_than_the_atoms_freedom(aluminium, settings, pseudopotentials):
    calculation = Calculation.plan(aluminium, settings(), pseudopotentials)
    velocities = thermal_velocities(aluminium, 600.0, seed=0)
    found = dynamics_variables(calculation, Dynamics(velocities, 600.0, 1.0, 40.0, 10), 12)
    assert np.isclose(3 * 4 * found["mdtemp"][0], (3 * 4 - 3) * 600.0)
    assert found["ntime"] == 12
    assert (found["ionmov"], found["nnos"]) == (13, 1)


# The program.


@pytest.fixture(scope="module")
def trajectory(aluminium, settings, pseudopotentials, tmp_path_factory):
    aimd = config.Aimd(
        timestep_fs=2.0,
        thermostat_time_fs=30.0,
        equilibration_steps=20,
        steps_between_frames=10,
        correlated_frames="accept",
        scf_tolerance=1e-6,
        cutoff_ha=5.0,
        kpoint_spacing_per_bohr=1.0,
    )
    return run_aimd(
        make_engine(resolve_engine("abinit")),
        aluminium,
        settings(),
        aimd,
        pseudopotentials,
        temperature_K=600.0,
        frames=2,
        seed=1,
        launcher=Launcher(),
        workdir=tmp_path_factory.mktemp("aimd") / "work",
    )


@pytest.mark.abinit
def test_dynamics_starts_where_and_as_fast_as_it_was_told(trajectory, aluminium):
    assert len(trajectory) == 31
    np.testing.assert_allclose(trajectory.positions[0], aluminium.positions, atol=1e-12)
    assert np.isclose(trajectory.temperatures_K[0], 600.0)
    drift = trajectory.positions.mean(axis=1) - trajectory.positions[0].mean(axis=0)
    np.testing.assert_allclose(drift, 0.0, atol=1e-9)


@pytest.mark.abinit
def test_dynamics_conserves_what_it_should(trajectory):
    """The thermostat exchanges a thousand times more energy than is lost."""
    kinetic = trajectory.temperatures_K * 9 * HARTREE_PER_KELVIN / 2.0
    exchanged = np.ptp(trajectory.potential_energies_ha + kinetic)
    assert exchanged > 2e-3
    assert np.ptp(trajectory.conserved_ha) < 0.02 * exchanged


@pytest.mark.abinit
def test_thermostat_holds_the_temperature(trajectory):
    assert 400.0 < trajectory.temperatures_K.mean() < 800.0
    assert trajectory.target_K == 600.0
