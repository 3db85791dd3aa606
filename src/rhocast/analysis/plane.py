"""A plane of a density, drawn between its mesh points, with the atoms close by."""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols
from scipy.interpolate import make_interp_spline
from scipy.ndimage import map_coordinates

from rhocast.analysis.picture import DIVERGING, PANELS, add_colour_bar_beside
from rhocast.density import Density
from rhocast.density.quantity import is_difference, is_part

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

#: Degrees of the splines between mesh points, as `rhocast.density.refine` takes them.
DEGREES = {"density": 5, "epistemic_std": 1, "aleatoric_std": 1}

#: Atoms so near a plane are drawn, Bohr; more of them than this in no picture.
ATOMS_WITHIN_BOHR, MOST_ATOMS = 1.0, 150

#: Atoms so near an edge of a window are drawn, and at the opposite edge again, Bohr.
EDGE_BOHR = 0.3

#: Planes of the mesh on each side that one between them is made of, and how near to one of them a
#: plane counts as this one, in units of their distance.
_AROUND, _ON_THE_MESH = 8, 1e-6

#: Marks of atoms, by element in the order of atomic numbers.
MARKS = ("o", "s", "^", "D", "v", "p")

#: Points of a picture along each edge, at least and at most.
PIXELS, MOST_PIXELS = 300, 1000

#: A part of a plane: first and last fractional coordinate along both of its lattice vectors. It may
#: reach over the ends of the cell.
Window = tuple[tuple[float, float], tuple[float, float]]

#: One cell.
WHOLE: Window = ((0.0, 1.0), (0.0, 1.0))


class Plane:
    """A plane through a cell, spanned by two lattice vectors.

    Parameters
    ----------
    density
        What is cut.
    axis
        The lattice vector that crosses the plane: 0, 1 or 2.
    at
        Its fractional coordinate. Between planes of the mesh the values are interpolated.
    atoms_within_bohr
        Atoms so near the plane are drawn.
    """

    def __init__(
        self, density: Density, axis: int, at: float, atoms_within_bohr: float = ATOMS_WITHIN_BOHR
    ) -> None:
        self._density, self._axis, self._within = density, axis, atoms_within_bohr
        self.periodic = not is_part(density.record)
        last = (density.mesh.shape[axis] - 1) / density.mesh.shape[axis]
        self.at = float(at) if self.periodic else min(max(float(at), 0.0), last)
        self.others = [other for other in range(3) if other != axis]

    @classmethod
    def of_mesh(cls, density: Density, axis: int, at: float) -> "Plane":
        """Return the plane of mesh points that is nearest to a fractional coordinate."""
        count = density.mesh.shape[axis]
        nearest = round(at * count)
        periodic = not is_part(density.record)
        return cls(density, axis, (nearest % count if periodic else nearest) / count)

    def values(self, field: str) -> np.ndarray:
        """Return a field at the plane's mesh points; float64.

        Of a file the planes of the mesh around are read, one alone if the plane is one of these.
        """
        count = self._density.mesh.shape[self._axis]
        place = self.at * count
        nearest = round(place)
        if abs(place - nearest) < _ON_THE_MESH:
            box: list[Any] = [slice(None)] * 3
            box[self._axis] = nearest % count
            return self._density.read(field, tuple(box)).astype(np.float64)
        around = np.arange(np.floor(place) - _AROUND + 1, np.floor(place) + _AROUND + 1)
        if not self.periodic:
            around = around[(around >= 0) & (around < count)]
        indices = [np.arange(n) for n in self._density.mesh.shape]
        indices[self._axis] = around.astype(int) % count
        box_around = self._density.read_periodic(field, (indices[0], indices[1], indices[2]))
        planes = np.moveaxis(box_around.astype(np.float64), self._axis, 0)
        found = make_interp_spline(around, planes, k=DEGREES[field])(place)
        return without_undershoot(np.asarray(found), planes)

    def aspect(self, window: Window = WHOLE) -> float:
        """Return the width of a part of the plane over its height, as it is drawn."""
        x, y = self.flat(np.array([(a, b) for a in window[0] for b in window[1]]))
        return float(np.ptp(x) / np.ptp(y))

    def draw(
        self, axes: "Axes", values: np.ndarray, degree: int, window: Window = WHOLE, **style: Any
    ) -> None:
        """Draw values on the plane's mesh points, a part of them, and the atoms close by."""
        shown = interpolated(values, degree, window, periodic=self.periodic)
        corners = [
            np.linspace(low, high, n + 1)
            for (low, high), n in zip(window, shown.shape, strict=True)
        ]
        x, y = self.flat(np.stack(np.meshgrid(*corners, indexing="ij"), axis=-1))
        picture = axes.pcolormesh(x, y, shown, rasterized=True, **style)
        axes.set(aspect="equal", xlabel="Bohr", ylabel="Bohr")
        axes.set(xlim=(x.min(), x.max()), ylim=(y.min(), y.max()))
        add_colour_bar_beside(axes, picture, self.aspect(window))
        self._draw_atoms(axes, window)

    def flat(self, scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Turn coordinates (..., 2) along the plane's lattice vectors into Cartesian ones, Bohr."""
        return in_plane(scaled, *self._density.cell[self.others])

    def point(self, scaled: np.ndarray) -> np.ndarray:
        """Turn coordinates (2,) along the plane's lattice vectors into those of the cell (3,)."""
        return np.insert(np.asarray(scaled, dtype=float), self._axis, self.at)

    def atoms(self, window: Window = WHOLE) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates (n, 2) and atomic numbers (n,) of the atoms close by, in a window.

        Those near the plane, and their images, which a part of a cell has none of: an atom on an
        edge of a cell is on the opposite edge, too.
        """
        structure = self._density.structure
        inverse = np.linalg.inv(structure.cell)
        fractional = structure.positions @ inverse
        away = fractional[:, self._axis] - self.at
        away -= np.round(away) if self.periodic else 0.0
        height = 1.0 / np.linalg.norm(inverse[:, self._axis])
        near = np.abs(away) * height < self._within
        own = fractional[near][:, self.others] % 1.0
        edge = EDGE_BOHR / np.linalg.norm(structure.cell[self.others], axis=1)
        low, high = np.array(window).T + np.outer([-1.0, 1.0], edge)
        ends = zip(low, high, strict=True) if self.periodic else ((0.0, 0.0), (0.0, 0.0))
        shifts = [np.arange(np.floor(a), np.ceil(b) + 1) for a, b in ends]
        images = np.stack(np.meshgrid(*shifts, indexing="ij"), axis=-1).reshape(-1, 1, 2)
        every = (own + images).reshape(-1, 2)
        numbers = np.tile(structure.numbers[near], len(images))
        inside = ((every >= low) & (every <= high)).all(axis=1)
        return every[inside], numbers[inside]

    def _draw_atoms(self, axes: "Axes", window: Window) -> None:
        """Draw a mark for each atom, of another shape for each element of the cell."""
        from matplotlib.transforms import ScaledTranslation

        near, numbers = self.atoms(window)
        if not 0 < len(near) <= MOST_ATOMS:
            return
        elements = np.unique(self._density.structure.numbers)
        for element, mark in zip(elements, cycle(MARKS)):
            if element not in numbers:
                continue
            style: dict[str, Any] = {
                "marker": mark,
                "linestyle": "none",
                "fillstyle": "none",
                "clip_on": False,
            }
            x, y = self.flat(near[numbers == element])
            axes.plot(x, y, **style, markersize=5, color="0.2", markeredgewidth=1.8)
            axes.plot(
                x, y, **style, markersize=5, color="white", markeredgewidth=0.8,
                label=chemical_symbols[element],
            )  # fmt: skip
        if len(elements) > 1:
            handles, labels = axes.get_legend_handles_labels()
            # 19 points down, below the numbers of the axis.
            below = ScaledTranslation(0.0, -19 / 72, axes.figure.dpi_scale_trans)
            axes.legend(
                handles, labels, loc="upper right", fontsize=8, bbox_to_anchor=(1.0, 0.0),
                bbox_transform=axes.transAxes + below,
                borderaxespad=0.0, facecolor="0.35", edgecolor="none",
                labelcolor="white", handletextpad=0.1, borderpad=0.3, columnspacing=0.8, ncols=2,
            )  # fmt: skip


def without_undershoot(shown: np.ndarray, stored: np.ndarray) -> np.ndarray:
    """Return interpolated values, none below both zero and all stored ones.

    Between coarse points next to a nucleus the spline falls further.
    """
    return np.maximum(shown, min(stored.min(), 0.0))


def interpolated(
    values: np.ndarray,
    degree: int,
    window: Window = WHOLE,
    most: int = MOST_PIXELS,
    periodic: bool = True,
) -> np.ndarray:
    """Return values between mesh points, at the middles of a window's pixels.

    Parameters
    ----------
    values : (n, m) array
        At the mesh points ``(i/n, j/m)``.
    degree
        Of the spline through them.
    window
        What is asked for, fractional coordinates.
    most
        Pixels along an edge: one for each mesh point, but `PIXELS` at least and so many at most.
    periodic
        Whether the values repeat; those of a part of a cell end, and the last ones count beyond.
    """
    counts = [
        int(min(max((high - low) * n, PIXELS), most))
        for (low, high), n in zip(window, values.shape, strict=True)
    ]
    steps = [
        (low + (high - low) * (np.arange(m) + 0.5) / m) * n
        for (low, high), m, n in zip(window, counts, values.shape, strict=True)
    ]
    places = np.stack(np.meshgrid(*steps, indexing="ij"))
    mode = "grid-wrap" if periodic else "nearest"
    shown = map_coordinates(values.astype(np.float64), places, order=degree, mode=mode)
    return without_undershoot(shown, values)


def in_plane(
    scaled: np.ndarray, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Turn coordinates (..., 2) along two lattice vectors into Cartesian ones within their plane.

    The first axis lies along the first vector.
    """
    along = first / np.linalg.norm(first)
    across = second - (second @ along) * along
    across /= np.linalg.norm(across)
    flat = scaled @ np.array([[first @ along, first @ across], [second @ along, second @ across]])
    return flat[..., 0], flat[..., 1]


def name_of(density: Density) -> str:
    """Return what titles call a density: its formula, and that it is of a part of the cell."""
    part = ", part of the cell" if is_part(density.record) else ""
    return f"{density.structure.formula}{part}"


def panels_of(density: Density) -> list[tuple[str, str, str]]:
    """Return name, title and colour map of each field of a density, or of a difference."""
    if is_difference(density.record):
        return [("density", "density difference", DIVERGING)]
    return [panel for panel in PANELS if panel[0] in density.fields]


def draw_fields(
    figure: "Figure",
    plane: Plane,
    density: Density,
    row: Sequence["SubplotSpec"],
    window: Window = WHOLE,
) -> list["Axes"]:
    """Draw each field of a density on a plane, in places of a figure, and return the axes.

    A difference of densities has colours of two kinds around zero.
    """
    panels = []
    for place, (field, title, colours) in zip(row, panels_of(density), strict=True):
        axes, values = figure.add_subplot(place), plane.values(field)
        style: dict[str, Any] = {"cmap": colours}
        if colours == DIVERGING:
            limit = float(np.abs(values).max())
            style |= {"vmin": -limit, "vmax": limit}
        plane.draw(axes, values, DEGREES[field], window, **style)
        axes.set_title(f"{title}, e/Bohr³", fontsize=11)
        panels.append(axes)
    return panels
