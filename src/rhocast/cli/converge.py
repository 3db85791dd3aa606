"""The verb ``converge``: how far the settings of `dft` are converged."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast import config
from rhocast.analysis.convergence_report import report_study
from rhocast.cli.config_option import add_config_option
from rhocast.cli.engine_options import add_engine_options, engine_of, launcher_of
from rhocast.engines import resolve_pseudopotentials
from rhocast.engines.convergence import compute_points
from rhocast.errors import ConfigError
from rhocast.structures import build_system

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of ``converge``."""
    verb = verbs.add_parser(
        "converge",
        description="Compute the single points of the section `convergence` one after another "
        "(those that are there are kept) and write convergence.tsv, convergence.png and "
        "recommended.yaml.",
    )
    add_config_option(verb, "convergence, dft, material, systems")
    verb.add_argument("-o", "--output", required=True, type=Path, help="folder to write to")
    add_engine_options(verb)
    verb.set_defaults(run=_converge, draws=True, writes_folder=True)


def _converge(options: argparse.Namespace) -> None:
    settings = config.load_config(options.config)
    study = settings.convergence
    if study is None:
        raise ConfigError(
            f"{options.config}: convergence: expected a section that names a `system`, found none"
        )
    structure = build_system(
        study.cell(settings.systems),
        settings.material.debye_temperature_K,
        config.seed_for(settings.seed, "structure", study.system),
    )
    pseudopotentials = resolve_pseudopotentials(
        settings.material.pseudopotentials, settings.dft.functional
    )
    points = compute_points(
        engine_of(options, settings.dft),
        structure,
        study,
        settings.dft,
        {element: pseudopotentials[element] for element in structure.species},
        launcher=launcher_of(options),
        folder=options.output,
        kpoint_seed=settings.kpoint_seed("convergence"),
    )
    report_study(
        study,
        settings.dft,
        points,
        table=options.output / "convergence.tsv",
        picture=options.output / "convergence.png",
        recommended=options.output / "recommended.yaml",
    )
