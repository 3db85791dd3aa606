"""The verb ``plan``: what a campaign will cost."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.cli.job import emit
from rhocast.config import load_config
from rhocast.planning import Calibration, Stage, calibrate, estimate, read_calibration

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of ``plan``."""
    verb = verbs.add_parser(
        "plan",
        description="Estimate what a campaign costs, from a calibration of a minute or two on this "
        "machine, or a stored one. Core hours come out within a factor of two for cells up to "
        "some ten times as large as what was measured; `--finished` takes real runs in.",
    )
    verb.add_argument("config", type=Path, help="configuration")
    verb.add_argument(
        "--calibration",
        type=Path,
        metavar="JSON",
        help="take the calibration from this file, if it is of the same material, engine and "
        "model; measure and write it if it is not there",
    )
    verb.add_argument(
        "--finished",
        nargs="+",
        type=Path,
        metavar="HDF5",
        default=[],
        help="snapshot files of the same engine and settings that the calibration takes in",
    )
    verb.add_argument("--json", action="store_true", help="one JSON object on standard output")
    verb.set_defaults(run=_plan)


def _plan(options: argparse.Namespace) -> None:
    settings = load_config(options.config)
    if options.calibration is not None and options.calibration.is_file():
        calibration = read_calibration(options.calibration)
        calibration.check(settings, str(options.calibration))
    else:
        calibration = calibrate(settings, options.finished)
        if options.calibration is not None:
            calibration.write(options.calibration)
    stages = estimate(settings, calibration)
    if options.json:
        emit({stage.name: asdict(stage) for stage in stages}, as_json=True)
    else:
        sys.stdout.write(table(stages, calibration) + "\n")


def table(stages: Sequence[Stage], calibration: Calibration) -> str:
    """Write the stages and their sum as text in columns."""
    total = Stage(
        "total",
        sum(stage.jobs for stage in stages),
        sum(stage.core_hours for stage in stages),
        max(stage.longest_core_hours for stage in stages),
        max(stage.memory_gb for stage in stages),
        sum(stage.disk_gb for stage in stages),
    )
    heads = ("stage", "jobs", "core hours", "longest job", "memory, GB", "disk, GB")
    rows = [heads, *(_row(stage) for stage in (*stages, total))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    lines.append(
        f"Single points by {calibration.engine}, {calibration.scf_iterations:.0f} iterations each; "
        "memory of the largest job, all ranks; disk that is left when all is done."
    )
    return "\n".join(lines)


def _row(stage: Stage) -> tuple[str, ...]:
    figures = (stage.core_hours, stage.longest_core_hours, stage.memory_gb, stage.disk_gb)
    return stage.name, str(stage.jobs), *(f"{figure:,.3g}" for figure in figures)
