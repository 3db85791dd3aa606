"""What a run of molecular dynamics was like: a table and a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rhocast.analysis.picture import new_figure, save_figure
from rhocast.dynamics.correlation import FORGOTTEN, Memory, standard_error, told_memory
from rhocast.dynamics.trajectory import Trajectory, canonical_spread_K
from rhocast.files import replacing
from rhocast.units import GPA_PER_ATOMIC_PRESSURE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Categorical colours that differ without colour vision too.
_BLUE, _RED, _GREY = "#3b6ea5", "#c0392b", "0.5"


def dynamics_table(
    trajectory: Trajectory, equilibration_steps: int, steps_between_frames: int
) -> dict[str, Any]:
    """Return what is to be known of a run, by name with the unit; means are after equilibration.

    Parameters
    ----------
    trajectory
        The run.
    equilibration_steps
        Steps before the first frame.
    steps_between_frames
        Steps from one frame to the next; the trajectory's record goes before.
    """
    record = trajectory.record
    memory = Memory.of(trajectory, equilibration_steps)
    spacing = int(record.get("steps_between_frames", steps_between_frames))
    temperatures = trajectory.temperatures_K[equilibration_steps:]
    n_atoms = len(trajectory.numbers)
    table = {
        "sampler": record.get("sampler", ""),
        "program": record.get("engine", record.get("potential", "")),
        "atoms": n_atoms,
        "timestep_fs": trajectory.timestep_fs,
        "steps": len(trajectory) - 1,
        "equilibration_steps": equilibration_steps,
        "steps_between_frames": spacing,
        "velocity_memory_fs": memory.velocity_fs,
        "density_memory_fs": memory.density_fs,
        "target_K": trajectory.target_K,
        "mean_temperature_K": float(temperatures.mean()),
        "standard_error_K": standard_error(temperatures),
        "std_temperature_K": float(temperatures.std()),
        "canonical_std_temperature_K": canonical_spread_K(trajectory.target_K, n_atoms),
        "conserved_drift_ha_per_atom_ps": conserved_drift(trajectory),
        "conserved_spread_ha_per_atom": float(np.ptp(trajectory.conserved_ha)) / n_atoms,
    }
    return {**table, **_pressure(trajectory, equilibration_steps), **_cost(trajectory)}


def conserved_drift(trajectory: Trajectory) -> float:
    """Slope of the conserved quantity by a linear fit over the whole run, Ha per atom and ps."""
    if len(trajectory) < 2:
        return 0.0
    slope = np.polyfit(trajectory.times_fs / 1000.0, trajectory.conserved_ha, 1)[0]
    return float(slope) / len(trajectory.numbers)


def write_dynamics_table(path: str | Path, table: Mapping[str, Any]) -> None:
    """Write a table of one run: a line of names, a line of values, separated by tabs."""
    values = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in table.values()]
    with replacing(path) as partial:
        partial.write_text("\t".join(table) + "\n" + "\t".join(values) + "\n", encoding="utf-8")


def draw_dynamics(
    trajectory: Trajectory, equilibration_steps: int, table: Mapping[str, Any], picture: str | Path
) -> None:
    """Draw temperature, conserved quantity, pressure and memory of a run.

    Parameters
    ----------
    trajectory
        The run.
    equilibration_steps
        Steps before the first frame: shaded.
    table
        Of `dynamics_table`.
    picture
        PNG to write.
    """
    figure = new_figure(10.0, 6.4)
    (temperature, memory), (conserved, pressure) = figure.subplots(2, 2)
    times = trajectory.times_fs
    _draw_temperature(temperature, trajectory, table)
    _draw_memory(memory, Memory.of(trajectory, equilibration_steps), table)
    change = (trajectory.conserved_ha - trajectory.conserved_ha[0]) / len(trajectory.numbers)
    conserved.plot(times, 1000.0 * change, color=_BLUE)
    drift = 1000.0 * table["conserved_drift_ha_per_atom_ps"]
    conserved.set(
        ylabel="mHa per atom", title=f"conserved quantity: drifts {drift:+.3g} mHa/atom/ps"
    )
    if (pressures := trajectory.pressures_ha_per_bohr3) is None:
        pressure.set_axis_off()
        pressure.text(
            0.5, 0.5, "no pressure recorded", ha="center", color=_GREY, transform=pressure.transAxes
        )
    else:
        pressure.plot(times, pressures * GPA_PER_ATOMIC_PRESSURE, color=_BLUE)
        mean, error = table["mean_pressure_GPa"], table["standard_error_GPa"]
        pressure.set(ylabel="GPa", title=f"pressure: {mean:.2f} ± {error:.2f} GPa")
    for axes in (temperature, conserved, pressure):
        axes.set_xlabel("time, fs")
        if axes.lines:
            axes.axvspan(0.0, times[equilibration_steps], color="0.92", zorder=0)
        axes.margins(x=0.0)
    figure.suptitle(
        f"{trajectory.structure(0).formula} at {trajectory.target_K:.0f} K, {table['sampler']} "
        f"with {table['program']}: {table['steps']} steps in {table['wall_time_s']:.3g} s"
    )
    save_figure(figure, picture)


def _draw_temperature(axes: "Axes", trajectory: Trajectory, table: Mapping[str, Any]) -> None:
    axes.plot(trajectory.times_fs, trajectory.temperatures_K, color=_BLUE)
    axes.axhline(trajectory.target_K, color=_RED, linewidth=0.8)
    mean, error = table["mean_temperature_K"], table["standard_error_K"]
    axes.set(ylabel="K", title=f"temperature: {mean:.0f} ± {error:.0f} K")


def _draw_memory(axes: "Axes", memory: Memory, table: Mapping[str, Any]) -> None:
    curves = (
        ("velocities", memory.velocity, memory.velocity_fs, _BLUE),
        ("superposed atoms", memory.density, memory.density_fs, _RED),
    )
    for name, curve, forgotten_fs, colour in curves:
        axes.plot(memory.lags_fs, curve, color=colour, label=f"{name}: {told_memory(forgotten_fs)}")
    for bound in (-FORGOTTEN, FORGOTTEN):
        axes.axhline(bound, color=_GREY, linewidth=0.8, linestyle=":")
    spacing_fs = table["steps_between_frames"] * table["timestep_fs"]
    axes.axvline(spacing_fs, color=_GREY, linewidth=0.8, label="distance of frames")
    axes.set(
        xlabel="lag, fs",
        ylabel="autocorrelation",
        title="memory of the configurations",
        ylim=(-1.9, 1.05),  # below -1 is room for the legend
        yticks=(-1.0, -0.5, 0.0, 0.5, 1.0),
    )
    axes.legend(loc="lower left", fontsize=9, framealpha=1.0, edgecolor="none")


def _pressure(trajectory: Trajectory, equilibration_steps: int) -> dict[str, float]:
    if (pressures := trajectory.pressures_ha_per_bohr3) is None:
        return {}
    gpa = pressures[equilibration_steps:] * GPA_PER_ATOMIC_PRESSURE
    return {"mean_pressure_GPa": float(gpa.mean()), "standard_error_GPa": standard_error(gpa)}


def _cost(trajectory: Trajectory) -> dict[str, Any]:
    record = trajectory.record
    wall_time_s = float(record.get("wall_time_s", 0.0))
    ranks, threads = int(record.get("ranks", 1)), int(record.get("threads", 1))
    return {
        "attempts": record.get("attempts", 1),
        "ranks": ranks,
        "threads": threads,
        "wall_time_s": wall_time_s,
        "seconds_per_step": wall_time_s / max(1, len(trajectory) - 1),
        "core_hours": wall_time_s * ranks * threads / 3600.0,
        "scf_iterations_per_step": record.get("scf_iterations_per_step", ""),
        "unconverged_steps": record.get("unconverged_steps", 0),
    }
