"""How large the descriptor has to be (the paper's Fig. 15).

Sizes of the descriptor, and of the multipoles of the pseudo-atoms where there are some. Each is
varied while the others stay as in the configuration. A model is trained at every point, and judged
by trajectories held back. The smallest size is large enough which no larger one betters by more
than a given share of the error.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from rhocast import config
from rhocast.analysis.picture import new_figure, save_figure
from rhocast.config.studies import MULTIPOLES, OWN
from rhocast.files import replacing
from rhocast.learning.feature_file import file_sha256
from rhocast.learning.training import config_hash
from rhocast.studies.table import write_rows
from rhocast.studies.trials import hold_back, train_trials, trial_seeds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

log = logging.getLogger(__name__)

#: Panels beside each other, in the figure.
_COLUMNS = 3
_TITLES = {
    "distances": "M, nearest atoms",
    "angle_atoms": "M_a, of them with cosines",
    "angle_neighbours": "k, neighbours of these",
    "radial_functions": "radial functions",
    "angular": "highest l",
    "cutoff_bohr": "cutoff, Bohr",
}


@dataclass(frozen=True)
class Point:
    """One choice of sizes, measured.

    Attributes
    ----------
    features
        Length of the descriptor's vector.
    errors
        Root-mean-square error on what was held back, one for each seed, e/Bohr³.
    held_back
        Trajectories.
    key
        Hash of data and settings.
    """

    features: int
    errors: tuple[float, ...]
    held_back: tuple[str, ...]
    key: str


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes
    ----------
    size, value
        What was varied, and to what.
    features
        Length of the descriptor's vector, which multipoles have no part in.
    rmse, spread
        Mean and standard deviation of the error over seeds, e/Bohr³.
    verdict
        ``too small``, ``recommended``, ``large enough``, or of the largest value ``largest``.
    """

    size: str
    value: float
    features: int
    rmse: float
    spread: float
    verdict: str


def measure_point(
    recipe: config.Recipe, snapshots: Sequence[Path], *, seeds: int, seed: int, out: Path
) -> None:
    """Train models with the sizes of a recipe and write how well they do on unseen data.

    Nothing is done where the file is there already and comes from the same data and settings.

    Parameters
    ----------
    recipe
        Of the point.
    snapshots
        Snapshot files of two trajectories or more.
    seeds
        Trainings.
    seed
        Everything random follows from it; the same for all points.
    out
        JSON file to write.
    """
    recipe = hold_back(recipe, snapshots, seed)
    key = config_hash(recipe, str(seeds), str(seed), *map(file_sha256, snapshots))
    if out.is_file() and read_point(out).key == key:
        log.info("%s is there already", out)
        return
    models = train_trials(recipe, snapshots, trial_seeds(seed, seeds))
    errors = tuple(model.metadata["training"]["validation"]["rmse"] for model in models)
    log.info("%s: rmse %.2e e/Bohr³", out.stem, np.mean(errors))
    point = Point(models[0].n_features, errors, recipe.training.validation_trajectories, key)
    with replacing(out) as partial:
        partial.write_text(json.dumps(asdict(point)) + "\n", encoding="utf-8")


def read_point(path: str | Path) -> Point:
    """Read what `measure_point` has written."""
    values = json.loads(Path(path).read_text(encoding="utf-8"))
    return Point(
        values["features"], tuple(values["errors"]), tuple(values["held_back"]), values["key"]
    )


def large_enough(errors: Sequence[float], max_gain: float) -> int:
    """Return the first of rising sizes that no larger one betters by more than a share.

    Parameters
    ----------
    errors
        One for each size.
    max_gain
        Share of the error that a larger size may still gain.
    """
    found = np.array(errors)
    best_beyond = np.minimum.accumulate(found[::-1])[::-1]
    return int(np.argmax(best_beyond >= (1.0 - max_gain) * found))


def report_descriptors(
    studies: config.Studies,
    own: config.Recipe,
    points: Mapping[str, str | Path],
    *,
    table: str | Path,
    picture: str | Path,
    recommended: str | Path,
) -> None:
    """Judge the points of a study; write its table, figure and recommended sections.

    Parameters
    ----------
    studies, own
        Section of the configuration, and what the point `OWN` was made with.
    points
        Files of `measure_point` by the name of the point.
    table, picture, recommended
        Files to write: TSV, PNG, YAML.
    """
    measured = {name: read_point(path) for name, path in points.items()}
    rows = [row for size in own.sizes for row in judge(
        size, studies.series(size, own), measured, studies.max_gain
    )]  # fmt: skip
    write_rows(table, rows)
    _draw(rows, measured[OWN], studies.max_gain, picture)
    _recommend(rows, measured[OWN], own, studies.max_gain, recommended)


def judge(
    size: str, series: Mapping[float, str], points: Mapping[str, Point], max_gain: float
) -> list[Row]:
    """Compare the values of one size, the smallest first."""
    measured = [points[name] for name in series.values()]
    errors = [float(np.mean(point.errors)) for point in measured]
    chosen, last = large_enough(errors, max_gain), len(errors) - 1
    rows = []
    for number, (value, point) in enumerate(zip(series, measured, strict=True)):
        verdict = "too small" if number < chosen else "large enough"
        if number == last:
            verdict = "largest"
        elif number == chosen:
            verdict = "recommended"
        spread = float(np.std(point.errors))
        rows.append(Row(size, value, point.features, errors[number], spread, verdict))
    return rows


def _recommend(
    rows: Sequence[Row], measured: Point, own: config.Recipe, max_gain: float, path: str | Path
) -> None:
    """Write the sections; a size without a verdict in its favour is the largest."""
    descriptor = own.descriptor.model_dump()
    sections: dict[str, dict[str, Any]] = {"descriptor": descriptor}
    if own.baseline is not None and own.baseline.multipoles is not None:
        sections["baseline"] = own.baseline.model_dump()
    remarks = {}
    for size in own.sizes:
        series = [row for row in rows if row.size == size]
        chosen = next((row for row in series if row.verdict == "recommended"), series[-1])
        of_multipoles, _, key = size.rpartition(".")
        section = sections["baseline"][MULTIPOLES] if of_multipoles else descriptor
        section[key] = type(section[key])(chosen.value)
        if chosen.verdict != "recommended":
            remarks[size] = " # not converged: try larger ones"
    if "angle_atoms" in descriptor:
        descriptor["angle_atoms"] = min(descriptor["angle_atoms"], descriptor["distances"])
    lines = [
        f"# The smallest sizes that no larger one tried betters by more than {max_gain:.2g} of the",
        f"# error on trajectories held back ({', '.join(measured.held_back)}), each varied alone.",
        f"# Before: {measured.features} features, rmse {np.mean(measured.errors):.2e} e/Bohr³.",
    ]
    for name, section in sections.items():
        lines += [f"{name}:", *_lines(section, remarks)]
    with replacing(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _lines(section: Mapping[str, Any], remarks: Mapping[str, str], above: str = "") -> list[str]:
    """Write a section as YAML, with remarks on some keys, of sections within it too."""
    lines = []
    for key, value in section.items():
        if isinstance(value, dict):
            within = _lines(value, remarks, f"{key}.")
            lines += [f"  {key}:", *(f"  {line}" for line in within)]
        else:
            remark = remarks.get(above + key, "")
            lines.append(f"  {yaml.safe_dump({key: value}).strip()}{remark}")
    return lines


def _draw(rows: Sequence[Row], own: Point, max_gain: float, picture: str | Path) -> None:
    sizes = list(dict.fromkeys(row.size for row in rows))
    lines = -(-len(sizes) // _COLUMNS)
    figure = new_figure(3.3 * _COLUMNS, 0.6 + 3.1 * lines)
    panels = figure.subplots(lines, _COLUMNS, sharey=True, squeeze=False)
    for axes, size in zip(panels.flat, sizes, strict=True):  # three sizes of each part
        _draw_series(axes, [row for row in rows if row.size == size], max_gain)
        part, _, key = size.rpartition(".")
        axes.set_xlabel(f"{part}: {_TITLES[key]}" if part else _TITLES[key])
    for axes in panels[:, 0]:
        axes.set_ylabel("RMSE held out, e/Bohr³")
    figure.suptitle(
        f"Held out: {', '.join(own.held_back)}. Ringed: recommended; band: within {max_gain:.0%} "
        "of its error",
        fontsize=10,
    )
    save_figure(figure, picture)


def _draw_series(axes: "Axes", rows: Sequence[Row], max_gain: float) -> None:
    values, errors = [row.value for row in rows], [row.rmse for row in rows]
    axes.errorbar(values, errors, [row.spread for row in rows], fmt="o-", color="#3b6ea5")
    for row in rows:
        if row.verdict == "recommended":
            axes.plot(row.value, row.rmse, "o", markersize=13, fillstyle="none", color="#c0392b")
            axes.axhspan((1.0 - max_gain) * row.rmse, row.rmse, color="0.88", linewidth=0.0)
    axes.set_yscale("log")
