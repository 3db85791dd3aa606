"""Picture of bands along a path, beside the density of states."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhocast.analysis.picture import new_figure, save_figure
from rhocast.properties import ElectronicStructure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Steps of the density of states, and the room below the lowest band, eV.
_STEP_EV, _MARGIN_EV = 0.02, 1.0

_BLUE, _LIGHT_RED, _GREY = "#2b5a91", "#eda49b", "0.35"


def draw_bands(
    found: ElectronicStructure,
    picture: str | Path,
    reference: ElectronicStructure | None = None,
    *,
    labels: tuple[str, str] = ("predicted density", "self-consistent density"),
    window_ev: float = 5.0,
    width_ev: float = 0.1,
) -> None:
    """Draw bands and density of states, energies relative to the Fermi level of each density.

    Parameters
    ----------
    found
        At the density in question.
    picture
        File to write: png, pdf or svg.
    reference
        At another density of the structure; drawn below, as a wide line.
    labels
        What the two densities are.
    window_ev
        How far the picture reaches above the Fermi level, eV.
    width_ev
        Standard deviation of the Gaussian that broadens the density of states, eV.
    """
    figure = new_figure(8.6, 4.8)
    bands, states = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    lowest = float(found.energies_ev.min()) - _MARGIN_EV
    grid = np.arange(lowest, window_ev, _STEP_EV)
    drawn = [(found, labels[0], dict(color=_BLUE, linewidth=1.0))]
    if reference is not None:
        drawn.insert(0, (reference, labels[1], dict(color=_LIGHT_RED, linewidth=3.0)))
    for one, label, style in drawn:
        jumps = np.flatnonzero(np.diff(one.path.distances_per_bohr) == 0.0) + 1
        along = np.insert(one.path.distances_per_bohr, jumps, np.nan)
        first, *_ = bands.plot(along, np.insert(one.energies_ev, jumps, np.nan, axis=0), **style)
        first.set_label(label)
        states.plot(one.density_of_states(grid, width_ev), grid, **style)
    _mark_corners(bands, found)
    for axes in (bands, states):
        axes.axhline(0.0, color=_GREY, linewidth=0.8, linestyle="--")
    bands.set(ylabel="energy above the Fermi level, eV", ylim=(lowest, window_ev))
    states.set(xlabel="states per eV and cell", xlim=(0.0, None))
    figure.suptitle(_title(found, reference), fontsize=10)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    save_figure(figure, picture)


def _mark_corners(axes: "Axes", found: ElectronicStructure) -> None:
    """Draw a line at each point of high symmetry, with its name below."""
    places = [place for place, _ in found.path.corners]
    names = [name.replace("G", "Γ").replace(",", "|") for _, name in found.path.corners]
    for place in places:
        axes.axvline(place, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xticks(places, names)
    axes.set(xlabel="path through the Brillouin zone", xlim=(places[0], places[-1]))


def _title(found: ElectronicStructure, reference: ElectronicStructure | None) -> str:
    if found.gap_ev is None:
        return f"{found.system}: no gap"
    gaps = f"gap {found.gap_ev:.3f} eV"
    if reference is not None and reference.gap_ev is not None:
        gaps += f" (self-consistent {reference.gap_ev:.3f} eV)"
    return f"{found.system}: {gaps}"
