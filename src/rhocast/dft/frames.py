"""Frames: which configurations of a run become snapshots, and how long the run has to be."""

from rhocast import config
from rhocast.dft.trajectory import Trajectory
from rhocast.errors import EngineError


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
