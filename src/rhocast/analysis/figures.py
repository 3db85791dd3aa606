"""Pictures of errors against DFT, and where the largest void of a cell is."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from rhocast.analysis.metrics import CONFIDENCES, coverages
from rhocast.analysis.picture import BLUE, RED, new_figure, save_figure
from rhocast.grid import Mesh
from rhocast.structures import Structure, periodic_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure


def largest_void(structure: Structure, spacing_bohr: float = 1.2) -> np.ndarray:
    """Return the fractional coordinates of the middle of the largest void, such as a vacancy.

    It is the point whose eight nearest atoms are furthest away on average: the nearest one alone
    is no further from a vacancy of diamond than from its interstices. Found on a mesh of
    ``spacing_bohr`` some rows at a time, so that memory stays small in large cells, then on one
    four times finer around the place.
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
    # Once more, finer, within one step of it.
    steps = spacing_bohr * np.linspace(-1.0, 1.0, 9)
    around = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    points = np.array(np.unravel_index(place, mesh.shape)) / mesh.shape @ mesh.cell + around
    distances, _ = tree.query(points, k=range(1, min(8, len(images)) + 1))
    finest: np.ndarray = points[distances.mean(axis=1).argmax()]
    return finest @ np.linalg.inv(mesh.cell) % 1.0


def draw_errors(
    models: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], picture: str | Path
) -> None:
    """Draw predicted against DFT density, errors in units of σ, and the reliability diagram.

    Parameters
    ----------
    models
        Of each model, by the title of its row: predicted density, its standard deviation and the
        DFT density, all (p,), at the mesh points of held-out snapshots, e/Bohr³.
    picture
        PNG to write.
    """
    figure = new_figure(13.6, 4.6 * len(models))
    rows = figure.subfigures(len(models), 1, squeeze=False)[:, 0]
    for row, (title, values) in zip(rows, models.items(), strict=True):
        row.suptitle(title, fontweight="bold")
        _draw_model(row, *values)
    save_figure(figure, picture)


def _draw_model(
    row: "SubFigure", predicted: np.ndarray, total_std: np.ndarray, reference: np.ndarray
) -> None:
    parity, deviation, reliability = row.subplots(1, 3)
    span = (0.0, float(reference.max()) * 1.03)
    hexagons = parity.hexbin(
        reference, predicted, gridsize=90, bins="log", cmap="viridis", extent=(*span, *span)
    )
    parity.plot(span, span, color="0.3", linewidth=0.8)
    parity.set(xlabel="DFT density, e/Bohr³", ylabel="predicted density, e/Bohr³", aspect="equal")
    row.colorbar(hexagons, ax=parity, label="mesh points", shrink=0.8)
    edges = np.linspace(-5.0, 5.0, 101)
    deviation.hist(
        np.clip((predicted - reference) / total_std, -5.0, 5.0),
        edges,
        density=True,
        color=BLUE,
        label="held-out snapshots",
    )
    normal = np.exp(-(edges**2) / 2.0) / np.sqrt(2.0 * np.pi)
    deviation.plot(edges, normal, color=RED, label="standard normal")
    deviation.set(xlabel="error / predicted σ", ylabel="probability density")
    deviation.legend(frameon=False, fontsize=8, loc="upper left")
    _draw_reliability(reliability, np.abs(predicted - reference) / total_std)


def _draw_reliability(axes: "Axes", in_units: np.ndarray) -> None:
    """Draw what share of errors lies within a width, against what share should; |errors| / σ."""
    covered = coverages(in_units)
    axes.plot([0, 1], [0, 1], color="0.3", linewidth=0.8)
    axes.plot(CONFIDENCES, covered, "o-", color=BLUE, markersize=4)
    axes.fill_between(CONFIDENCES, CONFIDENCES, covered, color=BLUE, alpha=0.15, linewidth=0)
    axes.set(
        xlabel="confidence",
        ylabel="share of mesh points within",
        aspect="equal",
        title=f"calibration error {np.abs(covered - CONFIDENCES).mean():.3f}",
    )
    axes.title.set_fontsize(10)
