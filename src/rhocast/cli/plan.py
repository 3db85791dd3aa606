"""The verb ``plan``: what a campaign will cost."""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.analysis.verdict import percent
from rhocast.cli.job import emit
from rhocast.cli.numbers import MOST_RANKS, whole_in
from rhocast.config import Config, load_config
from rhocast.errors import ConfigError
from rhocast.planning import Calibration, Stage, calibrate, complete, estimate, read_calibration
from rhocast.planning.machine import NO_ENGINE
from rhocast.planning.resources import PARALLEL, write_resources

log = logging.getLogger(__name__)

#: Rooms whose log of the small models and cells of a calibration nobody needs.
_OWN_LOGS = ("engines", "inference", "learning", "model", "parallel", "structures")


def add_verbs(verbs: Any) -> None:
    """Add the parser of ``plan``."""
    verb = verbs.add_parser(
        "plan",
        description="Estimate what a campaign costs, from a calibration of some minutes on this "
        "machine, or a stored one. Core hours are the wall time of a job times the cores that it "
        "is given, where all its ranks are kept busy. They come out within a factor of two for "
        "cells up to some ten times as large as what was measured. `--finished` takes real runs "
        "into account.",
    )
    verb.add_argument("config", type=Path, help="configuration")
    verb.add_argument(
        "--calibration",
        type=Path,
        metavar="JSON",
        help="file of the calibration, of the same material, engine and model; it is measured and "
        "written if it is not there, and dynamics that it lacks are added",
    )
    verb.add_argument(
        "--finished",
        nargs="+",
        type=Path,
        metavar="HDF5",
        default=[],
        help="snapshot files of the same engine and settings that the calibration takes in",
    )
    verb.add_argument(
        "--profile",
        type=Path,
        metavar="FOLDER",
        help="folder of a profile to write, which gives each rule twice its estimated wall time "
        "and memory, and more when a job is tried again: `snakemake --workflow-profile FOLDER`",
    )
    verb.add_argument(
        "--tasks",
        nargs="+",
        type=_tasks,
        metavar="RULE=N",
        default=[],
        help="numbers of MPI ranks for the profile, such as scf=16 predict=64 (2 otherwise)",
    )
    verb.add_argument("--json", action="store_true", help="one JSON object on standard output")
    verb.set_defaults(run=_plan)


def _tasks(text: str) -> tuple[str, int]:
    rule, _, number = text.partition("=")
    if rule not in PARALLEL or not number:
        raise argparse.ArgumentTypeError(
            f"expected RULE=N with RULE among {', '.join(PARALLEL)}, found {text[:40]!r}"
        )
    return rule, whole_in(1, MOST_RANKS)(number)


def _plan(options: argparse.Namespace) -> None:
    settings = load_config(options.config)
    with _quiet():
        calibration = _calibration(options, settings)
        stages = estimate(settings, calibration)
        rounds = _of_rounds(settings, stages, calibration) if settings.goal else ""
    if options.profile is not None:
        write_resources(options.profile, stages, dict(options.tasks))
    if options.json:
        emit({stage.name: asdict(stage) for stage in stages}, as_json=True)
    else:
        sys.stdout.write(table(stages, calibration) + "\n" + rounds)


def _calibration(options: argparse.Namespace, settings: Config) -> Calibration:
    if options.calibration is not None and options.calibration.is_file():
        calibration = read_calibration(options.calibration)
        if options.finished:
            raise ConfigError(
                f"--finished: {options.calibration} is measured already and takes no runs in; give "
                "the name of a new file, which is measured and written"
            )
        calibration.check(settings, str(options.calibration))
        if lacking := calibration.lacking(settings):
            log.info("%s: measuring %s, too", options.calibration, " and ".join(lacking))
            calibration = complete(calibration, settings)
            calibration.write(options.calibration)
        return calibration
    log.info("measuring small cells on this machine, which takes some minutes")
    calibration = calibrate(settings, options.finished)
    if options.calibration is not None:
        calibration.write(options.calibration)
    return calibration


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what the small models and cells of a calibration log."""
    loggers = [logging.getLogger(f"rhocast.{room}") for room in _OWN_LOGS]
    before = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _of_rounds(settings: Config, stages: Sequence[Stage], calibration: Calibration) -> str:
    """Say what the first round costs and what all of them cost: the goal decides how many."""
    assert settings.goal is not None
    most = sum(stage.core_hours for stage in stages)
    first = sum(stage.core_hours for stage in estimate(settings.of_round(1), calibration))
    return (
        f"Core hours with the first round alone: {first:.2g}; with all {len(settings.goal.rounds)} "
        f"rounds: {most:.2g}. No further round begins once the NMAE on held-out snapshots is "
        f"{percent(settings.goal.nmae)} or less.\n"
    )


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
    heads = ("stage", "jobs", "core hours", "longest job, core h", "memory, GB", "disk, GB")
    rows = [heads, *(_row(stage) for stage in (*stages, total))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        row[0].ljust(widths[0])
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    points = "No single points are computed: all densities are imported"
    if calibration.engine != NO_ENGINE:
        iterations = f"{calibration.scf_iterations:.0f} iterations each"
        points = f"Single points by {calibration.engine}, {iterations}"
    lines.append(
        f"{points}; core hours are wall time × cores given to a job; memory of the largest job, "
        "all ranks; disk that is left when all is done."
    )
    return "\n".join(lines)


def _row(stage: Stage) -> tuple[str, ...]:
    figures = (stage.core_hours, stage.longest_core_hours, stage.memory_gb, stage.disk_gb)
    return stage.name, str(stage.jobs), *(f"{figure:,.3g}" for figure in figures)
