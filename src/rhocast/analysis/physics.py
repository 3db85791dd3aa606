"""Pictures of energies, equations of state and profiles. Matplotlib without a screen."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhocast.analysis.picture import BLUE as _BLUE
from rhocast.analysis.picture import GREY as _GREY
from rhocast.analysis.picture import RED as _RED
from rhocast.analysis.picture import new_figure, save_figure
from rhocast.config import Experiment
from rhocast.properties import EnergyComparison, EquationOfState
from rhocast.properties.birch_murnaghan import Fit
from rhocast.properties.profiles import Profile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What chemistry calls accurate, 1 kcal/mol, and the paper compares with, Ha per atom.
CHEMICAL_ACCURACY_HA = 1.6e-3


def draw_energies(comparisons: Sequence[EnergyComparison], picture: str | Path) -> None:
    """Draw the error of the density and of the energy that follows from it, by system.

    Parameters
    ----------
    comparisons
        Of snapshots that the model was not trained on.
    picture
        PNG to write.
    """
    systems = list(dict.fromkeys(one.system for one in comparisons))
    figure = new_figure(8.6, 3.8)
    density, energy = figure.subplots(1, 2, sharey=True)
    for row, system in enumerate(systems):
        own = [one for one in comparisons if one.system == system]
        height = np.full(len(own), float(row))
        density.plot([100.0 * one.density_error for one in own], height, "o", color=_BLUE)
        errors = [abs(one.energy_error_ha_per_atom) for one in own]
        energy.plot(errors, height, "o", color=_BLUE)
    energy.axvline(CHEMICAL_ACCURACY_HA, color=_RED, linewidth=1.0, linestyle="--")
    energy.text(
        CHEMICAL_ACCURACY_HA, len(systems) - 0.55, "1 kcal/mol ", color=_RED, fontsize=9, ha="right"
    )
    density.set(xlabel="∫|Δρ|/N_e, %", xlim=(0.0, None), ylim=(-0.6, len(systems) - 0.4))
    density.set_yticks(range(len(systems)), systems)
    energy.set(xlabel="energy error, Ha/atom", xscale="log")
    save_figure(figure, picture)


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
    polynomial = np.polynomial.Polynomial.fit(volumes ** (-2.0 / 3.0), energies, 3)
    curve = polynomial(fine ** (-2.0 / 3.0))  # the Birch-Murnaghan equation is cubic in V^(-2/3)
    start = fit.volume_bohr3_per_atom / fit.length_factor**3

    def across(volume: np.ndarray) -> np.ndarray:
        return volume if lattice_constant is None else lattice_constant * np.cbrt(volume / start)

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


def draw_profile(profile: Profile, macroscopic: Profile | None, picture: str | Path) -> None:
    """Draw density and potential, means over planes and running means, against the height.

    The potential of the vacuum is drawn where there is one.
    """
    figure = new_figure(6.4, 5.2)
    panels = figure.subplots(2, 1, sharex=True)
    units = {"density": "density, e/Bohr³", "potential": "potential, Ha"}
    for axes, (name, label) in zip(panels, units.items(), strict=True):
        axes.plot(profile.heights_bohr, getattr(profile, name), color=_BLUE, label="planes")
        if macroscopic is not None:
            means = getattr(macroscopic, name)
            axes.plot(profile.heights_bohr, means, color=_RED, label="running means")
        axes.set_ylabel(label)
    if (vacuum := profile.vacuum) is not None:
        told = f"vacuum, {vacuum.level_ha:.4f} Ha"
        panels[1].axhline(vacuum.level_ha, color=_GREY, linestyle=":", linewidth=1.2, label=told)
    panels[1].set(xlabel="height, Bohr", xlim=(0.0, profile.length_bohr))
    handles, labels = panels[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8)
    save_figure(figure, picture)
