"""The options that tell format and unit of densities that are read."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rhocast.density.formats import READABLE, format_to_read

if TYPE_CHECKING:
    from rhocast.density.formats import Length


class Source(NamedTuple):
    """A file of a density with its choices: the arguments of `rhocast.density.open_density`."""

    path: Path
    format: str | None = None
    density_unit: "Length | None" = None


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


def sources_of(options: argparse.Namespace, *paths: Path) -> Sequence[Source]:
    """Return the files with what the options say of them.

    The format is that of all files. The unit is that of the files whose format leaves a choice; if
    none does, it is passed on for the reader to refuse.

    Raises
    ------
    FileFormatError
        If a file is missing, or of no format that is known.
    """
    if options.density_unit is None:
        return [Source(path, options.source_format) for path in paths]
    free = [format_to_read(path, options.source_format).density_unit is not None for path in paths]
    return [
        Source(path, options.source_format, options.density_unit if one or not any(free) else None)
        for path, one in zip(paths, free, strict=True)
    ]
