from dataclasses import replace

import pytest

from rhocast.config import Aimd
from rhocast.dynamics.frames import frame_step, n_steps
from rhocast.errors import EngineError


def motion(equilibration_steps, steps_between_frames):
    return Aimd(equilibration_steps=equilibration_steps, steps_between_frames=steps_between_frames)


def test_a_run_is_as_long_as_its_frames_need():
    assert [n_steps(motion(100, 30), frames) for frames in (1, 2, 5)] == [100, 130, 220]
    assert n_steps(motion(100, 30), 5, steps_between=60) == 340


def test_the_last_frame_is_the_last_step(trajectory):
    assert len(trajectory) == 81
    assert [frame_step(trajectory, motion(20, 15), frame) for frame in (0, 4)] == [20, 80]


def test_too_short_a_run(trajectory):
    with pytest.raises(EngineError, match="need 81 steps, found 80"):
        frame_step(trajectory, motion(21, 15), 4)


def test_what_the_record_holds_counts(trajectory):
    made = replace(trajectory, record={"equilibration_steps": 10, "steps_between_frames": 30})
    assert frame_step(made, motion(20, 15), 1) == 40
