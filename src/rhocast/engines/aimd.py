"""Ab initio molecular dynamics: from a structure to a trajectory that has been checked."""

import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rhocast import config
from rhocast.dynamics.correlation import Memory, told_memory
from rhocast.dynamics.frames import n_steps
from rhocast.dynamics.trajectory import Trajectory, check_trajectory, thermal_velocities
from rhocast.engines.attempts import fingerprint, open_run_folder
from rhocast.engines.calculation import (
    Calculation,
    dynamics_kpoint_seed,
    dynamics_settings,
    right_handed,
)
from rhocast.engines.engine import Dynamics, Engine
from rhocast.engines.process import Launcher
from rhocast.engines.psp8 import Psp8
from rhocast.errors import EngineError
from rhocast.files import replacing
from rhocast.structures import Structure

logger = logging.getLogger(__name__)

_REMEDY = "take a shorter aimd.timestep_fs or a finer aimd.scf_tolerance, and check the start"


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

    A run that was ended from outside goes on where it was: steps are neither lost nor repeated. The
    same holds for a run that is to be longer than before.

    The correlation times of velocities and density are measured after the equilibration. Frames
    that are closer in time are set further apart, as ``aimd.correlated_frames`` says. The record
    holds the distance under ``steps_between_frames``; a longer run of the same folder keeps it.

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
        What the seeds of the velocities and of a drawn shift of the k-mesh are derived from; may
        serve for the start as well.
    launcher
        How to start the engine.
    workdir
        Folder for the engine's files, kept from one call to the next: what continues the run.

    Raises
    ------
    EngineError
        If the engine fails, the run blows up, or its frames remember each other too long.
    """
    turned, _ = right_handed(structure)
    calculation = Calculation.plan(
        turned,
        dynamics_settings(dft, aimd),
        pseudopotentials,
        dynamics_kpoint_seed(seed),
    )
    dynamics = Dynamics(
        velocities=thermal_velocities(
            structure, temperature_K, config.seed_for(seed, "velocities")
        ),
        temperature_K=temperature_K,
        timestep_fs=aimd.timestep_fs,
        thermostat_time_fs=aimd.thermostat_time_fs,
        n_steps=n_steps(aimd, frames),
    )
    folder = open_run_folder(workdir, _fingerprint(engine, calculation, dynamics))
    spacing = Spacing(aimd, frames, folder)
    while True:
        dynamics = replace(dynamics, n_steps=n_steps(aimd, frames, spacing.steps))
        trajectory = engine.molecular_dynamics(calculation, dynamics, launcher, folder)
        check_trajectory(trajectory, str(folder), _REMEDY)
        if spacing.suffices(Memory.of(trajectory, aimd.equilibration_steps)):
            break
    record = {
        "sampler": "aimd",
        "engine": engine.record.name,
        "engine_version": engine.record.version,
        "ranks": launcher.ranks,
        "threads": launcher.threads,
        "seed": seed,
        "timestep_fs": aimd.timestep_fs,
        "thermostat_time_fs": aimd.thermostat_time_fs,
        "kpoints": str(calculation.kpoints),
        "scf_tolerance": calculation.dft.scf_tolerance,
        "equilibration_steps": aimd.equilibration_steps,
        "steps_between_frames": spacing.steps,
        **trajectory.record,
    }
    return replace(trajectory, cell=structure.cell, record=record)


class Spacing:
    """Distance between the frames of a run, chosen once: frames keep their steps if more are added.

    Parameters
    ----------
    aimd
        Settings: the least and the largest distance, and what to do about correlated frames.
    frames
        How many are to be taken.
    folder
        Of the run; keeps what was settled.
    """

    def __init__(self, aimd: config.Aimd, frames: int, folder: Path) -> None:
        self.aimd, self.frames, self.folder = aimd, frames, folder
        least = aimd.steps_between_frames
        self._file = folder / f"steps-between-frames-{aimd.equilibration_steps}-{least}"
        self._settled = self._file.is_file()
        self.steps = int(self._file.read_text(encoding="ascii")) if self._settled else least

    def suffices(self, memory: Memory) -> bool:
        """Say whether frames are independent enough at this distance; else enlarge it.

        Raises
        ------
        EngineError
            If it cannot be enlarged any further.
        """
        times = {"velocities": memory.velocity_fs, "density": memory.density_fs}
        for name, time_fs in times.items():
            logger.info(
                "%s: the correlation time of the %s is %s", self.folder, name, told_memory(time_fs)
            )
        aimd = self.aimd
        if self.frames == 1:
            return True
        if memory.longest_fs <= self.steps * aimd.timestep_fs:
            with replacing(self._file) as partial:
                partial.write_text(f"{self.steps}\n", encoding="ascii")
            return True
        if self._settled or aimd.correlated_frames == "accept":
            logger.warning("%s; they are taken nevertheless", self._correlated(memory))
            return True
        if self.steps >= aimd.largest_spacing:
            raise EngineError(
                f"{self._correlated(memory)}, and aimd.max_steps_between_frames = "
                f"{aimd.largest_spacing} allows no more; raise it and run the rule again, which "
                "goes on from here, or set aimd.correlated_frames: accept"
            )
        wanted = min(self._wanted(memory), aimd.largest_spacing)
        logger.warning("%s; now %d steps apart", self._correlated(memory), wanted)
        self.steps = wanted
        return False

    def _wanted(self, memory: Memory) -> int:
        """Return a multiple of the least distance that the memory asks for, or twice as much."""
        least = self.aimd.steps_between_frames
        if math.isinf(memory.longest_fs):
            return 2 * self.steps
        return least * math.ceil(memory.longest_fs / self.aimd.timestep_fs / least)

    def _correlated(self, memory: Memory) -> str:
        return f"{self.folder}: {memory.against(self.steps * self.aimd.timestep_fs)}"


def _fingerprint(engine: Engine, calculation: Calculation, dynamics: Dynamics) -> str:
    """Return a hash of what determines a run, but for its length."""
    motion = {**vars(dynamics), "velocities": dynamics.velocities.tolist()}
    del motion["n_steps"]
    structure = calculation.structure
    files = calculation.pseudopotentials
    return fingerprint(
        {
            "engine": [engine.record.name, engine.record.version],
            "cell": structure.cell.tolist(),
            "positions": structure.positions.tolist(),
            "numbers": structure.numbers.tolist(),
            "dft": calculation.dft.model_dump(exclude_defaults=True),
            "pseudopotentials": {element: file.sha256 for element, file in files.items()},
            "dynamics": motion,
        }
    )
