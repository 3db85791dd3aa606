from dataclasses import replace

import numpy as np
import pytest

from rhocast.analysis.dynamics_report import (
    conserved_drift,
    draw_dynamics,
    dynamics_table,
    write_dynamics_table,
)
from rhocast.dynamics.trajectory import Trajectory, masses
from rhocast.units import GPA_PER_ATOMIC_PRESSURE, HARTREE_PER_KELVIN


@pytest.fixture
def run() -> Trajectory:
    """Ten atoms with velocities of 500 K that are drawn anew at each step; 10 GPa at rest."""
    rng = np.random.default_rng(0)
    n, atoms = 400, 10
    numbers = np.full(atoms, 13)
    spread = np.sqrt(500.0 * HARTREE_PER_KELVIN / masses(numbers))[:, None]
    velocities = spread * rng.normal(size=(n, atoms, 3))
    velocities -= velocities.mean(axis=1, keepdims=True)
    times = 2.0 * np.arange(n)
    return Trajectory(
        cell=20.0 * np.eye(3),
        numbers=numbers,
        times_fs=times,
        positions=rng.normal(size=(n, atoms, 3)),
        velocities=velocities,
        potential_energies_ha=np.zeros(n),
        conserved_ha=1e-5 * times,
        target_K=500.0,
        static_pressures_ha_per_bohr3=np.full(n, 10.0 / GPA_PER_ATOMIC_PRESSURE),
        record={
            "sampler": "aimd",
            "engine": "sparc",
            "wall_time_s": 399.0,
            "ranks": 4,
            "threads": 2,
        },
    )


def test_temperature_is_the_targets_within_its_standard_error(run):
    table = dynamics_table(run, 50, 20)
    error = table["standard_error_K"]
    assert 1.0 < error < 20.0
    assert abs(table["mean_temperature_K"] - 500.0) < 3.0 * error
    assert table["std_temperature_K"] == pytest.approx(
        table["canonical_std_temperature_K"], rel=0.15
    )
    assert table["velocity_memory_fs"] == 2.0  # the next step knows nothing any more


def test_drift_is_the_slope(run):
    assert conserved_drift(run) == pytest.approx(1e-3)


def test_pressure_has_the_share_of_the_motion(run):
    table = dynamics_table(run, 0, 20)
    ideal = 9 * HARTREE_PER_KELVIN * table["mean_temperature_K"] / 20.0**3
    assert table["mean_pressure_GPa"] == pytest.approx(10.0 + ideal * GPA_PER_ATOMIC_PRESSURE)
    assert "mean_pressure_GPa" not in dynamics_table(
        replace(run, static_pressures_ha_per_bohr3=None), 0, 20
    )


def test_cost(run):
    table = dynamics_table(run, 0, 20)
    assert table["seconds_per_step"] == pytest.approx(1.0)
    assert table["core_hours"] == pytest.approx(399.0 * 4 * 2 / 3600.0)


def test_the_distance_that_the_record_holds_counts(run):
    spread = replace(run, record={"steps_between_frames": 60})
    assert dynamics_table(spread, 0, 20)["steps_between_frames"] == 60
    assert dynamics_table(run, 0, 20)["steps_between_frames"] == 20


@pytest.mark.parametrize("pressures", [True, False])
def test_table_and_picture(run, tmp_path, pressures):
    if not pressures:
        run = replace(run, static_pressures_ha_per_bohr3=None)
    table = dynamics_table(run, 50, 20)
    write_dynamics_table(tmp_path / "run.tsv", table)
    names, values = (line.split("\t") for line in (tmp_path / "run.tsv").read_text().splitlines())
    assert dict(zip(names, values, strict=True))["target_K"] == "500"
    draw_dynamics(run, 50, table, tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000


def test_a_memory_that_the_run_does_not_resolve_is_told(run, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "rhocast.analysis.dynamics_report.save_figure", lambda figure, _: drawn.append(figure)
    )
    still = replace(run, velocities=np.ones_like(run.velocities))
    draw_dynamics(still, 50, dynamics_table(still, 50, 20), tmp_path / "run.png")
    labels = drawn[0].axes[1].get_legend_handles_labels()[1]
    assert labels[0] == "velocities: not resolved by this run"
    assert labels[1] == "superposed atoms: 2 fs"
