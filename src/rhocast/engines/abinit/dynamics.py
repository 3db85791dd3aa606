"""Molecular dynamics with ABINIT."""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.dynamics.trajectory import Trajectory, degrees_of_freedom, masses, thermostat_mass
from rhocast.engines.abinit.history import History
from rhocast.engines.abinit.input import electronic_variables
from rhocast.engines.abinit.process import INPUT, LOG, OUTPUT, run_abinit, scf_residuals
from rhocast.engines.attempts import attempts, new_attempt, seconds_between
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import CalculationError, Dynamics, EngineRecord, check_version
from rhocast.engines.process import Launcher
from rhocast.units import FEMTOSECOND_PER_ATOMIC_TIME, HARTREE_PER_KELVIN

logger = logging.getLogger(__name__)

_HISTORY = "runo_HIST.nc"


def molecular_dynamics(
    engine: EngineRecord,
    calculation: Calculation,
    dynamics: Dynamics,
    launcher: Launcher,
    workdir: Path,
) -> Trajectory:
    """Let the atoms move under one Nosé-Hoover thermostat (``ionmov 13`` with ``nnos 1``).

    ``ionmov 8``, also called Nosé-Hoover, will not do: in version 9.6 it moves the atoms by
    the forces of the step before, and conserves nothing.

    A run goes on where the last attempt in the folder ended: ABINIT reads the history back
    (``restartxf -1``) and with it the thermostat, which follows from it. Wave functions and density
    begin anew, so that the forces go on to within the SCF tolerance.

    Raises
    ------
    EngineError
        If ABINIT fails.
    """
    wanted = dynamics.n_steps + 2  # the start, and one more: velocities are central differences
    history = _longest_history(workdir)
    if history is None or len(history) < wanted:
        variables = electronic_variables(calculation, launcher.ranks) | dynamics_variables(
            calculation, dynamics, wanted - (0 if history is None else len(history))
        )
        attempt = new_attempt(workdir)
        if history is not None:
            logger.info("%s: going on after step %d", workdir, len(history) - 2)
            history.copy_to(attempt / _HISTORY)
            variables["restartxf"] = -1
        run_abinit(engine.executable, calculation, variables, launcher, attempt)
        history = _longest_history(workdir)
    if history is None or len(history) < wanted:
        raise CalculationError(
            f"{workdir}: expected {wanted} configurations in {_HISTORY}, found "
            f"{0 if history is None else len(history)}; see {LOG} in the last attempt's folder"
        )
    for attempt in attempts(workdir):
        if found := _version(attempt / OUTPUT):
            check_version(engine, found)
    return _trajectory(calculation, dynamics, history.cut(wanted), _record(calculation, workdir))


def dynamics_variables(
    calculation: Calculation, dynamics: Dynamics, n_configurations: int
) -> dict[str, Any]:
    """Return ABINIT's variables for the motion of the atoms through some configurations.

    ABINIT takes every atom to have three degrees of freedom. The centre of mass keeps still, so
    that the thermostat is told the temperature at which 3n of them hold the energy that 3n - 3
    are meant to.
    """
    n_atoms = len(calculation.structure)
    bath_K = dynamics.temperature_K * degrees_of_freedom(n_atoms) / (3 * n_atoms)
    mass = thermostat_mass(n_atoms, dynamics.temperature_K, dynamics.thermostat_time_fs)
    return {
        "ionmov": 13,
        "optcell": 0,
        "nnos": 1,
        "qmass": mass,
        "mdtemp": [bath_K, bath_K],
        "dtion": dynamics.timestep_fs / FEMTOSECOND_PER_ATOMIC_TIME,
        "ntime": n_configurations,
        "boxcutmin": 1.5,  # errs by 7e-5 of the electrons, 1e-4 Ha/Bohr; a tenth quicker
        "tolmxf": 1e-30,  # a crystal at rest is no reason to stop
        "vel": dynamics.velocities,
    }


def _longest_history(workdir: Path) -> History | None:
    """Return the history of the attempt that came furthest."""
    read = [History.read(attempt / _HISTORY) for attempt in attempts(workdir)]
    return max((found for found in read if found is not None), key=len, default=None)


def _version(output: Path) -> str | None:
    """Return the version of ABINIT that wrote an output; None if it was killed before it told."""
    text = output.read_text(encoding="utf-8", errors="replace") if output.is_file() else ""
    found = re.search(r"^\.Version\s+(\S+)", text, re.MULTILINE)
    return found.group(1) if found else None


def _record(calculation: Calculation, workdir: Path) -> dict[str, Any]:
    """Return the entries of the trajectory's record that describe its attempts."""
    made = attempts(workdir)
    cycles = [cycle for attempt in made for cycle in scf_residuals(attempt / OUTPUT)]
    unconverged = sum(cycle[-1] >= calculation.dft.scf_tolerance for cycle in cycles)
    if unconverged:
        logger.warning("%s: the SCF cycle of %d steps did not converge", workdir, unconverged)
    return {
        "cutoff_ha": calculation.dft.cutoff_ha,
        "attempts": len(made),
        "wall_time_s": sum(seconds_between(a / INPUT, a / LOG) for a in made),
        "scf_iterations_per_step": round(sum(map(len, cycles)) / max(1, len(cycles)), 1),
        "unconverged_steps": unconverged,
    }


def _trajectory(
    calculation: Calculation,
    dynamics: Dynamics,
    history: History,
    record: dict[str, Any],
) -> Trajectory:
    """Take velocities and the thermostat from the positions; the last step serves for that alone.

    ABINIT stores velocities at some stage of its step, and the thermostat not at all. Both follow
    from the positions, with dx/dt and d²x/dt² = F/m - ξ dx/dt as central differences.
    """
    numbers = calculation.structure.numbers
    n_atoms = len(numbers)
    positions, energies_ha = history.positions, history.energies_ha
    step = dynamics.timestep_fs / FEMTOSECOND_PER_ATOMIC_TIME
    mass = masses(numbers)[:, None]
    kt = dynamics.temperature_K * HARTREE_PER_KELVIN
    velocities = np.empty_like(positions[:-1])
    velocities[0] = dynamics.velocities
    velocities[1:] = (positions[2:] - positions[:-2]) / (2.0 * step)
    twice_kinetic = np.sum(mass * velocities**2, axis=(1, 2))
    acceleration = (positions[2:] - 2.0 * positions[1:-1] + positions[:-2]) / step**2
    drag = np.sum((history.forces[1:-1] - mass * acceleration) * velocities[1:], axis=(1, 2))
    friction = np.concatenate([[0.0], drag / twice_kinetic[1:]])
    bath = np.concatenate([[0.0], np.cumsum(0.5 * (friction[1:] + friction[:-1]) * step)])
    thermostat = thermostat_mass(n_atoms, dynamics.temperature_K, dynamics.thermostat_time_fs)
    conserved = (
        energies_ha[:-1]
        + 0.5 * twice_kinetic
        + 0.5 * thermostat * friction**2
        + degrees_of_freedom(n_atoms) * kt * bath
    )
    return Trajectory(
        cell=calculation.structure.cell,
        numbers=numbers,
        times_fs=np.arange(dynamics.n_steps + 1) * dynamics.timestep_fs,
        positions=positions[:-1],
        velocities=velocities,
        potential_energies_ha=energies_ha[:-1],
        conserved_ha=conserved,
        target_K=dynamics.temperature_K,
        static_pressures_ha_per_bohr3=-history.stresses[:-1, :3].mean(axis=1),
        record=record,
    )
