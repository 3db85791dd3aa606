"""SPARC's dynamics: the stored output of a real run, then the program itself where it is.

The run was killed after its first step and went on in a second attempt.
"""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rhocast import config
from rhocast.dynamics.trajectory import check_trajectory, thermal_velocities, thermostat_mass
from rhocast.engines import Launcher, make_engine, resolve_engine, run_aimd
from rhocast.engines.engine import CalculationError, EngineRecord
from rhocast.engines.sparc.dynamics import dynamics_keys, read_dynamics
from rhocast.engines.sparc.input import electronic_keys, places, write_input
from rhocast.engines.sparc.motion import read_attempts, read_steps, starting_point
from rhocast.errors import EngineError
from rhocast.structures import Structure

STORED = Path(__file__).parent / "data" / "sparc-dynamics"
RECORD = EngineRecord("sparc", "sparc", "2025.12.03")
TWO_RANKS = Launcher(("mpirun", "-n", "2"))


@pytest.fixture
def folder(tmp_path):
    """A copy of the stored run, to be damaged."""
    return Path(shutil.copytree(STORED, tmp_path / "run"))


def test_start_follows_the_sorted_order(alloy, dynamics, tmp_path):
    keys = dynamics_keys(alloy, dynamics, 4) | electronic_keys(alloy)
    resort = write_input(alloy, keys, tmp_path)
    lines = starting_point(alloy, dynamics, np.argsort(resort)).splitlines()
    start = lines.index(":V(Bohr/atu):") + 1
    velocities = np.array([line.split() for line in lines[start : start + 4]], dtype=float)
    np.testing.assert_allclose(velocities[resort], dynamics.velocities)
    assert len(lines) == len((STORED / "attempt-001/run.restart-0").read_text().splitlines())


def test_order_of_many_atoms_is_read_whole(alloy, dynamics, tmp_path):
    """The file breaks the line that tells it."""
    small = alloy.structure
    shifts = np.arange(12)[:, None, None] * [0.0, 0.0, 8.0]
    large = Structure(
        np.concatenate(small.positions + shifts),
        np.diag([8.0, 8.0, 96.0]),
        list(small.numbers) * 12,
    )
    write_input(replace(alloy, structure=large), electronic_keys(alloy), tmp_path)
    by_element = np.argsort(large.to_ase().get_chemical_symbols(), kind="stable")
    np.testing.assert_array_equal(places(tmp_path, 48)[by_element], np.arange(48))


def test_thermostat_mass_is_not_sparcs_default(alloy, dynamics):
    found = dynamics_keys(alloy, dynamics, 3)
    assert found["QMASS"] == thermostat_mass(4, 600.0, 40.0)
    assert found["MD_METHOD"] == "NVT_NH"
    assert found["MD_NSTEP"] == 3


def test_stored_dynamics(alloy, dynamics):
    trajectory = read_dynamics(alloy, dynamics, STORED, RECORD)
    check_trajectory(trajectory, "stored", "")
    assert len(trajectory) == 5
    np.testing.assert_array_equal(trajectory.positions[0], alloy.structure.positions)
    # Positions, returned into the cell by SPARC, and velocities are of the same atoms.
    step = 1.0 / 0.02418884326585747
    central = (trajectory.positions[2:] - trajectory.positions[:-2]) / (2.0 * step)
    # The SCF cycle began anew after the first step: forces jump by what its tolerance allows.
    np.testing.assert_allclose(central, trajectory.velocities[1:-1], atol=1e-8)
    np.testing.assert_allclose(trajectory.temperatures_K[:2], [600.0, 608.27], atol=0.01)
    assert trajectory.record["attempts"] == 2


def test_pressure_at_rest_is_told_for_the_start_too(alloy, dynamics):
    found = read_dynamics(alloy, dynamics, STORED, RECORD).static_pressures_ha_per_bohr3
    assert np.isfinite(found).all()
    assert np.abs(np.diff(found)).max() < 2e-6


def test_a_shorter_run_is_the_beginning_of_a_longer_one(alloy, dynamics):
    short = read_dynamics(alloy, replace(dynamics, n_steps=2), STORED, RECORD)
    whole = read_dynamics(alloy, dynamics, STORED, RECORD)
    np.testing.assert_array_equal(short.positions, whole.positions[:3])


def test_another_version_is_not_taken(alloy, dynamics):
    with pytest.raises(EngineError, match=r"begun with 2024\.01\.01"):
        read_dynamics(alloy, dynamics, STORED, replace(RECORD, version="2024.01.01"))


def test_steps_follow_each_other_through_the_kill():
    steps, restart = read_attempts(STORED, 4)
    assert [step.number for step in steps] == [1, 2, 3, 4]
    assert restart.startswith(":MDSTEP: 4\n")


def test_a_kill_in_the_middle_of_a_step_costs_that_step_alone(folder):
    """As SPARC leaves it: the step before is the last whole one, in the older restart file."""
    shutil.rmtree(folder / "attempt-000")
    attempt = folder / "attempt-001"
    (attempt / "run.restart").unlink()
    motion = attempt / "run.aimd"
    shutil.copytree(STORED / "attempt-000", folder / "attempt-000")
    text = motion.read_text()
    motion.write_text(text[: text.rindex(":PRESIG:") + 9])
    assert [step.number for step in read_steps(motion, 4)] == [2, 3]
    steps, restart = read_attempts(folder, 4)
    assert [step.number for step in steps] == [1, 2, 3]
    assert restart == (attempt / "run.restart-1").read_text()


def test_half_a_restart_file_is_not_taken(folder):
    attempt = folder / "attempt-001"
    (attempt / "run.restart").unlink()
    newest = attempt / "run.restart-0"
    newest.write_text(newest.read_text()[:-20])
    steps, restart = read_attempts(folder, 4)
    assert len(steps) == 3
    assert restart.startswith(":MDSTEP: 3\n")


def test_the_file_that_a_run_began_from_is_not_taken_for_the_newest(folder):
    """SPARC itself would: it looks for that name first."""
    stale = (folder / "attempt-000/run.restart-0").read_text()
    (folder / "attempt-001/run.restart").write_text(stale)
    steps, restart = read_attempts(folder, 4)
    assert len(steps) == 4
    assert restart.startswith(":MDSTEP: 4\n")


def test_an_attempt_that_made_no_step_changes_nothing(folder):
    before = read_attempts(folder, 4)
    (folder / "attempt-002").mkdir()
    shutil.copy(folder / "attempt-001/run.restart", folder / "attempt-002")
    found = read_attempts(folder, 4)
    assert (len(found[0]), found[1]) == (len(before[0]), before[1])


def test_too_few_steps_are_a_failed_calculation(alloy, dynamics):
    with pytest.raises(CalculationError, match=r"expected 9 steps in run\.aimd, found 4"):
        read_dynamics(alloy, replace(dynamics, n_steps=9), STORED, RECORD)


# The program.


@pytest.mark.sparc
def test_dynamics_from_given_velocities(aluminium, settings, pseudopotentials, tmp_path):
    aimd = config.Aimd(
        equilibration_steps=4,
        steps_between_frames=1,
        correlated_frames="accept",
        scf_tolerance=1e-3,
    )
    trajectory = run_aimd(
        make_engine(resolve_engine("sparc")),
        aluminium,
        settings(),
        aimd,
        pseudopotentials,
        temperature_K=600.0,
        frames=2,
        seed=7,
        launcher=TWO_RANKS,
        workdir=tmp_path / "work",
    )
    assert len(trajectory) == 6
    expected = thermal_velocities(aluminium, 600.0, config.seed_for(7, "velocities"))
    np.testing.assert_allclose(trajectory.velocities[1], expected, atol=0.2 * expected.std())
