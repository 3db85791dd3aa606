"""Table and figure of the scaling curves."""

import csv
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rhocast.analysis.picture import BLUE, GREY, ORANGE, RED, new_figure, save_figure
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.speed.scaling import Row, Scaling
from rhocast.tables import read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def write_scaling(path: str | Path, scaling: Scaling) -> None:
    """Write all rows as tab-separated values; the first column names the curve."""
    curves = {"size": scaling.sizes, "ranks": scaling.ranks, "dft": scaling.dft}
    rows = [{"curve": name, **row} for name, curve in curves.items() for row in curve]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, columns, delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def read_scaling(path: str | Path) -> Scaling:
    """Read what `write_scaling` has written; the file's name stands for the model's.

    Raises
    ------
    FileFormatError
        If the file is no such table.
    """
    rows = read_table(path, ("curve", "atoms"), "rhocast benchmark scaling")
    curves: dict[str, list[Row]] = {"size": [], "ranks": [], "dft": []}
    try:
        for row in rows:
            curves[row["curve"]].append(
                {name: _value(name, text) for name, text in row.items() if text}
            )
    except (KeyError, ValueError) as error:
        raise FileFormatError(
            f"{path}: {error}; expected a table of `rhocast benchmark scaling`"
        ) from error
    return Scaling(Path(path).stem, curves["size"], curves["ranks"], curves["dft"])


def _value(name: str, text: str) -> Any:
    if name in ("curve", "engine", "kpoints"):
        return text
    return int(text) if name in ("atoms", "ranks", "points", "peak_rss_bytes") else float(text)


def draw_scaling(path: str | Path, scaling: Scaling) -> None:
    """Draw core seconds against atoms with DFT, points per core second, and the gain from ranks."""
    figure = new_figure(12.0, 4.2)
    cost, rate, speed = figure.subplots(1, 3)
    _draw_cost(cost, scaling)
    _draw_rate(rate, scaling)
    _draw_ranks(speed, scaling)
    figure.suptitle(f"Predictions, model: {scaling.model}")
    save_figure(figure, path)


def draw_timing(path: str | Path, scaling: Scaling) -> None:
    """Draw core seconds of DFT and prediction against atoms, alone (the paper's Fig. 11)."""
    figure = new_figure(6.0, 4.6)
    _draw_cost(figure.subplots(), scaling)
    save_figure(figure, path)


def exponent(atoms: Sequence[float], seconds: Sequence[float]) -> float | None:
    """Return p of seconds ∝ atoms^p by least squares of logarithms; None for a single size."""
    if len(set(atoms)) < 2:
        return None
    return float(np.polyfit(np.log(atoms), np.log(seconds), 1)[0])


def _told(label: str, atoms: Sequence[float], seconds: Sequence[float]) -> str:
    power = exponent(atoms, seconds)
    return label if power is None else f"{label}: ∝ atoms$^{{{power:.2f}}}$"


def _draw_cost(axes: "Axes", scaling: Scaling) -> None:
    """Whole fields, from the measured rate; DFT as its files tell it; both with exponents."""
    atoms = [row["atoms"] for row in scaling.sizes]
    seconds = [row["points"] / row["points_per_core_second"] for row in scaling.sizes]
    label = _told("prediction, whole field", atoms, seconds)
    axes.plot(atoms, seconds, "o-", color=BLUE, label=label)
    engines = sorted({row["engine"] for row in scaling.dft})
    for engine, colour in zip(engines, cycle((RED, ORANGE, GREY)), strict=False):
        rows = [row for row in scaling.dft if row["engine"] == engine]
        own = sorted((row["atoms"], row["dft_core_s"]) for row in rows)
        label = _told(f"{engine}, SCF", *zip(*own, strict=True))
        if len({row.get("kpoints") for row in rows}) > 1:
            label += ", k-points differ"
        axes.plot(*zip(*own, strict=True), "s--", color=colour, label=label)
    labels = {"points_s": "prediction, DFT's mesh", "whole_s": "the same with start-up"}
    for (key, label), marker in zip(labels.items(), "v^", strict=True):
        own = [(row["atoms"], row[key]) for row in scaling.dft]
        if own:
            axes.plot(*zip(*own, strict=True), marker, color=BLUE, fillstyle="none", label=label)
    axes.set(xscale="log", yscale="log", xlabel="atoms", ylabel="core seconds")
    axes.legend(frameon=False, fontsize=8)


def _draw_rate(axes: "Axes", scaling: Scaling) -> None:
    """Draw what cells of growing size make of the same time; memory on the other axis."""
    atoms = [row["atoms"] for row in scaling.sizes]
    rates = [1e-6 * row["points_per_core_second"] for row in scaling.sizes]
    axes.plot(atoms, rates, "o-", color=BLUE)
    axes.set(xscale="log", xlabel="atoms", ylabel="million points per core second")
    axes.set_ylim(0.0, 1.2 * max(rates, default=1.0))
    memory = axes.twinx()
    gigabytes = [1e-9 * row["peak_rss_bytes"] for row in scaling.sizes]
    memory.plot(atoms, gigabytes, "s:", color=RED)
    memory.set_ylabel("memory, GB", color=RED)
    memory.set_ylim(0.0, 1.2 * max(gigabytes, default=1.0))


def _draw_ranks(axes: "Axes", scaling: Scaling) -> None:
    """Draw how much faster than the first number of ranks blocks and whole job are."""
    counts = [row["ranks"] for row in scaling.ranks]
    if scaling.ranks:
        first = scaling.ranks[0]
        blocks = [row["points_per_second"] / first["points_per_second"] for row in scaling.ranks]
        whole = [first["wall_s"] / row["wall_s"] for row in scaling.ranks]
        axes.plot(counts, blocks, "o-", color=BLUE, label="blocks")
        axes.plot(counts, whole, "s--", color=RED, label="whole job")
        ideal = [n / counts[0] for n in counts]
        axes.plot(counts, ideal, color=GREY, linewidth=0.8, label="ideal")
        axes.legend(frameon=False, fontsize=8)
    axes.set(xlabel="ranks", ylabel="times faster", xticks=counts)
