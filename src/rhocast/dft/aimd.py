"""Ab initio molecular dynamics: from a structure to a trajectory that has been checked."""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rhocast import config
from rhocast.dft.calculation import Calculation, dynamics_settings, right_handed
from rhocast.dft.engine import Dynamics, Engine
from rhocast.dft.process import Launcher
from rhocast.dft.psp8 import Psp8
from rhocast.dft.single_point import empty_folder
from rhocast.dft.trajectory import (
    Trajectory,
    check_trajectory,
    thermal_velocities,
    velocity_memory_fs,
)
from rhocast.structures import Structure

logger = logging.getLogger(__name__)


def n_steps(aimd: config.Aimd, frames: int) -> int:
    """Return the time steps that a number of frames takes, equilibration included."""
    return aimd.equilibration_steps + (frames - 1) * aimd.steps_between_frames


def run_aimd(
    engine: Engine,
    structure: Structure,
    dft: config.Dft,
    aimd: config.Aimd,
    pseudopotentials: Mapping[str, Psp8],
    *,
    temperature_K: float,
    frames: int,
    seed: int,
    launcher: Launcher,
    workdir: str | Path,
) -> Trajectory:
    """Run molecular dynamics long enough for a number of frames.

    How long the velocities remember each other is logged, with a warning if frames are closer in
    time than that.

    Parameters
    ----------
    engine
        What computes.
    structure
        Where the atoms start.
    dft, aimd
        Settings; those of ``aimd`` go before.
    pseudopotentials
        By element.
    temperature_K
        Temperature of the thermostat and of the velocities at the start.
    frames
        How many frames are to be taken.
    seed
        What the seed of the velocities is derived from; may serve for the start as well.
    launcher
        How to start the engine.
    workdir
        Folder for the engine's files; emptied first, removed if all went well.

    Raises
    ------
    EngineError
        If the engine fails or the run blows up; the working folder is kept then.
    """
    workdir = empty_folder(workdir)
    turned, _ = right_handed(structure)
    calculation = Calculation.plan(turned, dynamics_settings(dft, aimd), pseudopotentials)
    dynamics = Dynamics(
        velocities=thermal_velocities(
            structure, temperature_K, config.seed_for(seed, "velocities")
        ),
        temperature_K=temperature_K,
        timestep_fs=aimd.timestep_fs,
        thermostat_time_fs=aimd.thermostat_time_fs,
        n_steps=n_steps(aimd, frames),
    )
    trajectory = engine.molecular_dynamics(calculation, dynamics, launcher, workdir)
    check_trajectory(trajectory, str(workdir))
    spacing_fs = aimd.steps_between_frames * aimd.timestep_fs
    _log_memory(trajectory, spacing_fs if frames > 1 else None, str(workdir))
    shutil.rmtree(workdir)
    record = {
        "engine": engine.record.name,
        "engine_version": engine.record.version,
        "ranks": launcher.ranks,
        "seed": seed,
        "kpoints": str(calculation.kpoints),
        **trajectory.record,
    }
    return replace(trajectory, cell=structure.cell, record=record)


def _log_memory(trajectory: Trajectory, spacing_fs: float | None, where: str) -> None:
    """Log how long velocities remember each other; warn if frames are closer in time than that."""
    memory_fs = velocity_memory_fs(trajectory)
    logger.info("%s: velocities remember each other for %.1f fs", where, memory_fs)
    if spacing_fs is not None and spacing_fs < memory_fs:
        logger.warning(
            "%s: frames are %.1f fs apart, but velocities remember each other for %.1f fs: the "
            "frames are correlated; raise aimd.steps_between_frames",
            where,
            spacing_fs,
            memory_fs,
        )
