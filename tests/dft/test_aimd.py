import logging

import numpy as np
import pytest

from rhocast import config
from rhocast.dft import EngineRecord, Launcher, run_aimd
from rhocast.dft.aimd import n_steps
from rhocast.structures import Structure, displace


class Swing:
    """An engine whose atoms swing; it keeps what it was asked."""

    record = EngineRecord("abinit", "abinit", "9.6.2")

    def __init__(self, trajectory):
        self.trajectory = trajectory

    def single_point(self, calculation, launcher, workdir):
        raise NotImplementedError

    def molecular_dynamics(self, calculation, dynamics, launcher, workdir):
        self.dynamics = dynamics
        return self.trajectory


@pytest.fixture
def run(trajectory, settings, pseudopotentials, tmp_path):
    """Run the dynamics of a structure; return the engine, which remembers it."""

    def run(structure, steps_between_frames=20, frames=3, seed=3):
        engine = Swing(trajectory)
        run_aimd(
            engine,
            structure,
            settings(),
            config.Aimd(equilibration_steps=40, steps_between_frames=steps_between_frames),
            pseudopotentials,
            temperature_K=300.0,
            frames=frames,
            seed=seed,
            launcher=Launcher(),
            workdir=tmp_path / "work",
        )
        return engine

    return run


def test_run_is_as_long_as_its_frames_need():
    aimd = config.Aimd(equilibration_steps=100, steps_between_frames=30)
    assert [n_steps(aimd, frames) for frames in (1, 2, 5)] == [100, 130, 220]


def test_velocities_have_nothing_to_do_with_displacements_of_the_same_seed(run, aluminium):
    large = Structure.from_ase(aluminium.to_ase().repeat((25, 1, 1)))
    start = displace(large, 300.0, 400.0, np.random.default_rng(3))
    displacements = start.positions - large.positions
    velocities = run(start, seed=3).dynamics.velocities
    correlation = np.corrcoef(displacements.ravel(), velocities.ravel())[0, 1]
    assert abs(correlation) < 0.2


def test_memory_is_always_logged(run, aluminium, caplog):
    caplog.set_level(logging.INFO)
    run(aluminium, frames=1)
    assert "remember each other for 10.0 fs" in caplog.text


def test_frames_too_close_in_time_give_one_warning(run, aluminium, caplog):
    run(aluminium, steps_between_frames=9)
    (told,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert "9.0 fs apart, but velocities remember each other for 10.0 fs" in told


def test_frames_far_enough_apart_and_single_ones_give_none(run, aluminium, caplog):
    run(aluminium, steps_between_frames=11)
    run(aluminium, steps_between_frames=1, frames=1)
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
