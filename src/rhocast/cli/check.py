"""The verb ``check``: whether results are those of a configuration."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast.cli.job import emit
from rhocast.config import load_config
from rhocast.errors import FileFormatError
from rhocast.workflow.campaign import Campaign
from rhocast.workflow.check import check_results

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of the verb."""
    verb = verbs.add_parser(
        "check",
        help="compare a campaign's results with its configuration",
        description="Compare the settings that each result of a campaign records with the "
        "configuration. Exit code 4 if one of them differs.",
    )
    verb.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="results to compare: files, or folders that hold them (default: all)",
    )
    verb.add_argument(
        "--config", default=Path("config.yaml"), type=Path, help="configuration of the campaign"
    )
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    verb.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> None:
    campaign = Campaign(load_config(options.config), options.config)
    wanted = [Path(path).resolve() for path in options.paths]
    verdicts = [
        verdict
        for verdict in check_results(campaign)
        if not wanted or _is_within(Path(verdict.path).resolve(), wanted)
    ]
    differing = [verdict for verdict in verdicts if verdict.differing]
    unstamped = [verdict.path for verdict in verdicts if not verdict.stamped]
    for verdict in differing:
        log.error("%s", verdict.remedy)
    if unstamped:
        log.warning(
            "%d files carry no settings (made by version 0.1.0, or copied from elsewhere): only "
            "what else they record was compared; the first is %s",
            len(unstamped),
            unstamped[0],
        )
    emit(
        {
            "results": len(verdicts),
            "differing": {v.path: ", ".join(v.differing) for v in differing},
            "without_settings": len(unstamped),
        },
        options.json,
    )
    if differing:
        raise FileFormatError(
            f"{len(differing)} of {len(verdicts)} results differ from {options.config}"
        )


def _is_within(path: Path, wanted: list[Path]) -> bool:
    return any(path == place or place in path.parents for place in wanted)
