"""The verb ``study``: models trained and measured to answer one question."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast.cli.config_option import add_config_option
from rhocast.cli.numbers import MOST_ATOMS, whole_in
from rhocast.config import load_config, seed_for
from rhocast.config.studies import OWN
from rhocast.datasets.entry import find_snapshots
from rhocast.model import DensityModel
from rhocast.studies.cell_sizes import compare_cells, draw_cells, first_large_enough
from rhocast.studies.descriptor_sizes import measure_point, report_descriptors
from rhocast.studies.economy import Economy, draw_economy
from rhocast.studies.sigma import draw_sigma, sigma_by_size
from rhocast.studies.table import write_rows
from rhocast.studies.vacancy import add_vacancy, draw_vacancy, vacancy_rows

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of ``study``."""
    verb = verbs.add_parser("study")
    studies = verb.add_subparsers(title="studies", metavar="STUDY", required=True)

    study = studies.add_parser(
        "descriptors", help="study the held-out error against the sizes of the descriptor"
    )
    _add_snapshots(study, "to train on and judge by, of two trajectories or more")
    _add_common(study, "studies, descriptor and all of learning")
    study.set_defaults(run=_descriptors, draws=True)

    study = studies.add_parser("cells", help="study which cell is large enough to transfer to")
    _add_snapshots(study, "of two sizes or more; structures alone compare features alone")
    _add_common(study, "descriptor, material")
    study.set_defaults(run=_cells, draws=True)

    study = studies.add_parser(
        "economy", help="study the error on larger cells against core hours of DFT"
    )
    for option, meaning in (
        ("--small", "of small cells, to train on"),
        ("--larger", "of larger cells, to train on and to transfer to"),
        ("--judges", "of larger cells, to judge by"),
    ):
        study.add_argument(
            option, nargs="+", required=True, type=Path, metavar="FILE", help=f"snapshots {meaning}"
        )
    _add_common(study, "studies, transfer and all of learning")
    study.set_defaults(run=_economy, draws=True)

    study = studies.add_parser("vacancy", help="study what one snapshot with a vacancy adds")
    _add_snapshots(study, "to train on, of two trajectories or more")
    study.add_argument(
        "--add", required=True, type=Path, metavar="FILE", help="snapshot with a vacancy"
    )
    study.add_argument(
        "--judges",
        nargs="+",
        required=True,
        type=Path,
        metavar="FILE",
        help="further snapshots with a vacancy, to judge by",
    )
    _add_common(study, "studies and all of learning")
    study.set_defaults(run=_vacancy, draws=True)

    study = studies.add_parser("sigma", help="study σ against the size of the cell")
    study.add_argument("model", help="model file or name of a shipped model")
    study.add_argument(
        "--atoms",
        type=whole_in(1, MOST_ATOMS),
        default=1_100_000,
        help="number of atoms of the largest cell (default: 1,100,000)",
    )
    _add_common(study, "the first cell of training")
    study.set_defaults(run=_sigma, draws=True)


def _add_snapshots(study: argparse.ArgumentParser, meaning: str) -> None:
    study.add_argument(
        "snapshots", nargs="+", type=Path, metavar="FILE", help=f"snapshot files {meaning}"
    )


def _add_common(study: argparse.ArgumentParser, used: str) -> None:
    study.add_argument("-o", "--output", required=True, type=Path, help="folder to write to")
    add_config_option(study, used)
    study.set_defaults(writes_folder=True)


def _descriptors(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    snapshots = find_snapshots(options.snapshots)
    points = {}
    for point in (OWN, *config.studies.points(config.recipe)):
        points[point] = options.output / f"descriptors/{point}.json"
        measure_point(
            config.studies.recipe(point, config.recipe),
            snapshots,
            seeds=config.studies.seeds,
            seed=seed_for(config.seed, "descriptors"),
            out=points[point],
        )
    report_descriptors(
        config.studies,
        config.recipe,
        points,
        table=options.output / "descriptors.tsv",
        picture=options.output / "descriptors.png",
        recommended=options.output / "recommended.yaml",
    )


def _cells(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    rows = compare_cells(
        options.snapshots,
        config.descriptor,
        tuple(config.material.pseudopotentials),
    )
    write_rows(options.output / "cells.tsv", rows)
    draw_cells(rows, options.output / "cells.png")
    log.info("large enough: %s", first_large_enough(rows) or "none of these sizes")


def _economy(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    rows = []
    for number in range(config.studies.seeds):
        study = Economy(
            config.recipe,
            config.studies.short(config.transfer),
            find_snapshots(options.judges),
            seed_for(config.seed, "economy", number),
        )
        rows += study.measure(find_snapshots(options.small), find_snapshots(options.larger))
    write_rows(options.output / "economy.tsv", rows)
    draw_economy(rows, options.output / "economy.png")


def _vacancy(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    around = add_vacancy(
        config.recipe,
        find_snapshots(options.snapshots),
        options.add,
        find_snapshots(options.judges),
        seed_for(config.seed, "vacancy"),
        config.studies.seeds,
    )
    write_rows(options.output / "vacancy.tsv", vacancy_rows(around))
    draw_vacancy(around, options.output / "vacancy.png")


def _sigma(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    cell = config.training_cell
    rows = sigma_by_size(
        DensityModel.load(options.model),
        cell,
        debye_temperature_K=config.material.debye_temperature_K,
        max_atoms=options.atoms,
        seed=seed_for(config.seed, "sigma"),
    )
    write_rows(options.output / "sigma.tsv", rows)
    draw_sigma(rows, cell.temperature_K, options.output / "sigma.png")
