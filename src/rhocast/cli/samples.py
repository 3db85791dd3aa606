"""The option ``--samples``: files of samples of a field, which give error bars."""

import argparse
import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhocast.errors import FileFormatError

if TYPE_CHECKING:
    from rhocast.density import Density
    from rhocast.density.formats import Length
    from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: With fewer samples of a field, error bars are hardly known.
_FEW = 4


def add_samples_option(verb: argparse.ArgumentParser, more: str) -> None:
    """Add ``--samples``; ``more`` ends its help."""
    verb.add_argument(
        "--samples",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help=f"samples of the same field (`rhocast predict --sample`), {more}",
    )


def open_samples(
    paths: Sequence[Path],
    structure: "Structure",
    format: str | None = None,
    density_unit: "Length | None" = None,
) -> Iterator["Density"]:
    """Check all samples, then open one after the other; each is closed when the next is asked for.

    What is wrong with one of them is told when this is called, before anything is computed. Few of
    them are warned of. Format and unit are those of all, as for `rhocast.density.open_density`.

    Raises
    ------
    StructureError
        If a file is of other atoms.
    FileFormatError
        If a file says that it is no sample, or the same one as another.
    """
    if 0 < len(paths) < _FEW:
        log.warning(
            "samples: the standard deviations themselves are uncertain by %.0f %% with %d of them, "
            "by 25 %% with 8",
            100.0 / (2 * len(paths)) ** 0.5,
            len(paths),
        )
    opened = partial(_opened, paths, format, density_unit)
    seen: set[tuple[Any, ...]] = set()
    for path, sample in zip(paths, opened(), strict=True):
        sample.check_atoms(structure)
        seen.add(_number(path, sample, seen))
    return opened()


def _opened(
    paths: Sequence[Path], format: str | None, density_unit: "Length | None"
) -> Iterator["Density"]:
    from rhocast.density import open_density

    for path in paths:
        with open_density(path, format, density_unit) as sample:
            yield sample


def _number(path: Path, sample: "Density", seen: set[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return what tells a sample from others; a cube holds no number and is known by its path."""
    number, model = sample.record.get("sample"), sample.record.get("model_hash")
    if number is None and model is not None:
        raise FileFormatError(
            f"{path}: found the prediction itself, expected a sample of it (`rhocast predict "
            "--sample`)"
        )
    told = (path.resolve(),) if number is None else (number, sample.record.get("seed"), model)
    if told in seen:
        raise FileFormatError(f"{path}: found a sample that is given twice, expected another one")
    return told
