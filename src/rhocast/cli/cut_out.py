"""The verb `cut-out`: small cells around the most uncertain places of a large one."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast.cli.numbers import number_in
from rhocast.errors import ConfigError

log = logging.getLogger(__name__)

#: Stands in the name of the output for the number of a place.
_PLACE = "{place}"


def add_verbs(verbs: Any) -> None:
    """Add the parser of this module's verb."""
    verb = verbs.add_parser(
        "cut-out",
        description="Cut small periodic cells out of a structure, one around each of the most "
        "uncertain places that `rhocast predict --reduce` has found, ready for `rhocast scf`.",
    )
    verb.add_argument("structure", type=Path, help="the structure that was predicted")
    verb.add_argument("reduction", type=Path, help="file of `rhocast predict --reduce`")
    verb.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        help=f"structure files to write, with {_PLACE} in the name: cuts/{_PLACE}.extxyz",
    )
    verb.add_argument(
        "--edge-bohr",
        type=number_in(1, 100_000, "Bohr"),
        default=20.0,
        help="edge of the cells, Bohr (default: 20)",
    )
    verb.set_defaults(run=_cut_out)


def _cut_out(options: argparse.Namespace) -> None:
    from rhocast.density.reduction import read_reduction
    from rhocast.structures import read_structure, write_structure
    from rhocast.structures.cut_out import cut_out

    if _PLACE not in options.output.name:
        raise ConfigError(f"{options.output}: expected {_PLACE} in the name, such as {_PLACE}.xyz")
    structure = read_structure(options.structure)
    found = read_reduction(options.reduction)
    places = zip(found["uncertain_positions"], found["uncertain_std"], strict=True)
    for number, (place, std) in enumerate(places):
        cell = cut_out(structure, place, options.edge_bohr)
        path = options.output.with_name(options.output.name.replace(_PLACE, str(number)))
        write_structure(path, cell)
        log.info("%s: %s, σ %.2g e/Bohr³ in its middle", path, cell.formula, std)
