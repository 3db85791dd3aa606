"""Fixtures: small crystals, settings of DFT, a trajectory, for all that computes with engines."""

import numpy as np
import pytest

from rhocast import config
from rhocast.dynamics.trajectory import Trajectory, thermal_velocities
from rhocast.engines import resolve_pseudopotentials
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import Dynamics
from rhocast.structures import Structure
from rhocast.units import FEMTOSECOND_PER_ATOMIC_TIME


@pytest.fixture(scope="session", autouse=True)
def _engine_environment(environment):
    """Let engines run in this process's children as the whole suite runs its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
            patch.setenv(name, environment[name])
        patch.setenv("OMPI_MCA_rmaps_base_oversubscribe", "1")
        yield


@pytest.fixture(scope="session")
def pseudopotentials():
    return resolve_pseudopotentials({"Al": "spms", "Si": "spms"})


@pytest.fixture(scope="session")
def silicon() -> Structure:
    """Two atoms off their places in the primitive cell, 10.2 Bohr the cubic constant."""
    cell = 5.1 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    positions = np.array([[0.1, -0.05, 0.0], [2.55, 2.6, 2.45]])
    return Structure(positions, cell, [14, 14])


@pytest.fixture(scope="session")
def aluminium() -> Structure:
    """Four atoms off their places in the cubic cell."""
    fractional = np.array([[0.01, 0, 0], [0, 0.5, 0.49], [0.5, 0, 0.5], [0.5, 0.51, 0]])
    return Structure(7.65 * fractional, 7.65 * np.eye(3), [13] * 4)


@pytest.fixture(scope="session")
def settings():
    """Make DFT settings, coarse unless told otherwise."""

    def make(**changes) -> config.Dft:
        coarse = {
            "mesh_spacing_bohr": 0.6,
            "cutoff_ha": 6.0,
            "kpoint_spacing_per_bohr": 0.4,
            "scf_tolerance": 1e-7,
        }
        return config.Dft(**(coarse | changes))

    return make


@pytest.fixture
def alloy(settings, pseudopotentials) -> Calculation:
    """Return the cell of SPARC's stored runs; its elements take turns, SPARC sorts them."""
    fractional = np.array([[0.01, 0, 0], [0, 0.5, 0.49], [0.5, 0, 0.5], [0.5, 0.51, 0]])
    structure = Structure(8.0 * fractional, 8.0 * np.eye(3), [14, 13, 14, 13])
    return Calculation.plan(structure, settings(scf_tolerance=1e-4), pseudopotentials)


@pytest.fixture
def dynamics(alloy) -> Dynamics:
    return Dynamics(thermal_velocities(alloy.structure, 600.0, seed=1), 600.0, 1.0, 40.0, 4)


@pytest.fixture
def trajectory(aluminium) -> Trajectory:
    """Atoms that swing in step for two periods of 40 fs, 1 fs a step."""
    times = np.arange(81.0)
    velocities = thermal_velocities(aluminium, 600.0, seed=0)
    angle = 2.0 * np.pi * times / 40.0
    period = 40.0 / FEMTOSECOND_PER_ATOMIC_TIME
    swing = np.sin(angle)[:, None, None] * velocities * period / (2.0 * np.pi)
    return Trajectory(
        cell=aluminium.cell,
        numbers=aluminium.numbers,
        times_fs=times,
        positions=aluminium.positions + swing,
        velocities=np.cos(angle)[:, None, None] * velocities,
        potential_energies_ha=-9.0 + 0.01 * np.sin(angle) ** 2,
        conserved_ha=np.full(81, -8.99),
        target_K=300.0,
        record={"engine": "abinit", "ranks": 2, "kpoints": "2 2 2 shift 0 0 0"},
    )
