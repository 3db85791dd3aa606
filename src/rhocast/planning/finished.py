"""What single points cost that have been computed already."""

import json
import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from rhocast import config
from rhocast.datasets.entry import Entry, read_entry
from rhocast.engines import resolve_pseudopotentials
from rhocast.engines.calculation import Calculation
from rhocast.errors import FileFormatError
from rhocast.planning.work import Work

logger = logging.getLogger(__name__)


def finished_runs(
    paths: Sequence[Path], settings: config.Config, engine: str
) -> Iterator[tuple[Work, int, float]]:
    """Read from snapshot files what each single point was, its SCF iterations and core seconds.

    Rejected ones are left out, and those whose k-points were corrected.

    Parameters
    ----------
    paths
        Snapshot files.
    settings
        The configuration, for what the files do not tell.
    engine
        Name of the engine whose cost is wanted.

    Raises
    ------
    FileFormatError
        If one is not a single point of that engine.
    """
    for path in paths:
        entry = read_entry(path)
        if not entry.accepted:
            logger.warning("%s is left out, it was rejected: %s", path, entry.reason)
            continue
        if "kpoint_correction" in entry.record:
            logger.warning("%s is left out, its k-points are those of other runs", path)
            continue
        found = entry.record.get("engine", "another program")
        if found != engine or not math.isfinite(entry.core_hours):
            raise FileFormatError(
                f"{path}: expected a single point by {engine} and its wall time, found one by "
                f"{found} that took {entry.core_hours:.3g} core hours; leave it out of --finished"
            )
        work = Work.of(_calculation(entry, settings), engine)
        yield work, _iterations(entry), 3600.0 * entry.core_hours


def _calculation(entry: Entry, settings: config.Config) -> Calculation:
    own = entry.record.get("settings")
    dft = settings.dft if own is None else config.Dft.model_validate(json.loads(own))
    files = resolve_pseudopotentials(settings.material.pseudopotentials, dft.functional)
    return Calculation.plan(entry.structure, dft, files, entry.record.get("kpoint_seed"))


def _iterations(entry: Entry) -> int:
    """Return the iterations of all attempts: the wall time is that of all."""
    record = entry.record
    attempts = json.loads(record["attempts"]) if "attempts" in record else [record]
    return sum(int(attempt["scf_iterations"]) for attempt in attempts)
