"""The verb `plot`: pictures of densities."""

import argparse
import logging
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verb."""
    verb = verbs.add_parser(
        "plot",
        description="Draw a density. The name of the picture says its format: png, pdf or svg.",
    )
    kinds = verb.add_subparsers(title="pictures", metavar="KIND", required=True)

    kind = kinds.add_parser("slice", help="every field of a density on one plane of the mesh")
    kind.add_argument("density", type=Path, help="density of any format")
    kind.add_argument(
        "--axis", choices="abc", default="c", help="lattice vector across the plane (default: c)"
    )
    kind.add_argument(
        "--at", type=float, default=0.0, help="fractional coordinate of the plane (default: 0)"
    )
    _finish(kind, _slice)

    kind = kinds.add_parser("line", help="density along a straight line, with ±3σ")
    kind.add_argument("density", type=Path, help="density of any format")
    for option, default in (("--start", (0.0, 0.0, 0.0)), ("--end", (1.0, 1.0, 1.0))):
        kind.add_argument(
            option,
            type=float,
            nargs=3,
            default=default,
            metavar=("A", "B", "C"),
            help=f"{option[2:]} of the line, fractional coordinates (default: "
            f"{' '.join(f'{x:g}' for x in default)})",
        )
    _finish(kind, _line)

    kind = kinds.add_parser("compare", help="two densities and their difference in the worst plane")
    kind.add_argument("reference", type=Path, help="density of any format, such as that of DFT")
    kind.add_argument("density", type=Path, help="density of the same cell")
    _finish(kind, _compare)

    kind = kinds.add_parser("reduction", help="planar averages and histograms of a reduction")
    kind.add_argument("reduction", type=Path, help="file of `rhocast predict --reduce`")
    _finish(kind, _reduction)


def _finish(kind: argparse.ArgumentParser, run: Any) -> None:
    kind.add_argument("-o", "--output", required=True, type=Path, help="picture to write")
    kind.set_defaults(run=run, draws=True)


def _slice(options: argparse.Namespace) -> None:
    from rhocast.analysis.plots import AXES, draw_slice
    from rhocast.density import open_density
    from rhocast.errors import ConfigError

    if not 0.0 <= options.at <= 1.0:
        raise ConfigError(f"at: expected a fractional coordinate from 0 to 1, found {options.at:g}")
    with open_density(options.density) as density:
        draw_slice(density, options.output, AXES[options.axis], options.at)


def _line(options: argparse.Namespace) -> None:
    from rhocast.analysis.plots import draw_line
    from rhocast.density import open_density

    with open_density(options.density) as density:
        draw_line(density, options.output, options.start, options.end)


def _compare(options: argparse.Namespace) -> None:
    from rhocast.analysis.plots import draw_comparison
    from rhocast.density import open_density

    with open_density(options.reference) as reference, open_density(options.density) as density:
        draw_comparison(reference, density, options.output)


def _reduction(options: argparse.Namespace) -> None:
    from rhocast.analysis.plots import draw_reduction

    draw_reduction(options.reduction, options.output)
