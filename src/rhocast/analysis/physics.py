"""Pictures of energies, equations of state and profiles. Matplotlib without a screen."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline

from rhocast.analysis.picture import BLUE as _BLUE
from rhocast.analysis.picture import GREY as _GREY
from rhocast.analysis.picture import MISPLACED, new_figure, save_figure
from rhocast.analysis.picture import RED as _RED
from rhocast.config import Experiment
from rhocast.properties import EnergyComparison, EquationOfState
from rhocast.properties.birch_murnaghan import Fit
from rhocast.properties.energy_samples import EnergySamples
from rhocast.properties.profiles import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

#: What chemistry calls accurate, 1 kcal/mol, and the paper compares with, Ha per atom.
CHEMICAL_ACCURACY_HA = 1.6e-3

#: Points of a profile's curve.
_PROFILE_POINTS = 1001


def draw_energies(comparisons: Sequence[EnergyComparison], picture: str | Path) -> None:
    """Draw the error of the density and of the energy that follows from it, by system.

    Systems stand from top to bottom as they come. Where there are samples, a bar shows the expected
    error: their mean ± standard deviation.

    Parameters
    ----------
    comparisons
        Of snapshots that the model was not trained on.
    picture
        PNG to write.
    """
    systems = list(dict.fromkeys(one.system for one in comparisons))
    figure = new_figure(8.6, 1.5 + len(systems) * _row_height(comparisons))
    density, energy = figure.subplots(1, 2, sharey=True)
    bars: list[Line2D] = []
    for row, system in enumerate(systems):
        own = [one for one in comparisons if one.system == system]
        sampled = any(one.samples for one in own)
        spread = np.linspace(-0.25, 0.25, len(own)) if sampled and len(own) > 1 else 0.0
        height = np.full(len(own), float(row)) + spread
        density.plot([100.0 * one.density_error for one in own], height, "o", color=_BLUE)
        errors = [abs(one.energy_error_ha_per_atom) for one in own]
        energy.plot(errors, height, "o", color=_BLUE)
        for one, place in zip(own, height, strict=True):
            if one.samples:
                bars += energy.plot(
                    _expected(one.samples), [place, place], color=_GREY, linewidth=2.0, zorder=1
                )
    accuracy = {"color": _RED, "linewidth": 1.0, "linestyle": "--"}
    energy.axvline(CHEMICAL_ACCURACY_HA, **accuracy, label="1 kcal/mol per atom")
    largest = 100.0 * max(one.density_error for one in comparisons)
    density.set(xlabel=f"density error {MISPLACED}, %", xlim=(0.0, 1.05 * largest))
    density.set_yticks(range(len(systems)), systems)
    density.set_ylim(len(systems) - 0.5, -0.5)
    energy.set(xlabel="|energy error|, Ha/atom", xscale="log", xlim=_decades(energy))
    if bars:
        energy.plot([], [], color=_GREY, linewidth=2.0, label="expected from samples")
        _open_at_zero(energy, bars)
    figure.legend(loc="outside upper right", frameon=False, fontsize=8, ncols=3)
    save_figure(figure, picture)


def _row_height(comparisons: Sequence[EnergyComparison]) -> float:
    """Return the height of a system's row, inches: bars of its snapshots lie above each other."""
    bars = Counter(one.system for one in comparisons if one.samples)
    return max(0.4, 0.24 * max(bars.values(), default=0))


def _open_at_zero(axes: "Axes", bars: "list[Line2D]") -> None:
    """Let bars that reach down to zero end in an arrow at the left of a logarithmic axis."""
    left, _ = axes.get_xlim()
    reaching = [bar for bar in bars if np.min(bar.get_xdata()) <= 0.0]
    for bar in reaching:
        bar.set_xdata([left, np.max(bar.get_xdata())])
    if reaching:
        heights = [np.asarray(bar.get_ydata())[0] for bar in reaching]
        places = np.full(len(heights), left)
        axes.plot(places, heights, "<", color=_GREY, clip_on=False, label="down to zero")


def _expected(samples: EnergySamples) -> tuple[float, float]:
    """Return least and largest size of the error within a standard deviation of its mean."""
    ends = samples.mean_ha_per_atom + np.array([-1.0, 1.0]) * samples.std_ha_per_atom
    least = 0.0 if ends[0] < 0.0 < ends[1] else np.abs(ends).min()
    return float(least), float(np.abs(ends).max())


def _decades(axes: "Axes") -> tuple[float, float]:
    """Return limits of a logarithmic axis that hold all that is drawn and not zero."""
    drawn = np.concatenate([np.asarray(line.get_xdata(), dtype=float) for line in axes.lines])
    return 0.5 * float(drawn[drawn > 0.0].min()), 2.0 * float(drawn.max())


def draw_equation_of_state(
    found: EquationOfState,
    picture: str | Path,
    lattice_constant_bohr: float | None = None,
    experiment: Experiment | None = None,
) -> None:
    """Draw energies against volume with the fitted curves and their minima.

    Parameters
    ----------
    found
        The energies.
    picture
        PNG to write.
    lattice_constant_bohr
        Of the given cell; the lattice constant is drawn instead of the volume if it is told.
    experiment
        Measured values to show.
    """
    draw_equations_of_state([(found, lattice_constant_bohr)], picture, experiment)


def draw_equations_of_state(
    studies: Sequence[tuple[EquationOfState, float | None]],
    picture: str | Path,
    experiment: Experiment | None = None,
) -> None:
    """Draw several cells side by side, each with its lattice constant or None."""
    figure = new_figure(5.2 * len(studies), 4.2)
    panels = figure.subplots(1, len(studies), squeeze=False)[0]
    for axes, (found, constant) in zip(panels, studies, strict=True):
        _draw_energies_of_volumes(axes, found, constant, experiment)
    save_figure(figure, picture)


def _draw_energies_of_volumes(
    axes: "Axes",
    found: EquationOfState,
    lattice_constant_bohr: float | None,
    experiment: Experiment | None,
) -> None:
    curves = [("predicted density", found.predicted_ha_per_atom, found.predicted, _BLUE, "o")]
    if found.dft is not None and found.dft_ha_per_atom is not None:
        curves.insert(0, ("DFT", found.dft_ha_per_atom, found.dft, _RED, "s"))
    lowest = min(fit.energy_ha_per_atom for _, _, fit, _, _ in curves)
    for label, energies, fit, colour, marker in curves:
        _draw_curve(
            axes, found, energies, fit, lattice_constant_bohr, lowest, (label, colour, marker)
        )
    _draw_expected(axes, found, lattice_constant_bohr, lowest)
    if experiment is not None and lattice_constant_bohr is not None:
        axes.axvline(experiment.lattice_constant_bohr, color=_GREY, linestyle=":", linewidth=1.2)
        told = f"experiment: {experiment.lattice_constant_bohr:.4f} Bohr, "
        told += f"{experiment.bulk_modulus_gpa:.1f} GPa"
        axes.plot([], [], ":", color=_GREY, label=told)
    axes.set(
        xlabel="lattice constant, Bohr" if lattice_constant_bohr else "volume, Bohr³/atom",
        ylabel="energy above the minimum, mHa/atom",
        title=f"{found.system}, Birch-Murnaghan",
    )
    axes.legend(frameon=False, fontsize=8)


def _draw_curve(
    axes: "Axes",
    found: EquationOfState,
    energies: np.ndarray,
    fit: Fit,
    lattice_constant: float | None,
    lowest: float,
    style: tuple[str, str, str],
) -> None:
    """Draw one set of energies with its curve, and tell the fit in the legend."""
    label, colour, marker = style
    volumes = found.volumes_bohr3_per_atom
    fine = np.linspace(volumes.min(), volumes.max(), 201)
    across = _across(found, lattice_constant)
    polynomial = np.polynomial.Polynomial.fit(volumes ** (-2.0 / 3.0), energies, 3)
    curve = polynomial(fine ** (-2.0 / 3.0))  # the Birch-Murnaghan equation is cubic in V^(-2/3)
    minimum = float(across(np.array(fit.volume_bohr3_per_atom)))
    error = fit.volume_error
    if lattice_constant is not None:
        error *= minimum / (3.0 * fit.volume_bohr3_per_atom)
    unit = "Bohr³/atom" if lattice_constant is None else "Bohr"
    told = f"{label}: {minimum:.4f} ± {error:.4f} {unit}, "
    told += f"{fit.bulk_modulus_gpa:.1f} ± {fit.bulk_modulus_error:.1f} GPa"
    axes.plot(across(fine), 1e3 * (curve - lowest), color=colour, linewidth=1.0)
    axes.plot(
        across(volumes), 1e3 * (energies - lowest), marker, color=colour, label=told,
        markersize=5 if marker == "o" else 7, fillstyle="full" if marker == "o" else "none",
    )  # fmt: skip


def _draw_expected(
    axes: "Axes", found: EquationOfState, lattice_constant: float | None, lowest: float
) -> None:
    """Draw the energies of DFT that are expected from samples, and tell the fit that follows."""
    sampled, expected = found.samples_ha_per_atom, found.samples
    if sampled is None or expected is None:
        return
    mean, std = sampled.mean(axis=0) - found.predicted_ha_per_atom, sampled.std(axis=0, ddof=1)
    place, error, unit = (
        (found.predicted.volume_bohr3_per_atom - expected.volume_mean, expected.volume_std,
         "Bohr³/atom")
        if lattice_constant is None
        else (lattice_constant * (found.predicted.length_factor - expected.length_factor_mean),
              lattice_constant * expected.length_factor_std, "Bohr")
    )  # fmt: skip
    modulus = found.predicted.bulk_modulus_gpa - expected.bulk_modulus_mean
    axes.errorbar(
        _across(found, lattice_constant)(found.volumes_bohr3_per_atom),
        1e3 * (found.predicted_ha_per_atom - mean - lowest), 1e3 * std,
        fmt="none", ecolor=_GREY, capsize=3.0,
        label=f"expected, {expected.number} samples: {place:.4f} ± {error:.4f} {unit}, "
        f"{modulus:.1f} ± {expected.bulk_modulus_std:.1f} GPa",
    )  # fmt: skip


def _across(
    found: EquationOfState, lattice_constant: float | None
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what turns volumes into places along the axis: volumes, or lattice constants."""
    start = found.predicted.volume_bohr3_per_atom / found.predicted.length_factor**3
    if lattice_constant is None:
        return lambda volume: volume
    return lambda volume: lattice_constant * np.cbrt(volume / start)


def draw_profile(profile: Profile, macroscopic: Profile | None, picture: str | Path) -> None:
    """Draw density and potential, means over planes and running means, against the height.

    The potential of the vacuum is drawn where there is one.
    """
    figure = new_figure(6.4, 5.2)
    panels = figure.subplots(2, 1, sharex=True)
    units = {"density": "density, e/Bohr³", "potential": "potential, Ha"}
    for axes, (name, label) in zip(panels, units.items(), strict=True):
        axes.plot(*_closed(profile, getattr(profile, name)), color=_BLUE, label="planes")
        if macroscopic is not None:
            means = _closed(profile, getattr(macroscopic, name))
            axes.plot(*means, color=_RED, label="running means")
        axes.set_ylabel(label)
    if (vacuum := profile.vacuum) is not None:
        told = f"vacuum, {vacuum.level_ha:.4f} Ha"
        panels[1].axhline(vacuum.level_ha, color=_GREY, linestyle=":", linewidth=1.2, label=told)
    panels[1].set(xlabel="height, Bohr", xlim=(0.0, profile.length_bohr))
    handles, labels = panels[1].get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(
            handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8
        )
    else:
        panels[0].set_title("means over planes", fontsize=10)
    save_figure(figure, picture)


def _closed(profile: Profile, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return heights from one end of the cell to the other, and values between the planes."""
    planes = np.append(profile.heights_bohr, profile.length_bohr)
    heights = np.linspace(0.0, profile.length_bohr, _PROFILE_POINTS)
    spline = CubicSpline(planes, np.append(values, values[0]), bc_type="periodic")
    return heights, spline(heights)
