"""Views of a cell of any size in three dimensions, with a corner cut away; out of core.

The cell is seen from far away, so that each face is an affine image of a plane of mesh points: six
planes are read, and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhocast.analysis.cut import LEAST_EXTENT
from rhocast.analysis.picture import DIVERGING, add_colour_bar, new_figure, save_figure
from rhocast.analysis.plane import DEGREES, Plane, interpolated, name_of, panels_of
from rhocast.density import Density, open_density
from rhocast.density.quantity import is_part
from rhocast.density.reduction import is_reduction, read_reduction
from rhocast.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Affine2D

#: Points of a face along an edge, at most.
_PIXELS = 700

#: Where the viewer stands: degrees around the third Cartesian axis, and above the plane of the
#: other two. Elsewhere, in these steps around, if a face would be seen at too flat an angle: by the
#: cosine between its normal and the line of sight.
_AZIMUTH, _ELEVATION = 35.0, 25.0
_STEP, _ELEVATIONS, _FLAT = 5.0, (25.0, 15.0, 35.0, 45.0), 0.3


@dataclass(frozen=True)
class Volume:
    """What is drawn of a cell.

    Attributes
    ----------
    cell : (3, 3) array
        Lattice vectors as rows, Bohr.
    panels
        Quantities: name, title, colour map.
    plane
        Called with a name, an axis and a fractional coordinate; returns the quantity on the nearest
        plane that this axis crosses.
    degrees
        Of the spline between the points of a plane, by name.
    shift
        Of the points of a plane, in units of their distance: 0.5 for means over cells.
    formula
        Of the atoms; empty where the file does not tell.
    periodic
        Whether it repeats, which a part of a cell does not.
    """

    cell: np.ndarray
    panels: Sequence[tuple[str, str, str]]
    plane: Callable[[str, int, float], np.ndarray]
    degrees: dict[str, int]
    shift: float
    formula: str
    periodic: bool = True


def volume_of(density: Density) -> Volume:
    """Return a density's fields, in memory or in a file."""
    return Volume(
        density.cell,
        panels_of(density),
        lambda name, axis, at: Plane.of_mesh(density, axis, at).values(name),
        DEGREES,
        0.0,
        name_of(density),
        not is_part(density.record),
    )


def volume_of_reduction(file: str | Path) -> Volume:
    """Return the coarse cells of a reduction: means of ρ and, where there is one, of σ."""
    found = read_reduction(file)
    coarse = dict(zip(("density", "std"), found["coarse"], strict=True))
    panels = [("density", "density, means", "viridis"), ("std", "σ, means", "magma")]
    shown = [panel for panel in panels if coarse[panel[0]].any()]

    def plane(name: str, axis: int, at: float) -> np.ndarray:
        values = coarse[name]
        index = min(int(at % 1.0 * values.shape[axis]), values.shape[axis] - 1)
        return values.take(index if at < 1.0 else -1, axis)

    return Volume(found["cell"], shown, plane, {"density": 1, "std": 1}, 0.5, "")


def draw_render(
    file: str | Path,
    picture: str | Path,
    start: Sequence[float] = (0.0, 0.0, 0.0),
    end: Sequence[float] = (1.0, 1.0, 1.0),
) -> None:
    """Draw the faces of a cell in three dimensions; the corner next to the viewer is cut away.

    Parameters
    ----------
    file
        A density of any format and size, or a file of `rhocast predict --reduce`.
    picture
        File to write; its name says the format.
    start, end
        Fractional coordinates of opposite corners of the part that is drawn.

    Raises
    ------
    ConfigError
        If it has no extent along an axis, or reaches over the ends of a part of a cell.
    """
    corners = np.array([start, end], dtype=float)
    if (np.abs(corners[1] - corners[0]) < LEAST_EXTENT).any():
        raise ConfigError(
            "--start, --end: expected opposite corners of a box, different along every lattice "
            f"vector, found {corners[0].tolist()} and {corners[1].tolist()}"
        )
    if is_reduction(file):
        _draw(volume_of_reduction(file), picture, corners)
    else:
        with open_density(file) as density:
            if is_part(density.record) and (corners.min() < 0.0 or corners.max() > 1.0):
                raise ConfigError(
                    f"{file}: holds a part of the cell; expected --start and --end from 0 to 1"
                )
            _draw(volume_of(density), picture, corners)


def _draw(volume: Volume, picture: str | Path, corners: np.ndarray) -> None:
    figure = new_figure(4.2 * len(volume.panels), 4.9)
    for axes, (name, title, colours) in zip(
        figure.subplots(1, len(volume.panels), squeeze=False)[0], volume.panels, strict=True
    ):
        _draw_panel(axes, volume, corners, name, colours)
        axes.set_title(f"{title}, e/Bohr³", fontsize=11)
    whole = np.array_equal(np.sort(corners, axis=0), [[0.0] * 3, [1.0] * 3])
    if volume.formula:
        figure.suptitle(volume.formula if whole else f"part of {volume.formula}")
    save_figure(figure, picture)


@dataclass(frozen=True)
class Face:
    """A parallelogram that is seen: where one axis has a value, over ranges of the others.

    Attributes
    ----------
    axis, at
        The lattice vector that crosses it, and its fractional coordinate.
    window
        First and last fractional coordinate along both others, in their order.
    """

    axis: int
    at: float
    window: tuple[tuple[float, float], tuple[float, float]]


def visible_faces(cell: np.ndarray, corners: np.ndarray) -> list[Face]:
    """Return what is seen of a part of a cell without the octant next to the viewer.

    Parameters
    ----------
    cell : (3, 3) array
        Lattice vectors as rows.
    corners : (2, 3) array
        Fractional coordinates of opposite corners.

    Returns
    -------
    list
        Three outer faces, whole, and the three that the cut lays open, which lie before them.
    """
    towards = towards_viewer(cell) @ np.linalg.inv(cell) > 0.0  # along each lattice vector
    near, far = np.where(towards, corners[1], corners[0]), np.where(towards, corners[0], corners[1])
    middle = corners.mean(axis=0)
    faces = []
    for ends, at in ((far, near), (near, middle)):
        for axis in range(3):
            first, second = (
                _ordered(middle[o] if at is middle else ends[o], ends[o] if at is middle else at[o])
                for o in range(3)
                if o != axis
            )
            faces.append(Face(axis, float(at[axis]), (first, second)))
    return faces


def _ordered(a: float, b: float) -> tuple[float, float]:
    return (float(a), float(b)) if a <= b else (float(b), float(a))


def towards_viewer(cell: np.ndarray) -> np.ndarray:
    """Return the direction in which a cell is seen, a unit vector (3,) that points to the viewer.

    It is the usual one unless this meets a face of the cell almost along its plane. Then it is the
    one among others that keeps furthest from all faces.
    """
    normals = np.linalg.inv(cell).T
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    usual = _direction(_AZIMUTH, _ELEVATION)
    if np.abs(normals @ usual).min() > _FLAT:
        return usual
    around = _AZIMUTH + np.arange(0.0, 360.0, _STEP)
    others = np.array([_direction(a, e) for e in _ELEVATIONS for a in around])
    best: np.ndarray = others[np.abs(others @ normals.T).min(axis=1).round(6).argmax()]
    return best


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    azimuth, elevation = np.radians([azimuth, elevation])
    across = np.cos(elevation)
    return np.array([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(elevation)])


def on_screen(points: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Project Cartesian points (..., 3) to the right and upwards, Bohr.

    Parameters
    ----------
    points
        Bohr.
    towards : (3,) array
        As of `towards_viewer`.
    """
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    return points @ np.stack([right, np.cross(towards, right)], axis=1)


def _draw_panel(axes: "Axes", volume: Volume, corners: np.ndarray, name: str, colours: str) -> None:
    faces = visible_faces(volume.cell, corners)
    images = [_image(volume, name, face) for face in faces]
    low, high = min(i.min() for i in images), max(i.max() for i in images)
    if colours == DIVERGING:
        low, high = min(low, -high), max(-low, high)
    for depth, (face, image) in enumerate(zip(faces, images, strict=True)):
        edges, transform = _place(volume.cell, face)
        axes.imshow(
            image.T, origin="lower", extent=(0.0, 1.0, 0.0, 1.0), cmap=colours, vmin=low, vmax=high,
            interpolation="bilinear", transform=transform + axes.transData, zorder=depth,
        )  # fmt: skip
        axes.plot(*edges.T, color="white", linewidth=0.6, zorder=depth)
    every = on_screen(_box(corners) @ volume.cell, towards_viewer(volume.cell))
    axes.set(xlim=_limits(every[:, 0]), ylim=_limits(every[:, 1]), aspect="equal")
    axes.set_axis_off()
    add_colour_bar(axes, axes.images[0], shrink=0.7, location="bottom")
    _label_edges(axes, volume.cell, corners)


def _image(volume: Volume, name: str, face: Face) -> np.ndarray:
    values = volume.plane(name, face.axis, face.at)
    if volume.shift:
        a, b = (volume.shift / n for n in values.shape)
        (a0, a1), (b0, b1) = face.window
        window = ((a0 - a, a1 - a), (b0 - b, b1 - b))
    else:
        window = face.window
    return interpolated(values, volume.degrees[name], window, _PIXELS, volume.periodic)


def _place(cell: np.ndarray, face: Face) -> tuple[np.ndarray, "Affine2D"]:
    """Return the closed line around a face, (5, 2), and what maps the unit square onto it."""
    from matplotlib.transforms import Affine2D

    others = [other for other in range(3) if other != face.axis]
    scaled = np.zeros((3, 3))
    (a0, a1), (b0, b1) = face.window
    scaled[:, face.axis] = face.at
    scaled[:, others] = [[a0, b0], [a1, b0], [a0, b1]]
    origin, along, across = on_screen(scaled @ cell, towards_viewer(cell))
    matrix = np.eye(3)
    matrix[:2] = np.stack([along - origin, across - origin, origin], axis=1)
    edges = np.array([origin, along, along + across - origin, across, origin])
    return edges, Affine2D(matrix)


def _box(corners: np.ndarray) -> np.ndarray:
    """Return the eight corners, (8, 3)."""
    return np.stack(np.meshgrid(*corners.T, indexing="ij"), axis=-1).reshape(-1, 3)


def _limits(values: np.ndarray) -> tuple[float, float]:
    margin = 0.1 * np.ptp(values)
    return float(values.min() - margin), float(values.max() + margin)


def _label_edges(axes: "Axes", cell: np.ndarray, corners: np.ndarray) -> None:
    """Write names and lengths of three edges of the outline beside it."""
    towards = towards_viewer(cell)
    seen = towards @ np.linalg.inv(cell) > 0.0
    middle = on_screen(corners.mean(axis=0) @ cell, towards)
    margin = 0.05 * np.ptp(on_screen(_box(corners) @ cell, towards)[:, 1])
    for axis in range(3):
        # The edge lies between a face that is seen and one that is not: it belongs to the outline.
        hidden = 2 if axis != 2 else 1
        side = np.where(np.arange(3) == hidden, ~seen, seen).astype(int)
        ends = np.tile(corners[side, range(3)], (2, 1))
        ends[:, axis] = corners[:, axis]
        a, b = on_screen(ends @ cell, towards)
        out = 0.5 * (a + b) - middle
        x, y = 0.5 * (a + b) + margin * out / np.hypot(*out)
        length = float(np.linalg.norm((ends[1] - ends[0]) @ cell))
        axes.text(
            x, y, f"{'abc'[axis]}, {length:.4g} Bohr", fontsize=9, ha="center", va="center",
            rotation=_upright(a, b), rotation_mode="anchor",
        )  # fmt: skip


def _upright(a: np.ndarray, b: np.ndarray) -> float:
    angle = float(np.degrees(np.arctan2(*(b - a)[::-1])))
    return (angle + 90.0) % 180.0 - 90.0
