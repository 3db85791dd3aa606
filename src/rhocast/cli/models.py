"""Verbs ``evaluate`` and ``info``, which need no torch."""

import argparse
import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.analysis.against import judge_against, only_one
from rhocast.analysis.error_table import error_table
from rhocast.analysis.evaluation import (
    compare_snapshots,
    error_report,
    joined,
    study_vacancies,
    title_of,
)
from rhocast.analysis.figures import draw_errors
from rhocast.analysis.kpoint_error import kpoint_difference
from rhocast.analysis.model_card import write_card
from rhocast.analysis.settings import setting_difference
from rhocast.cli.job import emit
from rhocast.cli.numbers import whole_in
from rhocast.model import DensityModel

log = logging.getLogger(__name__)

#: Figures of all snapshots that are printed below the table.
OF_ALL = (
    "l1_per_electron_scaled",
    "rmse_scaled",
    "electron_count_error",
    "calibration_error",
    "points_per_second",
    "against",
    "vacancy_contrast",
)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    verb = verbs.add_parser("evaluate")
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument(
        "snapshots", nargs="+", type=Path, help="snapshot files, or densities of other formats"
    )
    verb.add_argument(
        "--against",
        type=Path,
        metavar="OTHER",
        help="another density of the one snapshot's atoms, such as one with more k-points, which "
        "snapshot and model are compared with",
    )
    verb.add_argument(
        "--samples",
        type=whole_in(2, 10_000),
        default=10,
        help="number of weight samples (default: 10)",
    )
    verb.add_argument(
        "--uncertainty",
        choices=("fast", "sampled"),
        help="standard deviations to judge (default: fast where the model has them)",
    )
    verb.add_argument(
        "--picture",
        type=Path,
        metavar="PNG",
        help="figure to write, of the errors and of how reliable σ is",
    )
    verb.add_argument(
        "--vacancy",
        type=Path,
        metavar="STEM",
        help="table STEM.tsv and figure STEM.png to write, of σ around the vacancy of each cell",
    )
    verb.add_argument(
        "--card", type=Path, metavar="MD", help="model card to write, with these errors in it"
    )
    verb.add_argument("--json", action="store_true", help="one JSON object on standard output")
    verb.set_defaults(run=_evaluate)

    verb = verbs.add_parser("info")
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument("--json", action="store_true", help="one JSON object on standard output")
    verb.set_defaults(run=_info)


def _evaluate(options: argparse.Namespace) -> None:
    model = DensityModel.load(options.model)
    uncertainty = options.uncertainty or ("sampled" if model.last_layer is None else "fast")
    comparisons = compare_snapshots(
        model, options.snapshots, options.samples, uncertainty=uncertainty
    )
    report = error_report(comparisons)
    report["kpoints"] = _tell({
        str(c.path): kpoint_difference(model, c.kpoints, c.field.cell) for c in comparisons
    })  # fmt: skip
    report["settings"] = _tell({
        str(c.path): setting_difference(model, c.settings) for c in comparisons
    })  # fmt: skip
    if options.against is not None:
        report["against"] = judge_against(only_one(comparisons), options.against)
    if options.picture is not None:
        title = title_of(Path(options.model).stem, report)
        draw_errors({title: joined(comparisons)}, options.picture)
    if options.vacancy is not None:
        files = (options.vacancy.with_name(options.vacancy.name + end) for end in (".tsv", ".png"))
        report["vacancy_contrast"] = study_vacancies(comparisons, *files)
    if options.card is not None:
        write_card(options.card, Path(options.model).stem, model, comparisons, uncertainty)
    if options.json:
        emit(report, as_json=True)
    else:
        sys.stdout.write(error_table(report) + "\n\n")
        emit({key: report[key] for key in OF_ALL if key in report}, as_json=False)


def _tell(differences: Mapping[str, str]) -> dict[str, str]:
    """Warn of files that differ from the model's data, once for each difference; return those."""
    told = {path: sentence for path, sentence in differences.items() if sentence}
    for sentence in dict.fromkeys(told.values()):
        first, *more = (path for path, said in told.items() if said == sentence)
        log.warning("%s%s: %s", first, f" and {len(more)} more" if more else "", sentence)
    return told


def _info(options: argparse.Namespace) -> None:
    model = DensityModel.load(options.model)
    figures = {
        "hash": model.hash,
        "species": " ".join(model.species),
        "descriptor": model.descriptor.model_dump(),
        "n_features": model.n_features,
        "baseline": model.baseline.parameters.model_dump() if model.baseline else "none",
        "fading_density": model.fading_density,
        "network": model.parameters.model_dump(),
        "calibrations": {kind: asdict(factors) for kind, factors in model.calibrations.items()},
        "certificate": asdict(model.certificate) if model.certificate else "none",
        **model.metadata,
    }
    emit(figures, options.json)
