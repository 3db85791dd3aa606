"""The table of structures that were chosen to be computed; see `rhocast.learning.acquisition`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rhocast.errors import FileFormatError
from rhocast.files import replacing

_COLUMNS = ("source", "frame", "gain_nats", "epistemic_std_e_per_bohr3")


@dataclass(frozen=True)
class Choice:
    """A candidate that was taken.

    Attributes
    ----------
    source, frame
        Of the candidate.
    gain_nats
        What its density adds to those that were taken before it.
    epistemic_std
        Root mean square over the cell, e/Bohr³, before anything was taken.
    """

    source: str
    frame: int
    gain_nats: float
    epistemic_std: float


def write_choices(path: str | Path, choices: Sequence[Choice]) -> None:
    """Write choices as a table, the most informative first."""
    rows = [f"{c.source}\t{c.frame}\t{c.gain_nats:.4g}\t{c.epistemic_std:.4g}" for c in choices]
    with replacing(path) as partial:
        partial.write_text("\n".join(["\t".join(_COLUMNS), *rows]) + "\n", encoding="utf-8")


def chosen_frame(path: str | Path, source: str, place: int) -> int:
    """Return the frame of a source that comes at some place among its own in a table of choices.

    Raises
    ------
    FileFormatError
        If the table is no such table, or has fewer frames of that source.
    """
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    if not lines or lines[0].split("\t") != list(_COLUMNS):
        raise FileFormatError(
            f"{path}: expected the columns {', '.join(_COLUMNS)}; run `acquire` again"
        )
    frames = [int(row[1]) for row in (line.split("\t") for line in lines[1:]) if row[0] == source]
    if place >= len(frames):
        raise FileFormatError(
            f"{path}: expected {place + 1} frames of {source}, found {len(frames)}; run "
            "`acquire` again"
        )
    return frames[place]
