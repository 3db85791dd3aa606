from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from rhocast.config import Aimd
from rhocast.dynamics.frames import draw_frame, frame_step, n_steps
from rhocast.errors import EngineError
from rhocast.structures import Structure


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


REST = Structure.from_ase(bulk("SiC", "zincblende", a=4.36, cubic=True).repeat(2))
DRAW = {"debye_temperature_K": 1200.0, "on_lattice": False, "seed": 3}


def steps(temperature_K, frame, rest=REST, **changes):
    return draw_frame(rest, temperature_K, frame, **(DRAW | changes)).positions - rest.positions


def test_drawn_frames_are_independent_and_each_is_always_the_same():
    drawn = np.array([steps(600.0, frame).ravel() for frame in range(40)])
    assert (steps(600.0, 7).ravel() == drawn[7]).all()
    assert not np.allclose(steps(600.0, 7, seed=4).ravel(), drawn[7])
    between = np.corrcoef(drawn)[np.triu_indices(40, 1)]  # of 192 displacements, neighbours' alike
    assert abs(between.mean()) < 0.02
    assert between.std() < 2.0 / np.sqrt(drawn.shape[1])


def test_mean_square_displacements_follow_the_temperature():
    cold, hot = (np.mean([steps(t, n).var() for n in range(40)]) for t in (300.0, 1200.0))
    assert hot == pytest.approx(4.0 * cold, rel=1e-4)  # the same draws, twice as far
    assert draw_frame(REST, 300.0, 5, **DRAW).record["target_K"] == 300.0


def test_unlike_atoms_on_a_lattice_make_room_for_each_other_first():
    sites = Structure.from_ase(bulk("Si", cubic=True))
    alloy = Structure(sites.positions, sites.cell, np.array([14, 14, 32, 14, 32, 32, 14, 32]))
    moved = steps(300.0, 0, alloy, on_lattice=True) - steps(300.0, 0, alloy)
    assert np.abs(moved).max() > 0.0
