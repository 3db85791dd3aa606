"""The options that tell format and unit of a density that is read."""

import argparse

from rhocast.density.formats import READABLE


def add_source_options(verb: argparse.ArgumentParser, format: str = "--from-format") -> None:
    """Add ``--density-unit`` and what names the format, as ``density_unit``, ``source_format``."""
    verb.add_argument(
        format, dest="source_format", choices=READABLE, help="format to read (default: from names)"
    )
    verb.add_argument(
        "--density-unit",
        choices=("bohr", "angstrom"),
        help="unit of a cube's or XSF's values: electrons per cubic Bohr (default for cube) or "
        "ångström (default for XSF)",
    )
