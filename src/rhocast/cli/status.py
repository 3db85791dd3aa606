"""The verb ``status``: how far a campaign has come, from its files alone."""

import argparse
import html
import logging
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.cli.config_option import add_config_option
from rhocast.cli.job import emit
from rhocast.config import load_config
from rhocast.files import replacing
from rhocast.workflow.campaign import Campaign
from rhocast.workflow.status import Stage, progress

log = logging.getLogger(__name__)

_COLUMNS = ("rule", "done", "running", "failed", "pending", "hours used", "hours left")

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px sans-serif;margin:2em auto;max-width:60em}}table{{border-collapse:collapse;
width:100%}}td,th{{padding:.3em .6em;text-align:right;border-bottom:1px solid #ccc}}
td:first-child,th:first-child{{text-align:left}}progress{{width:8em}}</style>
<h1>{title}</h1><p>Hours are the wall time of jobs; hours left suppose that jobs take as long as
those of their rule that are done.</p><table><tr>{head}<th></th></tr>{rows}</table>{failures}</html>
"""


def add_verbs(verbs: Any) -> None:
    """Add the parser of the verb."""
    verb = verbs.add_parser(
        "status",
        help="jobs done, running, failed and pending of each stage of a campaign",
        description="Count the jobs of each stage of a campaign that are done, running, failed "
        "and pending, with the wall time that was used and is left. The command only reads "
        "files, so it works while Snakemake runs and after it.",
    )
    add_config_option(verb, "all")
    verb.add_argument("--html", type=Path, metavar="FILE", help="HTML page to write")
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    verb.set_defaults(run=_status)


def _status(options: argparse.Namespace) -> None:
    stages = progress(Campaign(load_config(options.config), options.config))
    if options.html is not None:
        with replacing(options.html) as partial:
            partial.write_text(_page(str(options.config), stages), encoding="utf-8")
        log.info("%s is written", options.html)
    if options.json:
        emit({stage.rule: asdict(stage) for stage in stages}, as_json=True)
        return
    rows = [_COLUMNS, *(_cells(stage) for stage in stages)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *rest in rows:
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        sys.stdout.write("  ".join([first.ljust(widths[0]), *cells]) + "\n")
    for failed in (path for stage in stages for path in stage.failures):
        sys.stdout.write(f"failed: see {failed}\n")


def _cells(stage: Stage) -> tuple[str, ...]:
    counts = (stage.done, stage.running, stage.failed, stage.pending)
    left = "-" if math.isnan(stage.hours_left) else f"{stage.hours_left:.2f}"
    return (stage.rule, *map(str, counts), f"{stage.hours_used:.2f}", left)


def _page(title: str, stages: Sequence[Stage]) -> str:
    rows = []
    for stage in stages:
        jobs = stage.done + stage.running + stage.failed + stage.pending
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(stage))
        bar = f'<progress max="{jobs}" value="{stage.done}"></progress>'
        rows.append(f"<tr>{cells}<td>{bar}</td></tr>")
    failures = [html.escape(path) for stage in stages for path in stage.failures]
    return _PAGE.format(
        title=html.escape(title),
        head="".join(f"<th>{name}</th>" for name in _COLUMNS),
        rows="\n".join(rows),
        failures="".join(f"<p>failed: see {path}</p>" for path in failures),
    )
