"""Pictures: slices of a predicted field, errors against DFT."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from rhocast.analysis.metrics import CONFIDENCES, coverages
from rhocast.analysis.picture import new_figure, save_figure
from rhocast.density import open_density
from rhocast.grid import Mesh
from rhocast.structures import Structure, periodic_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Quantities of a field's picture: dataset, title, colour map. Sequential and readable without
#: colour vision.
PANELS = (
    ("density", "density", "viridis"),
    ("epistemic_std", "epistemic σ", "magma"),
    ("aleatoric_std", "aleatoric σ", "magma"),
)

#: Points of a picture along each axis, at least.
_PIXELS = 330


def draw_field(density_file: str | Path, picture: str | Path, window_bohr: float = 30.0) -> None:
    """Draw one plane of a predicted field: whole, and around the largest void in the cell.

    The plane of constant third fractional coordinate passes through the middle of the largest
    void: a vacancy where there is one.

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
        structure, mesh = stored.structure, stored.mesh
        void = largest_void(structure)
        plane = round(void[2] * mesh.shape[2]) % mesh.shape[2]
        panels = [panel for panel in PANELS if panel[0] in stored.fields]
        slices = [stored.read(name, (slice(None), slice(None), plane)) for name, _, _ in panels]
    figure = new_figure(4.6 * len(panels), 8.0)
    rows = figure.subplots(2, len(panels), squeeze=False)
    whole = [np.arange(n) for n in mesh.shape[:2]]
    close = [
        round(middle * n) + np.arange(-half, half + 1)
        for middle, n, half in zip(
            void,
            mesh.shape[:2],
            (window_bohr / 2 / mesh.spacing[:2]).round().astype(int),
            strict=False,
        )
    ]
    for column, ((name, title, colours), values) in enumerate(zip(panels, slices, strict=True)):
        degree = 5 if name == "density" else 1  # as `rhocast.density.refine` interpolates
        for axes, places in ((rows[0, column], whole), (rows[1, column], close)):
            _draw_plane(axes, values, places, mesh, colours, degree)
        rows[0, column].set_title(f"{title}, e/Bohr³")
        for axes in rows[:, column]:
            axes.plot(*in_plane(void[:2], *mesh.cell[:2]), "+", color="white", markersize=12)
    figure.suptitle(f"{structure.formula}: plane through the largest void (+), whole and close by")
    save_figure(figure, picture)


def largest_void(structure: Structure, spacing_bohr: float = 1.2) -> np.ndarray:
    """Return the fractional coordinates of the middle of the largest void, such as a vacancy.

    It is the point whose eight nearest atoms are furthest away on average: the nearest one alone
    is no further from a vacancy of diamond than from its interstices. Found on a mesh of
    ``spacing_bohr`` some rows at a time, so that memory stays small in large cells.
    """
    mesh = Mesh.with_spacing(structure.cell, spacing_bohr)
    images, _ = periodic_images(structure, 10.0)
    tree = cKDTree(images)
    best, place = -1.0, 0
    at_once = max(1, 200_000 // (mesh.shape[1] * mesh.shape[2])) * mesh.shape[1] * mesh.shape[2]
    for start in range(0, mesh.n_points, at_once):
        indices = np.arange(start, min(start + at_once, mesh.n_points))
        distances, _ = tree.query(mesh.points(indices), k=range(1, min(8, len(images)) + 1))
        emptiness = distances.mean(axis=1)
        if emptiness.max() > best:
            best, place = emptiness.max(), indices[emptiness.argmax()]
    return np.array(np.unravel_index(place, mesh.shape)) / mesh.shape


def draw_errors(
    predicted: np.ndarray, total_std: np.ndarray, reference: np.ndarray, picture: str | Path
) -> None:
    """Draw predicted against DFT density, errors in units of σ, and the reliability diagram.

    Parameters
    ----------
    predicted, total_std, reference : (p,) arrays
        At the mesh points of held-out snapshots, e/Bohr³.
    picture
        PNG to write.
    """
    figure = new_figure(13.6, 4.3)
    parity, deviation, reliability = figure.subplots(1, 3)
    span = (0.0, float(reference.max()) * 1.03)
    hexagons = parity.hexbin(
        reference, predicted, gridsize=90, bins="log", cmap="viridis", extent=(*span, *span)
    )
    parity.plot(span, span, color="0.3", linewidth=0.8)
    parity.set(xlabel="DFT density, e/Bohr³", ylabel="predicted density, e/Bohr³", aspect="equal")
    figure.colorbar(hexagons, ax=parity, label="mesh points", shrink=0.8)
    edges = np.linspace(-5.0, 5.0, 101)
    deviation.hist(
        np.clip((predicted - reference) / total_std, -5.0, 5.0),
        edges,
        density=True,
        color="#3b6ea5",
        label="held-out snapshots",
    )
    normal = np.exp(-(edges**2) / 2.0) / np.sqrt(2.0 * np.pi)
    deviation.plot(edges, normal, color="#c0392b", label="standard normal")
    deviation.set(xlabel="error / predicted σ", ylabel="probability density")
    deviation.legend(frameon=False, fontsize=8, loc="upper left")
    _draw_reliability(reliability, np.abs(predicted - reference) / total_std)
    save_figure(figure, picture)


def _draw_reliability(axes: "Axes", in_units: np.ndarray) -> None:
    """Draw what share of errors lies within a width, against what share should; |errors| / σ."""
    covered = coverages(in_units)
    axes.plot([0, 1], [0, 1], color="0.3", linewidth=0.8)
    axes.plot(CONFIDENCES, covered, "o-", color="#3b6ea5", markersize=4)
    axes.fill_between(CONFIDENCES, CONFIDENCES, covered, color="#3b6ea5", alpha=0.15, linewidth=0)
    axes.set(
        xlabel="confidence",
        ylabel="share of mesh points within",
        aspect="equal",
        title=f"calibration error {np.abs(covered - CONFIDENCES).mean():.3f}",
    )
    axes.title.set_fontsize(10)


def _draw_plane(
    axes: "Axes",
    values: np.ndarray,
    indices: list[np.ndarray],
    mesh: Mesh,
    colours: str,
    degree: int,
) -> None:
    """Draw the given rows and columns (beyond the cell: their images) of a plane, in place.

    Between the mesh points stands the periodic spline of a degree through their values.
    """
    finer = [max(1, -(-_PIXELS // len(i))) for i in indices]
    steps = [
        np.linspace(i[0], i[-1], (len(i) - 1) * factor + 1)
        for i, factor in zip(indices, finer, strict=True)
    ]
    edges = [np.append(s, s[-1] + 1 / f) - 0.5 / f for s, f in zip(steps, finer, strict=True)]
    corners = np.stack(np.meshgrid(*edges, indexing="ij"), axis=-1) / mesh.shape[:2]
    places = np.stack(np.meshgrid(*steps, indexing="ij"))
    part = map_coordinates(values.astype(np.float64), places, order=degree, mode="grid-wrap")
    picture = axes.pcolormesh(
        *in_plane(corners, *mesh.cell[:2]), part, cmap=colours, rasterized=True
    )
    axes.set(aspect="equal", xlabel="Bohr", ylabel="Bohr")
    axes.figure.colorbar(picture, ax=axes, shrink=0.8)


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
