"""Distributions of the density and of σ, of fields and of reductions; planar averages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhocast.analysis.picture import BLUE, GREY, ORANGE, POWERS, RED, new_figure, save_figure
from rhocast.density import open_density
from rhocast.density.quantity import is_difference
from rhocast.density.reduction import (
    DENSITY_BIN,
    DENSITY_BINS,
    STD_EDGES,
    is_reduction,
    read_reduction,
    reduce_density,
)
from rhocast.errors import FileFormatError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Intervals of a picture, at most: of equal width, and of equal ratio on a logarithmic axis.
_BARS, _RATIO_BARS = 200, 80

#: An axis is logarithmic if its ends are further apart, as a ratio.
_WIDE = 20.0


@dataclass(frozen=True)
class Histogram:
    """How many mesh points have a value.

    Attributes
    ----------
    counts : (n,) int64 array
        Mesh points in each interval.
    edges : (n + 1,) float64 array
        Of the intervals, e/Bohr³. What lies outside is in the first or the last of a file's.
    """

    counts: np.ndarray
    edges: np.ndarray

    @property
    def span(self) -> tuple[float, float]:
        """Ends of the intervals that hold points, e/Bohr³."""
        first, last = np.flatnonzero(self.counts)[[0, -1]]
        return float(self.edges[first]), float(self.edges[last + 1])

    def seen(self, logarithmic: bool = False) -> "Histogram":
        """Return it without empty intervals at both ends, neighbours joined.

        Parameters
        ----------
        logarithmic
            Whether to intervals of about equal ratio, 80 at most, instead of equal width, 200 at
            most. None is narrower than those that were counted.
        """
        first, last = np.flatnonzero(self.counts)[[0, -1]]
        if logarithmic:
            wanted = np.geomspace(*self.span, _RATIO_BARS + 1)[:-1]
            starts = np.unique(np.searchsorted(self.edges, wanted * (1.0 + 1e-9), "right") - 1)
        else:
            starts = np.arange(first, last + 1, -(-(last + 1 - first) // _BARS))
        counts = np.add.reduceat(self.counts[: last + 1], starts)
        return Histogram(counts, self.edges[np.append(starts, last + 1)])

    @property
    def probability_density(self) -> np.ndarray:
        """Share of the points in each interval over its width, Bohr³/e."""
        return self.counts / (self.counts.sum() * np.diff(self.edges))


def histograms(file: str | Path) -> tuple[Histogram, Histogram | None]:
    """Return the distributions of ρ and of σ, None without σ; a field is read block by block.

    Parameters
    ----------
    file
        Of `rhocast predict --reduce`, or a density of any format.

    Raises
    ------
    FileFormatError
        If the file holds a difference of densities.
    """
    if is_reduction(file):
        return of_reduction(read_reduction(file))
    with open_density(file) as density:
        if is_difference(density.record):
            raise FileFormatError(
                f"{file}: is a difference of densities, expected a density; draw it by `rhocast "
                "plot slice` or `render`"
            )
        arrays = reduce_density(density, coarse_bohr=np.inf).arrays
    edges = {"density_edges": DENSITY_BIN * np.arange(DENSITY_BINS + 1), "std_edges": STD_EDGES}
    return of_reduction(arrays | edges)


def of_reduction(found: Mapping[str, np.ndarray]) -> tuple[Histogram, Histogram | None]:
    """Return the distributions among the arrays of a reduction."""
    density = Histogram(found["density_counts"], found["density_edges"])
    if not found["std_counts"].any():
        return density, None
    return density, Histogram(found["std_counts"], found["std_edges"])


def draw_histograms(files: Sequence[str | Path], picture: str | Path) -> None:
    """Draw the distributions of ρ and of σ over the mesh points, of one file or several."""
    figure = new_figure(8.4, 3.6)
    panels = figure.subplots(1, 2)
    found = {Path(file).stem: histograms(file) for file in files}
    _draw(panels, found)
    save_figure(figure, picture)


def draw_reduction(file: str | Path, picture: str | Path) -> None:
    """Draw what `rhocast predict --reduce` has stored: planar averages and distributions.

    Raises
    ------
    FileFormatError
        If the file is none of these.
    """
    found = read_reduction(file)
    figure = new_figure(9.6, 6.4)
    rows = figure.subplots(2, 2)
    _draw_profiles(rows[:, 0], found)
    _draw(rows[:, 1], {"": of_reduction(found)})
    save_figure(figure, picture)


def _draw(
    panels: Sequence["Axes"], found: Mapping[str, tuple[Histogram, Histogram | None]]
) -> None:
    """Draw outlines, each of its own colour and stroke, so that none hides another."""
    for number, (axes, title) in enumerate(zip(panels, ("density", "σ"), strict=True)):
        each = {label: pair[number] for label, pair in found.items()}
        spans = np.array([one.span for one in each.values() if one is not None])
        logarithmic = bool(len(spans) and spans.max() > _WIDE * spans.min() > 0.0)
        for (label, one), colour, stroke in zip(
            each.items(), cycle((BLUE, RED, ORANGE, GREY)), cycle(("-", "--", "-.", ":"))
        ):  # fmt: skip
            if one is not None:
                shown = one.seen(logarithmic)
                axes.stairs(
                    shown.probability_density, shown.edges, color=colour, linestyle=stroke,
                    linewidth=1.2, label=label,
                )  # fmt: skip
        axes.set(xlabel=f"{title}, e/Bohr³", ylabel="probability density, Bohr³/e", yscale="log")
        if logarithmic:
            axes.set_xscale("log")
        else:
            axes.ticklabel_format(axis="x", scilimits=POWERS)
    if len(found) > 1:
        panels[0].legend(frameon=False, fontsize=9)


def _draw_profiles(rows: np.ndarray, found: Mapping[str, np.ndarray]) -> None:
    lengths = np.linalg.norm(found["cell"], axis=1)
    for axis, length in enumerate(lengths):
        profile = found[f"profile_{axis}"]
        place = np.arange(profile.shape[1]) / profile.shape[1] * length
        for axes, values in zip(rows, profile, strict=True):
            axes.plot(place, values, linewidth=0.9, label=f"along {'abc'[axis]}")
    for axes, title in zip(rows, ("density", "σ"), strict=True):
        axes.set(xlabel="Bohr", ylabel=f"planar mean of {title}, e/Bohr³")
        axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))
