"""The verb ``acquire``: which densities to compute next."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast.cli.numbers import whole_in
from rhocast.datasets.chosen_frames import write_choices
from rhocast.learning import Candidate, acquire
from rhocast.model import DensityModel
from rhocast.structures import read_structures

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of the verb."""
    verb = verbs.add_parser(
        "acquire",
        description="Choose structures whose densities to compute: those that are most "
        "uncertain and least alike. Writes a table, the most informative first: file, number "
        "in the file, information that the density adds to those before it (nats), epistemic "
        "standard deviation.",
    )
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument(
        "structures",
        nargs="+",
        help="files that ASE reads, with all structures that they hold (`run.extxyz@100::50`: "
        "every fiftieth from the hundredth on), or HDF5 files of rhocast",
    )
    verb.add_argument(
        "-n",
        "--number",
        required=True,
        type=whole_in(1, 1_000_000),
        help="number of structures to choose",
    )
    verb.add_argument("-o", "--output", required=True, type=Path, help="table to write")
    verb.set_defaults(run=_acquire)


def _acquire(options: argparse.Namespace) -> None:
    candidates = [
        Candidate(name, frame, structure)
        for name in options.structures
        for frame, structure in read_structures(name).items()
    ]
    choices = acquire(DensityModel.load(options.model), candidates, options.number)
    write_choices(options.output, choices)
    for choice in choices:
        log.info("%s, structure %d: %.3g nats", choice.source, choice.frame, choice.gain_nats)
