"""The verb ``check``: whether files are whole, and whether results are those of a configuration."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast.cli.job import emit
from rhocast.config import load_config
from rhocast.errors import FileFormatError
from rhocast.workflow.campaign import Campaign
from rhocast.workflow.check import Verdict, check_results
from rhocast.workflow.integrity import faults_in, files_in

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of the verb."""
    verb = verbs.add_parser(
        "check",
        help="verify files, and compare results with a configuration",
        description="With PATH: read the files whole and verify their structure and checksums. "
        "With --config, or without PATH: compare the settings that each result of the campaign "
        "records with the configuration. Exit code 4 if a file is damaged or differs.",
    )
    verb.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        type=Path,
        help="files to verify, or folders of them, such as the folder of results",
    )
    verb.add_argument(
        "--config",
        type=Path,
        help="configuration of the campaign that results (of PATH, if given) are compared with "
        "(default without PATH: config.yaml)",
    )
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    verb.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> None:
    told: dict[str, Any] = {}
    faults = _verify(options.paths, told) if options.paths else 0
    if options.config is not None or not options.paths:
        faults += _compare(options.config or Path("config.yaml"), options.paths, told)
    emit(told, options.json)
    if faults:
        raise FileFormatError(f"{faults} files are damaged or differ, see above")


def _verify(paths: list[Path], told: dict[str, Any]) -> int:
    """Verify files; return how many are damaged."""
    files = files_in(paths)
    damaged = {str(path): fault for path, fault in faults_in(files) if fault}
    for path, fault in damaged.items():
        log.error("%s", fault)
        log.error("%s: move it away and run snakemake, or copy it again from where it came", path)
    told |= {"files": len(files), "damaged": damaged}
    return len(damaged)


def _compare(config: Path, paths: list[Path], told: dict[str, Any]) -> int:
    """Compare results with a configuration; return how many differ."""
    wanted = [path.resolve() for path in paths]
    verdicts = [
        verdict
        for verdict in check_results(Campaign(load_config(config), config))
        if not wanted or _is_within(Path(verdict.path).resolve(), wanted)
    ]
    differing = [verdict for verdict in verdicts if verdict.differing]
    for verdict in differing:
        log.error("%s", verdict.remedy)
    _warn_of_unstamped([verdict for verdict in verdicts if not verdict.stamped])
    told |= {
        "results": len(verdicts),
        "differing": {v.path: ", ".join(v.differing) for v in differing},
        "without_settings": sum(not verdict.stamped for verdict in verdicts),
    }
    return len(differing)


def _warn_of_unstamped(verdicts: list[Verdict]) -> None:
    if verdicts:
        log.warning(
            "%d files carry no settings (made by version 0.1.0, or copied from elsewhere): only "
            "what else they record was compared; the first is %s",
            len(verdicts),
            verdicts[0].path,
        )


def _is_within(path: Path, wanted: list[Path]) -> bool:
    return any(path == place or place in path.parents for place in wanted)
