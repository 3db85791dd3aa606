"""The option ``--samples``: files of samples of a field, which give error bars."""

import argparse
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhocast.cli.source_options import Source
from rhocast.errors import FileFormatError

if TYPE_CHECKING:
    from rhocast.density import Density
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
    sources: Sequence[Source],
    structure: "Structure",
) -> Iterator["Density"]:
    """Check all samples, then open one after the other; each is closed when the next is asked for.

    What is wrong with one of them is told when this is called, before anything is computed. Few of
    them are warned of.

    Raises
    ------
    ConfigError
        If there is one sample, which gives no standard deviation.
    StructureError
        If a file is of other atoms.
    FileFormatError
        If a file says that it is no sample, or the same one as another.
    """
    from rhocast.properties.energy_samples import check_number

    if sources:
        check_number(len(sources))
    if 0 < len(sources) < _FEW:
        log.warning(
            "samples: the standard deviations themselves are uncertain by %.0f %% with %d of them, "
            "by 25 %% with 8",
            100.0 / (2 * len(sources)) ** 0.5,
            len(sources),
        )
    seen: set[tuple[Any, ...]] = set()
    for source, sample in zip(sources, _opened(sources), strict=True):
        sample.check_atoms(structure)
        seen.add(_number(source.path, sample, seen))
    return _opened(sources)


def _opened(sources: Sequence[Source]) -> Iterator["Density"]:
    from rhocast.density import open_density

    for source in sources:
        with open_density(*source) as sample:
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
