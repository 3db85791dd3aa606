"""Molecular dynamics with SPARC."""

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.dynamics.trajectory import Trajectory, kinetic_energy_ha, thermostat_mass
from rhocast.engines.attempts import attempts, new_attempt, seconds_between
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import (
    CalculationError,
    Dynamics,
    EngineRecord,
    check_ranks,
    check_version,
)
from rhocast.engines.process import Launcher
from rhocast.engines.sparc.input import LABEL, electronic_keys, places, write_input
from rhocast.engines.sparc.motion import MOTION, RESTART, read_attempts, starting_point
from rhocast.engines.sparc.process import run_sparc
from rhocast.units import GPA_PER_ATOMIC_PRESSURE

logger = logging.getLogger(__name__)

_OUTPUT = f"{LABEL}.out"


def molecular_dynamics(
    engine: EngineRecord,
    calculation: Calculation,
    dynamics: Dynamics,
    launcher: Launcher,
    workdir: Path,
) -> Trajectory:
    """Let the atoms move under one Nosé-Hoover thermostat (``NVT_NH``).

    SPARC draws velocities itself, from a constant seed or the clock. Ours are handed to it in a
    restart file. A run goes on from the restart file of the last attempt in the folder: positions,
    velocities and thermostat to ten digits. The electrons begin anew, so that the forces go on to
    within the SCF tolerance.

    Raises
    ------
    EngineError
        If SPARC fails.
    """
    log, text = read_attempts(workdir, len(calculation.structure))
    if len(log) < dynamics.n_steps:
        attempt = new_attempt(workdir)
        keys = {
            **electronic_keys(calculation),
            **dynamics_keys(calculation, dynamics, dynamics.n_steps - len(log)),
        }
        order = np.argsort(write_input(calculation, keys, attempt))
        if log:
            logger.info("%s: going on after step %d", workdir, len(log))
        (attempt / RESTART).write_text(text or starting_point(calculation, dynamics, order))
        run_sparc(engine.executable, launcher, attempt)
        check_ranks(launcher, int(_number(_text(attempt / _OUTPUT), "Number of processors")))
    return read_dynamics(calculation, dynamics, workdir, engine)


def read_dynamics(
    calculation: Calculation, dynamics: Dynamics, workdir: Path, engine: EngineRecord
) -> Trajectory:
    """Read a run from all its attempts; its start is in SPARC's first ``.out`` alone."""
    structure, n_atoms = calculation.structure, len(calculation.structure)
    made = attempts(workdir)
    log, _ = read_attempts(workdir, n_atoms)
    if len(log) < dynamics.n_steps:
        raise CalculationError(
            f"{workdir}: expected {dynamics.n_steps} steps in {MOTION}, found {len(log)}"
        )
    log = log[: dynamics.n_steps]
    outputs = [_text(attempt / _OUTPUT) for attempt in made]
    _check_versions(engine, outputs)
    first = next(output for output in outputs if "Total number of SCF" in output)
    start_ha, start_gpa = _number(first, "Total free energy"), _number(first, "Pressure")
    resort = places(made[-1], len(structure))
    start_total_ha = start_ha + kinetic_energy_ha(structure.numbers, dynamics.velocities)
    moved = np.array([step.positions[resort] for step in log])
    return Trajectory(
        cell=structure.cell,
        numbers=structure.numbers,
        times_fs=np.arange(dynamics.n_steps + 1) * dynamics.timestep_fs,
        positions=_unwrap(np.concatenate([structure.positions[None], moved]), structure.cell),
        velocities=np.array([dynamics.velocities, *(step.velocities[resort] for step in log)]),
        potential_energies_ha=np.array([start_ha, *(step.energy_ha for step in log)]),
        conserved_ha=np.array([start_total_ha, *(step.conserved_ha for step in log)]),
        target_K=dynamics.temperature_K,
        static_pressures_ha_per_bohr3=np.array([start_gpa, *(step.pressure_gpa for step in log)])
        / GPA_PER_ATOMIC_PRESSURE,
        record=_record(made, outputs),
    )


def dynamics_keys(calculation: Calculation, dynamics: Dynamics, n_steps: int) -> dict[str, Any]:
    """Return SPARC's keys for the motion of the atoms through some steps.

    SPARC's thermostat counts 3n - 3 degrees of freedom; its default mass knows nothing of them.
    """
    n_atoms = len(calculation.structure)
    return {
        "MD_FLAG": 1,
        "MD_METHOD": "NVT_NH",
        "MD_TIMESTEP": dynamics.timestep_fs,
        "MD_NSTEP": n_steps,  # those of this attempt alone
        "ION_TEMP": dynamics.temperature_K,
        "QMASS": thermostat_mass(n_atoms, dynamics.temperature_K, dynamics.thermostat_time_fs),
        "RESTART_FLAG": 1,
        "PRINT_RESTART_FQ": 1,
        "CALC_PRES": 1,
    }


def _check_versions(engine: EngineRecord, outputs: Sequence[str]) -> None:
    """Raise EngineError unless all attempts ran with the version that was settled upon."""
    for output in outputs:
        if told := re.search(r"\(version (\w+ \d+, \d+)\)", output):
            day = datetime.strptime(told.group(1), "%B %d, %Y")
            check_version(engine, day.strftime("%Y.%m.%d"))


def _record(made: Sequence[Path], outputs: Sequence[str]) -> dict[str, Any]:
    """Return the entries of the trajectory's record that describe its attempts."""
    cycles = [int(n) for text in outputs for n in re.findall(r"Total number of SCF: (\d+)", text)]
    unconverged = sum(text.count("did not converge to desired accuracy") for text in outputs)
    if unconverged:
        logger.warning(
            "%s: the SCF cycle of %d steps did not converge", made[0].parent, unconverged
        )
    return {
        "attempts": len(made),
        "wall_time_s": sum(seconds_between(a / f"{LABEL}.inpt", a / _OUTPUT) for a in made),
        "scf_iterations_per_step": round(sum(cycles) / max(1, len(cycles)), 1),
        "unconverged_steps": unconverged,
    }


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _number(output: str, name: str) -> float:
    """Return the first number of a name in SPARC's ``.out``."""
    found = re.search(rf"^{name} *: *(\S+)", output, re.MULTILINE)
    return float(found.group(1)) if found else float("nan")


def _unwrap(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Undo SPARC's return of atoms into the cell; positions (s, n, 3), the first as they are."""
    steps = np.diff(positions, axis=0) @ np.linalg.inv(cell)
    moves = (steps - np.round(steps)) @ cell
    return np.concatenate([positions[:1], positions[0] + np.cumsum(moves, axis=0)])
