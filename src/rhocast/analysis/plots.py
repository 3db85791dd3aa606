"""Pictures of densities: a plane, two densities side by side, around the largest void.

All are interpolated between mesh points by periodic splines, of the fifth degree for the density
and the first for standard deviations, as `rhocast.density.refine` does.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhocast.analysis.cut import draw_cut
from rhocast.analysis.figures import largest_void
from rhocast.analysis.picture import DIVERGING, Picture, new_figure, panel_size, save_figure
from rhocast.analysis.plane import Plane, Window, draw_fields, name_of, panels_of
from rhocast.density import Density, open_density
from rhocast.density.difference import on_one_mesh
from rhocast.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Lattice vectors, by the letters that name them.
AXES = {"a": 0, "b": 1, "c": 2}

#: What stands beside a plane and above and below it, inches; the height of a line cut; the least
#: width of a panel, for its title.
_BESIDE, _ABOVE, _CUT, _LEAST = 1.5, 1.15, 4.2, 2.6

#: The worst plane may lie between layers of atoms: those so near it are drawn, Bohr.
_WORST_WITHIN_BOHR = 2.0


def draw_slice(
    density: Density,
    picture: str | Path,
    axis: int = 2,
    at: float = 0.0,
    cut: float | None = None,
    reference: Density | None = None,
) -> None:
    """Draw each field of a density on one plane, with the atoms within 1 Bohr of it.

    Parameters
    ----------
    density
        In memory or in a file, of which the plane alone is read.
    picture
        File to write; its name says the format: png, pdf or svg.
    axis, at
        As of `Plane`.
    cut
        Also draw the density with ±3σ along the plane's first lattice vector, at this fractional
        coordinate along the second.
    reference
        A density of the same cell, drawn on this line too.
    """
    save_figure(_slice(density, axis, at, cut, reference), picture)


def picture_of_slice(
    density: Density,
    axis: str = "c",
    at: float = 0.0,
    cut: float | None = None,
    reference: Density | None = None,
) -> Picture:
    """Return what `draw_slice` draws, for a notebook; `Density.plot_slice` calls it.

    Parameters
    ----------
    density, at, cut, reference
        As of `draw_slice`.
    axis
        ``a``, ``b`` or ``c``.

    Raises
    ------
    ConfigError
        If the axis is another letter, or there is a reference without a line.
    """
    if axis not in AXES:
        raise ConfigError(f"axis: expected {', '.join(AXES)}, found {axis!r}")
    if reference is not None and cut is None:
        raise ConfigError("reference: is drawn along a line; expected cut as well")
    return Picture(_slice(density, AXES[axis], at, cut, reference))


def _slice(
    density: Density, axis: int, at: float, cut: float | None, reference: Density | None
) -> "Figure":
    plane = Plane(density, axis, at)
    columns, rows = len(panels_of(density)), 1 if cut is None else 2
    width, height = _panel(plane.aspect())
    heights = [height, _CUT][:rows]
    figure = new_figure(max(width * columns, 3.4 if cut is None else 5.0), sum(heights))
    grid = figure.add_gridspec(rows, columns, height_ratios=heights)
    panels = draw_fields(figure, plane, density, [grid[0, i] for i in range(columns)])
    if cut is not None:
        ends = [np.array([0.0, cut]), np.array([1.0, cut])]
        for axes in panels:
            axes.plot(*plane.flat(np.stack(ends)), color="white", linewidth=1.0, linestyle="--")
        start, end = map(plane.point, ends)
        draw_cut(figure, grid[1, :], density, start, end, reference)
    figure.suptitle(f"{name_of(density)}: plane at {plane.at:.4g} of vector {'abc'[axis]}")
    return figure


def _panel(aspect: float) -> tuple[float, float]:
    """Return width and height, inches, of a plane with its axes, title and colour bar."""
    width, height = panel_size(aspect)
    return max(width + _BESIDE, _LEAST), height + _ABOVE


def draw_comparison(
    reference: Density,
    other: Density,
    picture: str | Path,
    names: tuple[str, str] | None = None,
) -> None:
    """Draw two densities and their difference, on the plane where they are furthest apart.

    Planes of constant third coordinate; the mean of |Δρ| over each decides. Atoms within 2 Bohr of
    it are drawn. Both are resampled to
    the finer mesh where their meshes differ.

    Parameters
    ----------
    reference, other
        The densities.
    picture
        File to write; its name says the format.
    names
        What to call them; by default the names of their files.

    Raises
    ------
    StructureError
        If their cells differ.
    """
    names = names or (Path(reference.source).name, Path(other.source).name)
    reference, other = on_one_mesh(reference, other)
    apart = other.read("density").astype(np.float64) - reference.read("density")
    worst = int(np.abs(apart).mean(axis=(0, 1)).argmax())
    plane = Plane(reference, 2, worst / apart.shape[2], _WORST_WITHIN_BOHR)
    first, second = (Plane(d, 2, plane.at).values("density") for d in (reference, other))
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    limit = float(np.abs(second - first).max())
    width, height = _panel(plane.aspect())
    figure = new_figure(3 * width, height + 0.2)
    for axes, values, title, style in zip(
        figure.subplots(1, 3),
        (first, second, second - first),
        (*names, "middle − left"),
        (dict(cmap="viridis", vmin=low, vmax=high),) * 2
        + (dict(cmap=DIVERGING, vmin=-limit, vmax=limit),),
        strict=True,
    ):
        plane.draw(axes, values, 5, **style)
        axes.set_title(f"{title}, e/Bohr³", fontsize=11)
    figure.suptitle(
        f"{name_of(reference)}: plane at {plane.at:.4g} of vector c, "
        "where the mean |difference| is largest"
    )
    save_figure(figure, picture)


def draw_field(density_file: str | Path, picture: str | Path, window_bohr: float = 30.0) -> None:
    """Draw one plane of a predicted field: whole, around the largest void, and a line through it.

    The plane of constant third fractional coordinate passes through the middle of the largest
    void: a vacancy where there is one. Along the line stand the density with ±3σ and σ of both
    kinds, as in the paper's Figs. 8 to 10.

    Parameters
    ----------
    density_file
        File of `rhocast.inference`: density and standard deviations.
    picture
        PNG to write.
    window_bohr
        Width of the close-up, Bohr.
    """
    with open_density(density_file) as stored:
        void = largest_void(stored.structure)
        plane = Plane.of_mesh(stored, 2, void[2])
        half = 0.5 * window_bohr / np.linalg.norm(stored.cell[:2], axis=1)
        a, b = (np.stack([void[:2] - half, void[:2] + half], axis=1)).tolist()
        window: Window = ((a[0], a[1]), (b[0], b[1]))
        columns = len(stored.fields)
        sizes = [_panel(plane.aspect()), _panel(plane.aspect(window))]
        heights = [*(height for _, height in sizes), _CUT]
        width = max(width for width, _ in sizes)
        figure = new_figure(max(columns * width, 5.0), sum(heights))
        grid = figure.add_gridspec(3, columns, height_ratios=heights)
        above, close_by = ([grid[row, i] for i in range(columns)] for row in (0, 1))
        for axes in draw_fields(figure, plane, stored, above):
            axes.plot(*plane.flat(void[:2]), "+", color="white", markersize=12)
        ends = np.array([[window[0][0], void[1]], [window[0][1], void[1]]])
        for axes in draw_fields(figure, plane, stored, close_by, window):
            axes.plot(*plane.flat(ends), color="white", linewidth=1.0, linestyle="--")
        draw_cut(figure, grid[2, :], stored, plane.point(ends[0]), plane.point(ends[1]))
    figure.suptitle(
        f"{stored.structure.formula}: plane through\nthe largest void (+), whole and close by"
        if columns == 1
        else f"{stored.structure.formula}: plane through the largest void (+), whole and close by, "
        "and along a line"
    )
    save_figure(figure, picture)
