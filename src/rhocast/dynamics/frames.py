"""Frames: which configurations of a run become snapshots; frames drawn without a run."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rhocast import config
from rhocast.dynamics.trajectory import Trajectory
from rhocast.errors import EngineError
from rhocast.structures import Structure, displace
from rhocast.structures.thermal import settle


def motion_of(settings: Mapping[str, Any]) -> config.Motion:
    """Return what a rule's param says of a run, under ``aimd`` or ``classical``.

    Of a classical run that says nothing of correlated frames they are accepted.
    """
    if "aimd" in settings:
        return config.Aimd.model_validate(settings["aimd"])
    return config.Classical.model_validate({"correlated_frames": "accept"} | settings["classical"])


def n_steps(motion: config.Motion, frames: int, steps_between: int | None = None) -> int:
    """Return the time steps that a number of frames takes, equilibration included.

    ``steps_between`` them if that is given, else as many as the configuration says.
    """
    steps_between = steps_between or motion.steps_between_frames
    return motion.equilibration_steps + (frames - 1) * steps_between


def frame_step(trajectory: Trajectory, motion: config.Motion, frame: int) -> int:
    """Return the step of a frame.

    Parameters
    ----------
    trajectory
        The run; what its record holds of ``equilibration_steps`` and ``steps_between_frames`` goes
        before.
    motion
        Settings.
    frame
        Number of the frame, from 0 on.

    Raises
    ------
    EngineError
        If the run is too short.
    """
    record = trajectory.record
    first = int(record.get("equilibration_steps", motion.equilibration_steps))
    between = int(record.get("steps_between_frames", motion.steps_between_frames))
    step = first + frame * between
    if step >= len(trajectory):
        raise EngineError(
            f"trajectory: {frame + 1} frames {between} steps apart after {first} steps of "
            f"equilibration need {step} steps, found {len(trajectory) - 1}; run the rule that "
            "makes the trajectory again"
        )
    return step


def take_frames(trajectory: Trajectory, motion: config.Motion, count: int) -> list[Structure]:
    """Return the first frames of a run; see `frame_step`."""
    steps = [frame_step(trajectory, motion, frame) for frame in range(count)]
    return [trajectory.frame(step) for step in steps]


def draw_frame(
    rest: Structure,
    temperature_K: float,
    frame: int,
    *,
    debye_temperature_K: float,
    on_lattice: bool,
    seed: int,
) -> Structure:
    """Displace the atoms of a crystal by phonons of springs; see `rhocast.structures.thermal`.

    Frames are independent of each other and of their number.

    Parameters
    ----------
    rest
        Atoms where they are at rest.
    temperature_K
        Of the classical harmonic ensemble.
    frame
        Number of the frame, from 0 on.
    debye_temperature_K
        Sets the stiffness of the springs.
    on_lattice
        Whether the sites are those of an ideal lattice, on which unlike atoms first make room.
    seed
        Of all frames of this system and temperature.

    Raises
    ------
    StructureError
        If atoms come too close to each other.
    """
    rng = np.random.default_rng(config.seed_for(seed, frame))
    atoms = settle(rest) if on_lattice else rest
    drawn = displace(atoms, temperature_K, debye_temperature_K, rng)
    drawn.check_distances(f"frame {frame} at {temperature_K:g} K")
    record = {"sampler": "springs", "seed": seed, "frame": frame, "target_K": temperature_K}
    return replace(drawn, record=record | {"debye_temperature_K": debye_temperature_K})
