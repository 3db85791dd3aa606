"""Atoms in motion: trajectories and their files, how long they remember, frames of crystals."""

from rhocast.dynamics.classical import run_classical
from rhocast.dynamics.frames import draw_frame, frame_step, motion_of, n_steps, take_frames
from rhocast.dynamics.trajectory import Trajectory
from rhocast.dynamics.trajectory_file import read_trajectory, write_trajectory

__all__ = [
    "Trajectory",
    "draw_frame",
    "frame_step",
    "motion_of",
    "n_steps",
    "read_trajectory",
    "run_classical",
    "take_frames",
    "write_trajectory",
]
