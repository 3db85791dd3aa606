import logging
import math
from dataclasses import replace

import numpy as np
import pytest

from rhocast import config
from rhocast.dynamics.trajectory import Trajectory
from rhocast.engines import EngineRecord, Launcher, run_aimd
from rhocast.engines.engine import Dynamics
from rhocast.errors import EngineError
from rhocast.structures import Structure, displace


class Shaken:
    """An engine whose atoms tremble and forget it at once but for some steps."""

    record = EngineRecord("abinit", "abinit", "9.6.2")

    def __init__(self, memory_steps):
        self.decay = math.exp(-1.0 / memory_steps)
        self.asked: list[Dynamics] = []

    def single_point(self, calculation, launcher, workdir, start=None, waves=None):
        raise NotImplementedError

    def molecular_dynamics(self, calculation, dynamics, launcher, workdir):
        self.asked.append(dynamics)
        n, atoms = dynamics.n_steps + 1, calculation.structure
        rng = np.random.default_rng(0)
        noise = rng.normal(size=(n, 2, len(atoms), 3))
        for i in range(1, n):
            noise[i] = self.decay * noise[i - 1] + math.sqrt(1 - self.decay**2) * noise[i]
        return Trajectory(
            cell=atoms.cell,
            numbers=atoms.numbers,
            times_fs=np.arange(n) * dynamics.timestep_fs,
            positions=atoms.positions + 0.05 * noise[:, 0],
            velocities=1e-4 * noise[:, 1],
            potential_energies_ha=np.zeros(n),
            conserved_ha=np.zeros(n),
            target_K=dynamics.temperature_K,
        )


@pytest.fixture
def run(settings, pseudopotentials, tmp_path):
    """Run the dynamics of a structure; return the trajectory and the engine, which remembers."""

    def run(structure, memory_steps=2, frames=41, seed=3, **changes):
        engine = Shaken(memory_steps)
        keys = {"equilibration_steps": 10, "steps_between_frames": 8} | changes
        trajectory = run_aimd(
            engine,
            structure,
            settings(),
            config.Aimd(**keys),
            pseudopotentials,
            temperature_K=300.0,
            frames=frames,
            seed=seed,
            launcher=Launcher(),
            workdir=tmp_path / "work",
        )
        return trajectory, engine

    return run


def warnings_of(caplog):
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]


def test_velocities_have_nothing_to_do_with_displacements_of_the_same_seed(run, aluminium):
    large = Structure.from_ase(aluminium.to_ase().repeat((25, 1, 1)))
    start = displace(large, 300.0, 400.0, np.random.default_rng(3))
    displacements = start.positions - large.positions
    velocities = run(start, frames=1, seed=3)[1].asked[0].velocities
    correlation = np.corrcoef(displacements.ravel(), velocities.ravel())[0, 1]
    assert abs(correlation) < 0.2


def test_memory_is_always_logged(run, aluminium, caplog):
    caplog.set_level(logging.INFO)
    run(aluminium, frames=1)
    assert "the correlation time of the velocities is" in caplog.text
    assert "the correlation time of the density is" in caplog.text


def test_independent_frames_need_no_longer_run(run, aluminium, caplog):
    trajectory, engine = run(aluminium)
    assert [dynamics.n_steps for dynamics in engine.asked] == [330]
    assert trajectory.record["steps_between_frames"] == 8
    assert trajectory.record["sampler"] == "aimd"
    assert not warnings_of(caplog)


def test_the_record_tells_what_the_run_was_told(run, aluminium):
    record = run(aluminium, frames=1, timestep_fs=0.5)[0].record
    told = ("timestep_fs", "thermostat_time_fs", "equilibration_steps", "ranks", "threads")
    assert [record[key] for key in told] == [0.5, 50.0, 10, 1, 1]


def test_correlated_frames_are_spread(run, aluminium, caplog):
    """They are correlated for about 10 steps: two times 8 will do."""
    trajectory, engine = run(aluminium, memory_steps=10)
    assert [dynamics.n_steps for dynamics in engine.asked] == [330, 650]
    assert trajectory.record["steps_between_frames"] == 16
    (told,) = warnings_of(caplog)
    assert "frames 8 fs apart" in told
    assert "now 16 steps apart" in told


def test_more_frames_move_none(run, aluminium):
    """Even if the longer run would have asked for another distance."""
    first, _ = run(aluminium, memory_steps=10)
    longer, engine = run(aluminium, memory_steps=20, frames=45)
    assert [dynamics.n_steps for dynamics in engine.asked] == [10 + 44 * 16]
    assert longer.record["steps_between_frames"] == first.record["steps_between_frames"] == 16


def test_frames_that_cannot_be_spread_enough_fail_the_run(run, aluminium):
    with pytest.raises(EngineError, match=r"max_steps_between_frames = 16 allows no more"):
        run(aluminium, memory_steps=100, max_steps_between_frames=16)


def test_correlated_frames_may_be_accepted(run, aluminium, caplog):
    trajectory, engine = run(aluminium, memory_steps=10, correlated_frames="accept")
    assert len(engine.asked) == 1
    assert trajectory.record["steps_between_frames"] == 8
    (told,) = warnings_of(caplog)
    assert "taken nevertheless" in told


def test_a_single_frame_has_nothing_to_be_independent_of(run, aluminium, caplog):
    _, engine = run(aluminium, memory_steps=100, frames=1)
    assert [dynamics.n_steps for dynamics in engine.asked] == [10]
    assert not warnings_of(caplog)


def test_what_another_run_left_is_not_continued(run, aluminium, tmp_path):
    left = tmp_path / "work" / "attempt-000"
    run(aluminium, frames=1)
    left.mkdir()
    run(aluminium, frames=2, correlated_frames="accept")
    assert left.is_dir()  # a longer run is the same run
    run(aluminium, frames=2, correlated_frames="accept", timestep_fs=0.5)
    assert not left.exists()
    left.mkdir()
    moved = replace(aluminium, positions=aluminium.positions + 1e-9)
    run(moved, frames=2, correlated_frames="accept", timestep_fs=0.5)
    assert not left.exists()
