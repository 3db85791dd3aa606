"""Table, figure and recommended settings of a convergence study."""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rhocast import config
from rhocast.analysis.picture import MISPLACED, new_figure, save_figure
from rhocast.config.convergence import refined
from rhocast.engines.convergence import Series, Trial, judge
from rhocast.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

log = logging.getLogger(__name__)

#: Rows of the figure: attribute of a `Difference`, label, the key of the criterion.
QUANTITIES = (
    ("density_share", "∫|Δρ|/N_e", "max_density_share"),
    ("energy_ha_per_atom", "energy, Ha/atom", "max_energy_ha_per_atom"),
    ("force_ha_per_bohr", "largest force, Ha/Bohr", "max_force_ha_per_bohr"),
)

#: Verdict on a value that misses the criteria.
_TOO_COARSE = "too coarse"

_TITLES = {
    "kpoints": "k-points",
    "resolution": "mesh spacing, cutoff",
    "smearing": "smearing",
    "scf_tolerance": "SCF tolerance",
}


def report_study(
    study: config.Convergence,
    dft: config.Dft,
    points: Mapping[str, str | Path],
    *,
    table: str | Path,
    picture: str | Path,
    recommended: str | Path,
) -> list[str]:
    """Compare the single points of a study; write its table, figure and recommended settings.

    Parameters
    ----------
    study, dft
        Sections of the configuration.
    points
        Snapshot files by the name of the point.
    table, picture, recommended
        Files to write: TSV, PNG, YAML.

    Returns
    -------
    list of str
        A sentence for each parameter whose setting is too coarse.
    """
    series = judge(study, dft, points)
    for one in series:
        log.info("%s", describe(one))
    write_table(table, series, study)
    draw_convergence(picture, series, study)
    write_recommendation(recommended, series, study, dft)
    sentences = [
        f"the settings of `dft` are too coarse: {describe(one)}" for one in series if _coarse(one)
    ]
    for sentence in sentences:
        log.warning("%s", sentence)
    return sentences


def _coarse(series: Series) -> bool:
    """Say whether the setting of `dft` misses the criteria."""
    own, found = series.own, series.recommended
    compared = own is None or own.difference is not None
    return compared and (found is None or found > 1.0)


def write_table(path: str | Path, series: Sequence[Series], study: config.Convergence) -> None:
    """Write every value of every parameter as tab-separated values, differences in full."""
    measured = ("density_share", "density_rmse", "energy_ha_per_atom", "force_ha_per_bohr")
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(["parameter", "fineness", "setting", *measured, "verdict", "core_seconds"])
        for one in series:
            for trial in one.trials:
                difference = trial.difference
                table.writerow(
                    [
                        one.parameter,
                        f"{trial.fineness:g}",
                        trial.setting,
                        *("" if difference is None else f"{getattr(difference, name):.3e}"
                          for name in measured),
                        _verdict(one, trial, study),
                        f"{trial.core_seconds:.1f}",
                    ]
                )  # fmt: skip


def not_converged(table: str | Path, study: config.Convergence) -> list[str]:
    """Read ``convergence.tsv``; say in a sentence which settings of `dft` miss the criteria.

    A setting misses them, too, if a finer one does.
    """
    with Path(table).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    sentences: dict[str, str] = {}
    for row in rows:
        if float(row["fineness"]) >= 1.0 and row["verdict"] == _TOO_COARSE:
            missed = ", ".join(
                f"{_measured(label, float(row[quantity]))} (at most {getattr(study, criterion):g})"
                for quantity, label, criterion in QUANTITIES
                if float(row[quantity]) > getattr(study, criterion)
            )
            said = f"{_TITLES[row['parameter']]}: {row['setting']} is not converged by the criteria"
            sentences.setdefault(row["parameter"], f"{said} of `convergence`: {missed}")
    return list(sentences.values())


def _measured(label: str, value: float) -> str:
    name, _, unit = label.partition(", ")
    return f"{name} {value:.2g} {unit}".rstrip()


def write_recommendation(
    path: str | Path, series: Sequence[Series], study: config.Convergence, dft: config.Dft
) -> None:
    """Write the section `dft` that the study recommends as YAML, its reasons as comments.

    A parameter whose values all differ too much from the finest keeps the setting of `dft`, and
    the comment says so.
    """
    lines = [
        "# The coarsest settings that differ from the finest tried, as all in between do, by at "
        "most",
        f"# {study.max_density_share:.2g} of the electrons, {study.max_energy_ha_per_atom:.2g} "
        f"Ha/atom and {study.max_force_ha_per_bohr:.2g} Ha/Bohr.",
        *(f"# {describe(one)}" for one in series),
        "dft:",
    ]
    for one in series:
        keys = refined(one.parameter, one.recommended or 1.0, dft)
        remark = "" if one.recommended else " # not converged"
        lines += [f"  {key}: {value:.6g}{remark}" for key, value in keys.items()]
    with replacing(path) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def describe(series: Series) -> str:
    """Say in a sentence how far the setting of `dft` is converged."""
    own, finest = series.own, series.trials[-1]
    name = _TITLES[series.parameter]
    if own is None:
        return f"{name}: the setting of `dft` was rejected"
    if own.difference is None:
        return f"{name}: {own.setting}, nothing finer to compare with"
    return (
        f"{name}: {own.setting} against {finest.setting}: {own.difference.density_share:.2%} of "
        f"the electrons, RMSE {own.difference.density_rmse:.1e} e/Bohr³, "
        f"{1e3 * own.difference.energy_ha_per_atom:.2g} mHa/atom, "
        f"{own.difference.force_ha_per_bohr:.1e} Ha/Bohr"
    )


def draw_convergence(path: str | Path, series: Sequence[Series], study: config.Convergence) -> None:
    """Draw density, energy and forces over the fineness of every parameter, with the criteria."""
    varied = [one for one in series if len(one.trials) > 1]
    figure = new_figure(3.2 * max(1, len(varied)), 7.0)
    panels = figure.subplots(len(QUANTITIES), max(1, len(varied)), squeeze=False)
    for column, one in enumerate(varied):
        for row, (quantity, label, criterion) in enumerate(QUANTITIES):
            axes = panels[row, column]
            _draw_series(axes, one, quantity, getattr(study, criterion))
            if column == 0:
                axes.set_ylabel(label.replace("∫|Δρ|/N_e", MISPLACED))
            if row == 0:
                axes.set_title(_TITLES[one.parameter])
        panels[-1, column].set_xlabel("fineness (1: `dft`)")
    figure.suptitle("Difference from the finest value\n(dashed: criterion, ringed: recommended)")
    save_figure(figure, path)


def _draw_series(axes: "Axes", series: Series, quantity: str, criterion: float) -> None:
    shown = [trial for trial in series.trials if trial.difference is not None]
    finenesses = [trial.fineness for trial in shown]
    exact = np.array([getattr(trial.difference, quantity) for trial in shown], dtype=float)
    lowest, highest = _decades([criterion, *exact[exact > 0.0]])
    zero = lowest * (highest / lowest) ** 0.08  # at the lower end of the axis
    values = np.where(exact > 0.0, exact, zero)
    axes.plot(finenesses, values, "o-", color="#3b6ea5")
    for fineness, value, difference in zip(finenesses, values, exact, strict=True):
        if difference == 0.0:
            axes.annotate("0", (fineness, value), (10, -4), textcoords="offset points")
        if fineness == series.recommended:
            axes.plot(
                fineness,
                value,
                "o",
                markersize=13,
                fillstyle="none",
                color="#c0392b",
                clip_on=False,
            )
    axes.axhline(criterion, color="0.4", linestyle="--", linewidth=0.9)
    axes.set(yscale="log", ylim=(lowest, highest))
    if series.parameter == "scf_tolerance":
        axes.set_xscale("log")
    axes.set_xticks(finenesses, [f"{fineness:g}" for fineness in finenesses])
    axes.minorticks_off()


def _decades(values: Sequence[float]) -> tuple[float, float]:
    """Return the powers of ten about positive values, with some space below and above."""
    ends = (np.floor(np.log10(0.7 * min(values))), np.ceil(np.log10(1.4 * max(values))))
    return float(10.0 ** ends[0]), float(10.0 ** ends[1])


def _verdict(series: Series, trial: Trial, study: config.Convergence) -> str:
    if trial.difference is None:
        return "reference"
    if trial.fineness == series.recommended:
        return "recommended"
    return "converged" if trial.difference.within(study) else _TOO_COARSE
