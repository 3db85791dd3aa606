"""Frames: which configurations of a run become snapshots, and how long the run has to be."""

from collections.abc import Mapping
from typing import Any

from rhocast import config
from rhocast.dynamics.trajectory import Trajectory
from rhocast.errors import EngineError
from rhocast.structures import Structure


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
