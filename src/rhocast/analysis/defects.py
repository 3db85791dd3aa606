"""Epistemic standard deviation around a vacancy, in models that were trained without one."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast.analysis.figures import largest_void
from rhocast.analysis.picture import BLUE, RED, new_figure, save_figure
from rhocast.errors import StructureError
from rhocast.files import replacing
from rhocast.grid import Mesh
from rhocast.structures import Structure

#: Points at the vacancy, and points that know nothing of it, Bohr.
NEAR_BOHR, FAR_BOHR = 3.0, 8.0
#: Intervals of the density in which points at the vacancy and far away are compared.
_DENSITY_BINS = 8
#: Width of a shell of the profile, Bohr.
_SHELL_BOHR = 0.5


@dataclass(frozen=True)
class Surroundings:
    """Mesh points of a cell by their distance from its vacancy; all (p,).

    Attributes
    ----------
    distance_bohr
        From the vacancy or its nearest image, Bohr.
    density
        e/Bohr³.
    epistemic_std
        e/Bohr³.
    deviation
        |Δρ| against DFT, e/Bohr³.
    """

    distance_bohr: np.ndarray
    density: np.ndarray
    epistemic_std: np.ndarray
    deviation: np.ndarray


def distances_from_void(structure: Structure, mesh: Mesh) -> np.ndarray:
    """Distance of every mesh point from the largest void, or its nearest image, Bohr; (p,)."""
    points = np.stack(np.meshgrid(*(np.arange(n) / n for n in mesh.shape), indexing="ij"), axis=-1)
    apart = points.reshape(-1, 3) - largest_void(structure, spacing_bohr=0.5)
    images = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3), axis=-1).reshape(-1, 3)
    apart -= np.round(apart)
    every = (np.linalg.norm((apart + image) @ mesh.cell, axis=1) for image in images)
    return np.minimum.reduce(list(every))


def contrast(around: Surroundings) -> float:
    """Median epistemic deviation at the vacancy over that at points of equal density far from it.

    At the vacancy is within `NEAR_BOHR`; far away is beyond `FAR_BOHR`. Points far away weigh so
    that their densities are distributed as those at the vacancy are.

    Raises
    ------
    StructureError
        If no point lies far enough away, or none there has the densities of the vacancy.
    """
    near, far = around.distance_bohr < NEAR_BOHR, around.distance_bohr > FAR_BOHR
    edges = np.quantile(around.density[near], np.linspace(0.0, 1.0, _DENSITY_BINS + 1)[1:-1])
    lowest, highest = around.density[near].min(), around.density[near].max()
    far &= (around.density >= lowest) & (around.density <= highest)
    bins = np.digitize(around.density, edges)
    wanted, there = (np.bincount(bins[part], minlength=_DENSITY_BINS) for part in (near, far))
    if not there.any():
        raise StructureError(
            f"no mesh point further than {FAR_BOHR:g} Bohr from the vacancy has a density as "
            f"within {NEAR_BOHR:g} Bohr of it; expected a larger cell"
        )
    weights = (wanted / np.maximum(there, 1))[bins[far]]
    far_std = around.epistemic_std[far]
    order = np.argsort(far_std)
    summed = np.cumsum(weights[order])
    middle = far_std[order][np.searchsorted(summed, 0.5 * summed[-1])]
    return float(np.median(around.epistemic_std[near]) / middle)


def join(parts: Sequence[Surroundings]) -> Surroundings:
    """Put the points of several cells together."""
    return Surroundings(*(np.concatenate(arrays) for arrays in zip(*map(_arrays, parts))))  # noqa: B905


def _arrays(around: Surroundings) -> tuple[np.ndarray, ...]:
    return (around.distance_bohr, around.density, around.epistemic_std, around.deviation)


def shells(around: Surroundings) -> list[tuple[float, int, float, float]]:
    """Return the medians over shells around the vacancy, the innermost first.

    Returns
    -------
    list
        Middle of the shell, Bohr; points; medians of ``epistemic_std`` and ``deviation``, e/Bohr³.
    """
    numbers = (around.distance_bohr / _SHELL_BOHR).astype(int)
    return [
        (
            (number + 0.5) * _SHELL_BOHR,
            int(inside.sum()),
            float(np.median(around.epistemic_std[inside])),
            float(np.median(around.deviation[inside])),
        )
        for number in np.unique(numbers)
        for inside in [numbers == number]
    ]


def write_profile(around: Surroundings, table: str | Path, picture: str | Path) -> None:
    """Write and draw medians over shells around the vacancy.

    Parameters
    ----------
    around
        The points.
    table
        TSV to write: ``distance_bohr`` (middle of the shell), ``points``, ``epistemic_std`` and
        ``deviation`` (medians, e/Bohr³).
    picture
        PNG to write.
    """
    rows = shells(around)
    with replacing(table) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(["distance_bohr", "points", "epistemic_std", "deviation"])
        writer.writerows((f"{d:g}", n, f"{e:.4e}", f"{a:.4e}") for d, n, e, a in rows)
    _draw_profile(np.array(rows), contrast(around), picture)


def _draw_profile(rows: np.ndarray, ratio: float, picture: str | Path) -> None:
    figure = new_figure(5.6, 4.0)
    axes = figure.subplots()
    axes.axvspan(0.0, NEAR_BOHR, color="0.9", linewidth=0.0)
    axes.axvline(FAR_BOHR, color="0.6", linewidth=0.8, linestyle=":")
    axes.plot(rows[:, 0], rows[:, 2], "o-", color=RED, markersize=3.5, label="epistemic σ")
    axes.plot(rows[:, 0], rows[:, 3], "s-", color=BLUE, markersize=3.5, label="|error|")
    axes.set(
        xlabel="distance from the vacancy, Bohr",
        ylabel="median over the shell, e/Bohr³",
        yscale="log",
        title=f"epistemic σ at the vacancy: {ratio:.1f} × that of equal density far away",
    )
    axes.title.set_fontsize(9.5)
    axes.legend(frameon=False)
    save_figure(figure, picture)
