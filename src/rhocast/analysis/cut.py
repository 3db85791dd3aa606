"""A density along a straight line, with ±3σ where it has standard deviations."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates

from rhocast.analysis.picture import BLUE, GREY, ORANGE, RED, new_figure, save_figure
from rhocast.analysis.plane import DEGREES, name_of, without_undershoot
from rhocast.density import Density
from rhocast.density.quantity import is_part
from rhocast.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

#: What is shorter along every lattice vector, in units of it, has no length.
LEAST_EXTENT = 1e-9

#: Points of a line.
LINE_POINTS = 600

#: Mesh points around a line that a spline is made of.
_MARGIN = 8


def values_along(density: Density, field: str, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Interpolate a field along a straight line; (n,), e/Bohr³.

    Parameters
    ----------
    density
        In memory or in a file, of which the box around the line is read.
    field
        Name of the field.
    start, end : (3,) arrays
        Fractional coordinates; the line may leave the cell, but not a part of one.

    Raises
    ------
    ConfigError
        If it leaves a part.
    """
    shape = np.array(density.mesh.shape)
    points = np.linspace(start, end, LINE_POINTS) * shape
    first = np.floor(points.min(axis=0)).astype(int) - _MARGIN
    last = np.ceil(points.max(axis=0)).astype(int) + _MARGIN
    if is_part(density.record):
        if points.min() < 0.0 or (points > shape).any():
            raise ConfigError(
                f"{density.source}: holds a part of the cell, which the line leaves; expected "
                "coordinates from 0 to 1"
            )
        first, last = np.maximum(first, 0), np.minimum(last, shape - 1)
    indices = tuple(np.arange(a, b + 1) % n for a, b, n in zip(first, last, shape, strict=True))
    box = density.read_periodic(field, indices).astype(np.float64)
    values = map_coordinates(box, (points - first).T, order=DEGREES[field], mode="nearest")
    return without_undershoot(values, box)


def draw_line(
    density: Density,
    picture: str | Path,
    start: np.ndarray,
    end: np.ndarray,
    reference: Density | None = None,
) -> None:
    """Draw the density along a straight line; see `draw_cut`.

    Raises
    ------
    ConfigError
        If it has no length.
    """
    if np.abs(np.subtract(end, start)).max() < LEAST_EXTENT:
        raise ConfigError(
            f"--start, --end: expected two places, found {_place(start)} and {_place(end)}"
        )
    figure = new_figure(6.4, 5.4 if "epistemic_std" in density.fields else 3.8)
    whole = figure.add_gridspec(1, 1)[0]
    draw_cut(figure, whole, density, start, end, reference)
    figure.suptitle(f"{name_of(density)}: {_place(start)} to {_place(end)}", fontsize=10)
    save_figure(figure, picture)


def draw_cut(
    figure: "Figure",
    place: "SubplotSpec",
    density: Density,
    start: np.ndarray,
    end: np.ndarray,
    reference: Density | None = None,
) -> None:
    """Draw the density along a line, and below it ±3σ about the prediction, which is narrow.

    Parameters
    ----------
    figure, place
        Where to draw.
    density
        The density; without standard deviations it is drawn alone.
    start, end : (3,) arrays
        Fractional coordinates.
    reference
        A density of the same cell, such as that of DFT: drawn, too, and its distance from the
        prediction within the band.

    Raises
    ------
    StructureError
        If the cells differ.
    """
    x = np.linspace(0.0, np.linalg.norm((np.asarray(end) - start) @ density.cell), LINE_POINTS)
    values = values_along(density, "density", start, end)
    known = "epistemic_std" in density.fields
    rows = place.subgridspec(2 if known else 1, 1, hspace=0.05)
    top = bottom = figure.add_subplot(rows[0])
    other = None
    if reference is not None:
        reference.check_cell(density.structure)
        other = values_along(reference, "density", start, end)
    if known:
        kinds = [values_along(density, f"{kind}_std", start, end) for kind in _KINDS]
        band = 3.0 * np.hypot(*kinds)
        _draw_band(top, x, values - band, values + band)
        bottom = figure.add_subplot(rows[1], sharex=top)
        _draw_spread(bottom, x, band, kinds, None if other is None else other - values)
        top.tick_params(labelbottom=False)
    top.plot(x, values, color=BLUE, label="predicted" if known else "density")
    if other is not None:
        top.plot(x, other, color=RED, linestyle="--", linewidth=1.0, label="reference")
    top.set(ylabel="density, e/Bohr³", xlim=(0.0, x[-1]))
    top.legend(frameon=False, fontsize=9, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 0.98))
    bottom.set_xlabel("distance along the line, Bohr")


_KINDS = ("epistemic", "aleatoric")


def _draw_band(axes: "Axes", x: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    axes.fill_between(x, low, high, color=ORANGE, alpha=0.6, linewidth=0, label="±3σ")


def _draw_spread(
    axes: "Axes", x: np.ndarray, band: np.ndarray, kinds: list[np.ndarray], error: np.ndarray | None
) -> None:
    """Draw ±3σ, three times σ of both kinds, and the reference, about the prediction."""
    _draw_band(axes, x, -1e3 * band, 1e3 * band)
    for values, kind, style in zip(kinds, _KINDS, ("-", ":"), strict=True):
        axes.plot(x, 3e3 * values, color=GREY, linewidth=1.0, linestyle=style, label=f"3σ, {kind}")
    if error is not None:
        axes.plot(x, 1e3 * error, color=RED, linewidth=1.0, label="reference")
    axes.set(ylabel="about the prediction,\n10⁻³ e/Bohr³", xlim=(0.0, x[-1]))
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower right", bbox_to_anchor=(1.0, 0.98))


def _place(fractional: np.ndarray) -> str:
    return "(" + ", ".join(f"{x:g}" for x in fractional) + ")"
