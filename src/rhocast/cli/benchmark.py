"""The verb ``benchmark``: how fast predictions are on this machine."""

import argparse
import logging
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.cli.job import emit
from rhocast.cli.numbers import MOST_ATOMS, number_in, whole_in
from rhocast.engines import Launcher
from rhocast.evaluation.gpu import gpu_named
from rhocast.speed import (
    Subject,
    benchmark_inference,
    draw_scaling,
    measure_scaling,
    write_scaling,
)
from rhocast.speed.scaling import SIZES

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of ``benchmark``."""
    verb = verbs.add_parser("benchmark")
    actions = verb.add_subparsers(title="actions", metavar="ACTION", required=True)

    action = actions.add_parser(
        "inference",
        help="points per second, against the core's arithmetic peak",
        description="Compute blocks all over a thermal crystal, as `rhocast predict` does, and "
        "compare the useful operations per second with those of multiply-adds in registers, timed "
        "in turns with them.",
    )
    _add_model(action)
    action.add_argument(
        "--atoms",
        type=whole_in(1, MOST_ATOMS),
        default=4000,
        help="approximate number of atoms (default: 4000)",
    )
    action.add_argument(
        "--device",
        default="cpu",
        help="device that computes: `cpu`, `cuda`, `cuda:1` (default: cpu)",
    )
    action.add_argument("--json", action="store_true", help="one JSON object on standard output")
    action.set_defaults(run=_inference)

    action = actions.add_parser(
        "scaling",
        help="cost against size, ranks and DFT: a table and a figure",
        description="Measure points per second in cells of growing size, one prediction on more "
        "and more ranks, and predictions against what DFT cost.",
    )
    _add_model(action)
    action.add_argument(
        "-o", "--output", required=True, type=Path, help="table to write (TSV); the figure is "
        "written beside it (PNG)",
    )  # fmt: skip
    action.add_argument(
        "--atoms",
        type=whole_in(1, MOST_ATOMS),
        nargs="+",
        default=SIZES,
        help="numbers of atoms (default: 864 to 4 million)",
    )
    action.add_argument(
        "--rank-atoms",
        type=whole_in(1, MOST_ATOMS),
        default=4000,
        help="number of atoms of the cell for the ranks (default: 4000)",
    )
    action.add_argument(
        "--launcher",
        default="mpirun -n 2",
        help="command that starts the largest number of ranks; 1, 2, 4 … up to it are measured "
        "(default: 'mpirun -n 2')",
    )
    action.add_argument(
        "--snapshots",
        nargs="+",
        type=Path,
        metavar="PATH",
        default=(),
        help="snapshot files or folders of the model's elements, with whose DFT cost the "
        "predictions are compared",
    )
    action.add_argument("--json", action="store_true", help="rows as JSON on standard output, too")
    action.set_defaults(run=_scaling, draws=True)


def _add_model(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--model",
        help="model file or name of a shipped model (default: that of aluminium, else one of its "
        "shape with random weights)",
    )
    action.add_argument(
        "--seconds",
        type=number_in(0.001, 1_000_000, "s"),
        default=10.0,
        help="time for each figure, s (default: 10)",
    )


def _inference(options: argparse.Namespace) -> None:
    subject = Subject.load(options.model)
    device = gpu_named(options.device)
    found = benchmark_inference(subject, options.atoms, options.seconds, device=device)
    emit(found, options.json)


def _scaling(options: argparse.Namespace) -> None:
    scaling = measure_scaling(
        options.model,
        sizes=options.atoms,
        seconds=options.seconds,
        launcher=Launcher(tuple(shlex.split(options.launcher))),
        rank_atoms=options.rank_atoms,
        snapshots=options.snapshots,
    )
    write_scaling(options.output, scaling)
    draw_scaling(options.output.with_suffix(".png"), scaling)
    log.info("%s and its figure are written", options.output)
    if options.json:
        emit(asdict(scaling), as_json=True)
