"""Table and figure of the scaling curves."""

import csv
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from rhocast.analysis.picture import new_figure, save_figure
from rhocast.files import replacing
from rhocast.speed.scaling import Scaling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _RED, _ORANGE, _GREY = "#3b6ea5", "#c0392b", "#d08a2e", "0.4"


def write_scaling(path: str | Path, scaling: Scaling) -> None:
    """Write all rows as tab-separated values; the first column names the curve."""
    curves = {"size": scaling.sizes, "ranks": scaling.ranks, "dft": scaling.dft}
    rows = [{"curve": name, **row} for name, curve in curves.items() for row in curve]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, columns, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def draw_scaling(path: str | Path, scaling: Scaling) -> None:
    """Draw core seconds against atoms with DFT, points per core second, and the gain from ranks."""
    figure = new_figure(14.0, 4.2)
    cost, rate, speed = figure.subplots(1, 3)
    _draw_cost(cost, scaling)
    _draw_rate(rate, scaling)
    _draw_ranks(speed, scaling)
    figure.suptitle(f"Predictions, model: {scaling.model}")
    save_figure(figure, path)


def _draw_cost(axes: "Axes", scaling: Scaling) -> None:
    """Whole fields, from the measured rate; DFT as its files tell it."""
    atoms = [row["atoms"] for row in scaling.sizes]
    seconds = [row["points"] / row["points_per_core_second"] for row in scaling.sizes]
    axes.plot(atoms, seconds, "o-", color=_BLUE, label="prediction, whole field")
    engines = sorted({row["engine"] for row in scaling.dft})
    for engine, colour in zip(engines, cycle((_RED, _ORANGE, _GREY)), strict=False):
        own = sorted(
            (row["atoms"], row["dft_core_s"]) for row in scaling.dft if row["engine"] == engine
        )
        axes.plot(*zip(*own, strict=True), "s--", color=colour, label=f"{engine}, SCF")
    labels = {"points_s": "prediction, DFT's mesh", "whole_s": "the same with start-up"}
    for (key, label), marker in zip(labels.items(), "v^", strict=True):
        own = [(row["atoms"], row[key]) for row in scaling.dft]
        if own:
            axes.plot(*zip(*own, strict=True), marker, color=_BLUE, fillstyle="none", label=label)
    axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel="core seconds")
    axes.legend(frameon=False, fontsize=8)


def _draw_rate(axes: "Axes", scaling: Scaling) -> None:
    """Draw what cells of growing size make of the same time; memory on the other axis."""
    atoms = [row["atoms"] for row in scaling.sizes]
    rates = [1e-6 * row["points_per_core_second"] for row in scaling.sizes]
    axes.plot(atoms, rates, "o-", color=_BLUE)
    axes.set(xscale="log", xlabel="atoms", ylabel="million points per core second")
    axes.set_ylim(0.0, 1.2 * max(rates, default=1.0))
    memory = axes.twinx()
    gigabytes = [1e-9 * row["peak_rss_bytes"] for row in scaling.sizes]
    memory.plot(atoms, gigabytes, "s:", color=_RED)
    memory.set_ylabel("memory, GB", color=_RED)
    memory.set_ylim(0.0, 1.2 * max(gigabytes, default=1.0))


def _draw_ranks(axes: "Axes", scaling: Scaling) -> None:
    """Draw how much faster than the first number of ranks blocks and whole job are."""
    counts = [row["ranks"] for row in scaling.ranks]
    if scaling.ranks:
        first = scaling.ranks[0]
        blocks = [row["points_per_second"] / first["points_per_second"] for row in scaling.ranks]
        whole = [first["wall_s"] / row["wall_s"] for row in scaling.ranks]
        axes.plot(counts, blocks, "o-", color=_BLUE, label="blocks")
        axes.plot(counts, whole, "s--", color=_RED, label="whole job")
        ideal = [n / counts[0] for n in counts]
        axes.plot(counts, ideal, color=_GREY, linewidth=0.8, label="ideal")
        axes.legend(frameon=False, fontsize=8)
    axes.set(xlabel="ranks", ylabel="times faster", xticks=counts)
