"""Picture of bands along a path, beside the density of states."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhocast.analysis.picture import new_figure, save_figure
from rhocast.properties import BandsFile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Room below the lowest band, eV.
_MARGIN_EV = 1.0

_BLUE, _LIGHT_RED, _GREY = "#2b5a91", "#eda49b", "0.35"


def draw_bands(found: BandsFile, picture: str | Path) -> None:
    """Draw bands and density of states, energies relative to the Fermi level of each density.

    Parameters
    ----------
    found
        At the density in question, and at another one, which is drawn below it as a wide line.
    picture
        File to write: png, pdf or svg.
    """
    figure = new_figure(8.6, 4.8)
    bands, states = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
    drawn = [(found.density, dict(color=_BLUE, linewidth=1.0))]
    if found.against is not None:
        drawn.insert(0, (found.against, dict(color=_LIGHT_RED, linewidth=3.0)))
    jumps = np.flatnonzero(np.diff(found.path_per_bohr) == 0.0) + 1
    along = np.insert(found.path_per_bohr, jumps, np.nan)
    for one, style in drawn:
        first, *_ = bands.plot(along, np.insert(one.bands_ev, jumps, np.nan, axis=0), **style)
        first.set_label(one.label)
        states.plot(one.dos_per_ev, found.dos_energies_ev, **style)
    _mark_corners(bands, found)
    for axes in (bands, states):
        axes.axhline(0.0, color=_GREY, linewidth=0.8, linestyle="--")
    lowest = float(found.density.bands_ev.min()) - _MARGIN_EV
    bands.set(ylabel="energy above the Fermi level, eV", ylim=(lowest, found.window_ev))
    states.set(xlabel="states per eV and cell", xlim=(0.0, None))
    figure.suptitle(_title(found), fontsize=10)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    save_figure(figure, picture)


def _mark_corners(axes: "Axes", found: BandsFile) -> None:
    """Draw a line at each point of high symmetry, with its name below."""
    places = [place for place, _ in found.corners]
    names = [name.replace("G", "Γ").replace(",", "|") for _, name in found.corners]
    for place in places:
        axes.axvline(place, color="0.8", linewidth=0.8, zorder=0)
    axes.set_xticks(places, names)
    axes.set(xlabel="path through the Brillouin zone", xlim=(places[0], places[-1]))


def _title(found: BandsFile) -> str:
    if found.density.gap_ev is None:
        return f"{found.system}: no gap"
    gaps = f"gap {found.density.gap_ev:.3f} eV"
    if found.against is not None and found.against.gap_ev is not None:
        gaps += f" (self-consistent {found.against.gap_ev:.3f} eV)"
    return f"{found.system}: {gaps}"
