"""Pictures of densities for users: planes, lines, two densities side by side, reductions.

All are interpolated between mesh points by periodic splines, of the fifth degree for the density
and the first for standard deviations, as `rhocast.density.refine` does.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import map_coordinates

from rhocast.analysis.figures import PANELS, in_plane
from rhocast.analysis.picture import new_figure, save_figure
from rhocast.density import Density
from rhocast.density.difference import on_one_mesh
from rhocast.density.reduction import read_reduction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Degrees of the splines between mesh points.
DEGREES = {"density": 5, "epistemic_std": 1, "aleatoric_std": 1}

#: Lattice vectors, by the letters that name them.
AXES = {"a": 0, "b": 1, "c": 2}

#: Atoms so near a plane are drawn, Bohr; more of them than this in no picture.
ATOMS_WITHIN_BOHR, MOST_ATOMS = 1.0, 2000

#: Points of a picture along each edge, at least, and of a line.
_PIXELS, _LINE_POINTS = 300, 600

#: Mesh points around a line that a spline is made of.
_MARGIN = 8


class Plane:
    """A plane of mesh points, normal to the reciprocal vector of one lattice vector.

    Parameters
    ----------
    density
        What is cut.
    axis
        The lattice vector that crosses the plane: 0, 1 or 2.
    at
        Its fractional coordinate; the nearest mesh points are taken.
    """

    def __init__(self, density: Density, axis: int, at: float) -> None:
        self._density, self._axis = density, axis
        self._index = round(at * density.mesh.shape[axis]) % density.mesh.shape[axis]
        self._others = [other for other in range(3) if other != axis]

    @property
    def at(self) -> float:
        """Fractional coordinate of the plane."""
        return self._index / self._density.mesh.shape[self._axis]

    def values(self, field: str) -> np.ndarray:
        """Return a field on the plane's mesh points."""
        box: list[Any] = [slice(None)] * 3
        box[self._axis] = self._index
        return self._density.read(field, tuple(box)).astype(np.float64)

    def draw(self, axes: "Axes", values: np.ndarray, degree: int, **style: Any) -> None:
        """Draw values on the plane's mesh points, one cell of them, and the atoms close by."""
        counts = [max(n, _PIXELS) for n in values.shape]
        steps = [np.arange(m) * n / m for m, n in zip(counts, values.shape, strict=True)]
        places = np.stack(np.meshgrid(*steps, indexing="ij"))
        shown = map_coordinates(values, places, order=degree, mode="grid-wrap")
        corners = [(np.arange(m + 1) - 0.5) / m for m in counts]
        x, y = self._in_plane(np.stack(np.meshgrid(*corners, indexing="ij"), axis=-1))
        picture = axes.pcolormesh(x, y, shown, rasterized=True, **style)
        axes.figure.colorbar(picture, ax=axes, shrink=0.8)
        axes.set(aspect="equal", xlabel="Bohr", ylabel="Bohr")
        self._draw_atoms(axes)

    def _in_plane(self, scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return in_plane(scaled, *self._density.cell[self._others])

    def _draw_atoms(self, axes: "Axes") -> None:
        structure = self._density.structure
        inverse = np.linalg.inv(structure.cell)
        fractional = structure.positions @ inverse
        away = fractional[:, self._axis] - self.at
        height = 1.0 / np.linalg.norm(inverse[:, self._axis])
        near = np.abs(away - np.round(away)) * height < ATOMS_WITHIN_BOHR
        if 0 < near.sum() <= MOST_ATOMS:
            x, y = self._in_plane(fractional[near][:, self._others] % 1.0)
            axes.plot(x, y, "o", markersize=4, fillstyle="none", color="white", markeredgewidth=0.8)


def draw_slice(density: Density, picture: str | Path, axis: int = 2, at: float = 0.0) -> None:
    """Draw each field of a density on one plane, with the atoms within 1 Bohr of it.

    Parameters
    ----------
    density
        In memory or in a file, of which the plane alone is read.
    picture
        File to write; its name says the format: png, pdf or svg.
    axis, at
        As of `Plane`.
    """
    plane = Plane(density, axis, at)
    figure = new_figure(4.8 * len(density.fields), 4.2)
    row = figure.subplots(1, len(density.fields), squeeze=False)[0]
    shown = [panel for panel in PANELS if panel[0] in density.fields]
    for axes, (field, title, colours) in zip(row, shown, strict=True):
        plane.draw(axes, plane.values(field), DEGREES[field], cmap=colours)
        axes.set_title(f"{title}, e/Bohr³")
    figure.suptitle(f"{density.structure.formula}: plane at {plane.at:.3g} of vector {'abc'[axis]}")
    save_figure(figure, picture)


def draw_comparison(
    reference: Density,
    other: Density,
    picture: str | Path,
    names: tuple[str, str] | None = None,
) -> None:
    """Draw two densities and their difference, on the plane where they are furthest apart.

    Planes of constant third coordinate; the mean of |Δρ| over each decides. Both are resampled to
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
    plane = Plane(reference, 2, worst / apart.shape[2])
    first, second = (Plane(d, 2, plane.at).values("density") for d in (reference, other))
    low, high = min(first.min(), second.min()), max(first.max(), second.max())
    limit = float(np.abs(second - first).max())
    figure = new_figure(14.4, 4.2)
    for axes, values, title, style in zip(
        figure.subplots(1, 3),
        (first, second, second - first),
        (*names, "difference (middle − left)"),
        (dict(cmap="viridis", vmin=low, vmax=high),) * 2
        + (dict(cmap="PuOr", vmin=-limit, vmax=limit),),
        strict=True,
    ):
        plane.draw(axes, values, 5, **style)
        axes.set_title(f"{title}, e/Bohr³")
    figure.suptitle(f"{reference.structure.formula}: plane at {plane.at:.3g} of vector c")
    save_figure(figure, picture)


def values_along(density: Density, field: str, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Interpolate a field along a straight line; (n,), e/Bohr³.

    Parameters
    ----------
    density
        In memory or in a file, of which the box around the line is read.
    field
        Name of the field.
    start, end : (3,) arrays
        Fractional coordinates; the line may leave the cell.
    """
    shape = np.array(density.mesh.shape)
    points = np.linspace(start, end, _LINE_POINTS) * shape
    first = np.floor(points.min(axis=0)).astype(int) - _MARGIN
    last = np.ceil(points.max(axis=0)).astype(int) + _MARGIN
    indices = tuple(np.arange(a, b + 1) % n for a, b, n in zip(first, last, shape, strict=True))
    box = density.read_periodic(field, indices).astype(np.float64)
    return map_coordinates(box, (points - first).T, order=DEGREES[field], mode="nearest")


def draw_line(density: Density, picture: str | Path, start: np.ndarray, end: np.ndarray) -> None:
    """Draw the density along a straight line, with ±3σ where there is one; ends are fractional."""
    length = float(np.linalg.norm((np.asarray(end) - start) @ density.cell))
    x = np.linspace(0.0, length, _LINE_POINTS)
    values = values_along(density, "density", start, end)
    figure = new_figure(6.4, 4.0)
    axes = figure.subplots()
    if "epistemic_std" in density.fields:
        names = ("epistemic_std", "aleatoric_std")
        band = 3.0 * np.hypot(*(values_along(density, name, start, end) for name in names))
        axes.fill_between(
            x, values - band, values + band, color="#e8a33d", alpha=0.6, linewidth=0, label="±3σ"
        )
    axes.plot(x, values, color="#3b6ea5", label="density")
    axes.set(xlabel="distance along the line, Bohr", ylabel="density, e/Bohr³", xlim=(0.0, length))
    axes.legend(frameon=False)
    axes.set_title(f"{density.structure.formula}: {_place(start)} to {_place(end)}", fontsize=10)
    save_figure(figure, picture)


def _place(fractional: np.ndarray) -> str:
    return "(" + ", ".join(f"{x:g}" for x in fractional) + ")"


def draw_reduction(file: str | Path, picture: str | Path) -> None:
    """Draw what `rhocast predict --reduce` has stored: planar averages and histograms.

    Raises
    ------
    FileFormatError
        If the file is none of these.
    """
    found = read_reduction(file)
    figure = new_figure(11.0, 7.0)
    rows = figure.subplots(2, 2)
    _draw_profiles(rows[:, 0], found)
    for axes, name, title in ((rows[0, 1], "density", "density"), (rows[1, 1], "std", "σ")):
        counts, edges = found[f"{name}_counts"], found[f"{name}_edges"]
        if not counts.any():  # no σ was predicted
            continue
        seen = slice(*(np.flatnonzero(counts)[[0, -1]] + [0, 1]))
        counts, edges = counts[seen], edges[seen.start : seen.stop + 1]
        axes.stairs(counts / (counts.sum() * np.diff(edges)), edges, color="#3b6ea5")
        axes.set(xlabel=f"{title}, e/Bohr³", ylabel="probability density, Bohr³/e", yscale="log")
    rows[1, 1].set_xscale("log")
    save_figure(figure, picture)


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
