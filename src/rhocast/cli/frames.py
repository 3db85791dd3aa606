"""The frames of a trajectory, each of which is predicted to a file of its own."""

import argparse
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rhocast.errors import ConfigError
from rhocast.parallel import first_alone, rank_of
from rhocast.parallel.ranks import from_first
from rhocast.structures import Structure, read_structures

#: Stands in the name of an output for the number of a frame.
FRAME = "{frame}"


def slice_of(text: str) -> slice:
    """Read ``FIRST:END:STEP`` of the command line."""
    try:
        return slice(*(int(word) if word else None for word in text.split(":")))
    except (ValueError, TypeError):
        raise argparse.ArgumentTypeError(
            f"expected FIRST:END:STEP such as 100::10, found {text!r}"
        ) from None


def for_each_frame(
    trajectory: Path,
    chosen: slice | None,
    output: Path,
    predict: Callable[[Structure | None, Path], None],
    comm: Any,
) -> None:
    """Predict every frame of a trajectory, with a progress bar where a person is watching.

    Parameters
    ----------
    trajectory
        File of the frames.
    chosen
        Which of them, counted from 0; None for all.
    output
        File to write, with ``{frame}`` in its name.
    predict
        Predicts a structure, which rank 0 alone holds, to a file.
    comm
        Communicator of the ranks, or None.

    Raises
    ------
    ConfigError
        If no frame is chosen.
    """

    def frames() -> dict[int, Structure]:
        every = read_structures(trajectory)
        found = list(every)[slice(None) if chosen is None else chosen]
        if not found:
            raise ConfigError(f"{trajectory}: none of its {len(every)} frames is chosen")
        return {number: every[number] for number in found}

    structures = first_alone(comm, frames)
    numbers = from_first(comm, None if structures is None else list(structures))
    with _bar(rank_of(comm) == 0 and sys.stderr.isatty()) as track:
        for number in track(numbers):
            file = output.with_name(output.name.replace(FRAME, str(number)))
            predict(None if structures is None else structures[number], file)


@contextmanager
def _bar(shown: bool) -> Iterator[Callable[[list[int]], Iterable[int]]]:
    if not shown:
        yield iter
        return
    from rich.console import Console
    from rich.progress import track

    logging.getLogger("rhocast").setLevel(logging.WARNING)  # lines of each frame would hide it
    yield lambda numbers: track(numbers, "frames", console=Console(stderr=True))
