"""The verb `view`: one HTML page that shows a density."""

import argparse
import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rhocast.cli.numbers import whole_in

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Declare the verb."""
    view = verbs.add_parser(
        "view",
        description="Write one HTML page that shows a density in any browser, without a network: "
        "slices in any plane, an isosurface, line cuts with a band of three standard deviations. "
        "A field of any size fits: a large one is shown as means over blocks, and as stored around "
        "the places of largest standard deviation.",
    )
    view.add_argument("density", type=Path, help="density of any format")
    view.add_argument("-o", "--output", type=Path, help="HTML file to write; default: DENSITY.html")
    view.add_argument(
        "--against",
        type=Path,
        metavar="OTHER",
        help="density of the same cell, of any format: the page shows the difference to it, too",
    )
    view.add_argument(
        "--max-points",
        type=whole_in(1000, 100_000_000),
        default=1_000_000,
        help="maximum number of points of the whole cell on the page (default: 1000000)",
    )
    view.add_argument(
        "--uncertain-places",
        type=whole_in(0, 1000),
        default=3,
        help="number of boxes around the points of largest standard deviation (default: 3)",
    )
    view.set_defaults(run=_view)


def _view(options: argparse.Namespace) -> None:
    from rhocast.density import open_density
    from rhocast.view import write_page

    output = options.output or options.density.with_suffix(".html")
    with ExitStack() as opened:
        density = opened.enter_context(open_density(options.density))
        against = options.against and opened.enter_context(open_density(options.against))
        write_page(
            output,
            density,
            options.density.name,
            max_points=options.max_points,
            uncertain_places=options.uncertain_places,
            against=against,
        )
    log.info("%s: written, %.1f MB; open it in a browser", output, output.stat().st_size / 1e6)
