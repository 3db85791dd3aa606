import warnings

import numpy as np
import pytest
from ase.build import bulk

from rhocast import config
from rhocast.dynamics.classical import make_calculator, run_classical
from rhocast.dynamics.correlation import Memory
from rhocast.dynamics.frames import frame_step
from rhocast.dynamics.trajectory_file import read_trajectory, write_trajectory
from rhocast.errors import EngineError
from rhocast.structures import Structure, read_structure, write_structure
from rhocast.structures.lattices import scale
from rhocast.units import EV_PER_HARTREE, GPA_PER_ATOMIC_PRESSURE


def crystal(element="Al", lattice="fcc", constant=4.05, repeat=2):
    return Structure.from_ase(bulk(element, lattice, a=constant, cubic=True).repeat(repeat))


def settings(potential="emt", **keys):
    return config.Classical(
        **{
            "potential": potential,
            "equilibration_steps": 5,
            "steps_between_frames": 10,
            "thermostat_time_fs": 50.0,
            "correlated_frames": "accept",
            **keys,
        }
    )


@pytest.mark.parametrize(
    ("element", "constant", "energy_eV"), [("Si", 5.432, -4.63), ("Ge", 5.657, -3.85)]
)
def test_tersoff_gives_the_published_crystals(element, constant, energy_eV):
    """Cohesive energy and lattice constant of J. Tersoff, Phys. Rev. B 39, 5566 (1989)."""
    energies = []
    for factor in (0.99, 1.0, 1.01):
        atoms = bulk(element, "diamond", a=factor * constant, cubic=True).repeat(2)
        atoms.calc = make_calculator("tersoff", {})
        energies.append(atoms.get_potential_energy() / len(atoms))
    assert energies[1] == pytest.approx(energy_eV, abs=0.01)
    assert energies[1] == min(energies)


def test_tersoff_hides_no_warning_of_others():
    before = list(warnings.filters)
    atoms = bulk("Si", "diamond", a=5.4, cubic=True)
    atoms.calc = make_calculator("tersoff", {})
    atoms.get_potential_energy()
    assert warnings.filters == before


def test_the_thermostat_keeps_temperature_and_conserved_energy():
    long = settings(equilibration_steps=250)
    trajectory = run_classical(crystal(), long, temperature_K=500.0, frames=1, seed=1)
    # 93 degrees of freedom spread by 15 %; their mean over some memories of 50 fs by half of it.
    assert trajectory.temperatures_K[50:].mean() == pytest.approx(500.0, rel=0.15)
    assert np.ptp(trajectory.conserved_ha) / len(trajectory.numbers) < 2e-5
    momentum = np.sum(trajectory.velocities[-1], axis=0)
    assert np.abs(momentum).max() < 1e-12
    assert trajectory.record["sampler"] == "classical"


def test_a_liquid_is_melted_first_and_a_crystal_is_not():
    melt = settings(liquid_from_K=1500.0, melting_K=9000.0, equilibration_steps=60)
    hot = run_classical(crystal(), melt, temperature_K=1866.0, frames=1, seed=2)
    cold = run_classical(crystal(), melt, temperature_K=500.0, frames=1, seed=2)
    assert distance_from_crystal(hot) > 2.0
    assert distance_from_crystal(cold) < 1.2


def distance_from_crystal(trajectory):
    """Root mean square distance of the last configuration from the lattice, Bohr."""
    steps = trajectory.positions[-1] - crystal().positions
    return np.sqrt(np.mean(np.sum((steps - steps.mean(axis=0)) ** 2, axis=1)))


def test_a_seed_gives_one_trajectory():
    runs = [
        run_classical(crystal(), settings(), temperature_K=300.0, frames=1, seed=seed)
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0].positions, runs[1].positions)
    assert np.abs(runs[0].positions[-1] - runs[2].positions[-1]).max() > 1e-3


def test_frames_lie_where_the_record_says(tmp_path):
    motion = settings(equilibration_steps=20, steps_between_frames=7)
    trajectory = run_classical(crystal(), motion, temperature_K=300.0, frames=3, seed=1)
    assert len(trajectory) == 20 + 2 * 7 + 1
    changed = motion.model_copy(update={"equilibration_steps": 3, "steps_between_frames": 2})
    assert frame_step(trajectory, changed, 2) == 34
    assert {"potential", "seed", "timestep_fs"} <= set(trajectory.frame(34).record)
    write_trajectory(tmp_path / "run.extxyz", trajectory)
    assert read_trajectory(tmp_path / "run.extxyz").record == trajectory.record


def test_frames_that_remember_each_other_are_told_of(caplog):
    run_classical(crystal(), settings(), temperature_K=300.0, frames=2, seed=1)
    assert "they are taken nevertheless" in caplog.text
    caplog.clear()
    run_classical(crystal(), settings(), temperature_K=300.0, frames=1, seed=1)
    assert not caplog.text


class Remembering:
    """Stands for a memory of so many femtoseconds, seen by runs that are long enough."""

    def __init__(self, memory_fs):
        self.memory_fs = memory_fs

    def of(self, trajectory, first_step):
        believed = 8 * self.memory_fs <= trajectory.times_fs[-1] - trajectory.times_fs[first_step]
        longest = self.memory_fs if believed else np.inf
        return Memory(np.zeros(1), np.ones(1), np.ones(1), longest, 0.0)


@pytest.mark.parametrize(("memory_fs", "expected"), [(20.0, 10), (21.0, 20), (79.0, 40)])
def test_frames_are_spread_until_they_have_forgotten(monkeypatch, memory_fs, expected):
    """More frames must move none: those that are there have their densities."""
    monkeypatch.setattr("rhocast.dynamics.classical.Memory", Remembering(memory_fs))
    spread = settings(correlated_frames="spread")
    runs = {
        frames: run_classical(crystal(), spread, temperature_K=300.0, frames=frames, seed=1)
        for frames in (1, 2, 12)
    }
    assert len(runs[1]) == 6
    for frames in (2, 12):
        assert runs[frames].record["steps_between_frames"] == expected
        step = frame_step(runs[frames], spread, frames - 1)
        assert step == 5 + (frames - 1) * expected
    shared = min(len(runs[2]), len(runs[12]))
    np.testing.assert_array_equal(runs[2].positions[:shared], runs[12].positions[:shared])


def test_frames_that_never_forget_fail_the_run(monkeypatch):
    monkeypatch.setattr("rhocast.dynamics.classical.Memory", Remembering(1e6))
    spread = settings(correlated_frames="spread", max_steps_between_frames=15)
    with pytest.raises(EngineError, match=r"classical\.max_steps_between_frames = 15 allows no"):
        run_classical(crystal(), spread, temperature_K=300.0, frames=2, seed=1)


def test_pressure_is_what_the_energy_loses_with_the_volume():
    squeezed = scale(crystal(), 0.97)
    trajectory = run_classical(squeezed, settings(), temperature_K=300.0, frames=1, seed=1)
    energies, volumes = [], []
    for factor in (0.999, 1.001):
        atoms = scale(squeezed, factor).to_ase()
        atoms.calc = make_calculator("emt", {})
        energies.append(atoms.get_potential_energy() / EV_PER_HARTREE)
        volumes.append(squeezed.volume * factor**3)
    expected = -np.diff(energies)[0] / np.diff(volumes)[0]
    assert expected * GPA_PER_ATOMIC_PRESSURE > 1.0
    assert trajectory.static_pressures_ha_per_bohr3[0] == pytest.approx(expected, rel=1e-2)


def test_a_potential_without_stress_gives_no_pressure(monkeypatch):
    known = ["energy", "free_energy", "forces"]
    monkeypatch.setattr("ase.calculators.emt.EMT.implemented_properties", known)
    trajectory = run_classical(crystal(), settings(), temperature_K=100.0, frames=1, seed=1)
    assert trajectory.static_pressures_ha_per_bohr3 is None


def test_a_run_that_blows_up_names_the_keys_of_its_own_section(monkeypatch):
    monkeypatch.setattr("rhocast.dynamics.trajectory.MAX_ENERGY_JUMP_HA", 1e-12)
    with pytest.raises(EngineError, match=r"jumps by .*classical\.timestep_fs"):
        run_classical(crystal(), settings(), temperature_K=300.0, frames=1, seed=1)


def test_any_calculator_of_ase_is_taken_by_its_path(tmp_path):
    given = settings(
        "ase.calculators.lj.LennardJones",
        arguments={"sigma": 2.56, "epsilon": 0.4, "rc": 6.0, "smooth": True},
    )
    trajectory = run_classical(crystal(), given, temperature_K=100.0, frames=1, seed=1)
    assert len(trajectory) == 6
    write_structure(tmp_path / "frame.extxyz", trajectory.frame(5))
    record = read_structure(tmp_path / "frame.extxyz").record
    assert record["potential_arguments"] == "sigma=2.56, epsilon=0.4, rc=6.0, smooth=True"


@pytest.mark.parametrize("potential", ["emd", "ase.nothing.Nothing", "ase.calculators.emt.Nothing"])
def test_an_unknown_potential_is_refused(potential):
    with pytest.raises(EngineError, match=r"classical\.potential: expected emt, tersoff"):
        make_calculator(potential, {})


def test_what_is_no_calculator_is_refused():
    with pytest.raises(EngineError, match="it is no class of ASE calculators and was not called"):
        make_calculator("ase.build.bulk", {"name": "Al"})


@pytest.mark.parametrize(
    ("potential", "message"),
    [("emt", "'emt' fails on Na16 "), ("tersoff", "Si and Ge, found Na16")],
)
def test_elements_that_a_potential_does_not_know(potential, message):
    unknown = crystal("Na", "bcc", 4.3)
    with pytest.raises(EngineError, match=message):
        run_classical(unknown, settings(potential), temperature_K=300.0, frames=1, seed=1)


OWN = "from pathlib import Path\ndef make():\n    Path(__file__).with_name('called').touch()\n"


@pytest.mark.parametrize("potential", ["own_potential.make", "pathlib.Path", "os", "emt2", ".x"])
def test_nothing_but_a_class_of_calculators_is_called(potential, tmp_path, monkeypatch):
    (tmp_path / "own_potential.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(EngineError, match=r"classical\.potential: expected emt, tersoff or"):
        make_calculator(potential, {})
    assert not (tmp_path / "called").exists()
