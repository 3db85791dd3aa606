"""Which blocks of a shard are certain to be on the disk."""

import os
from collections.abc import Iterable
from pathlib import Path

from rhocast.files import replacing


class Journal:
    """A text file: whom it belongs to, then the number of each finished block, a line each.

    A line counts once it has its newline: a kill may tear the last one.

    Parameters
    ----------
    path
        Of the file.
    identity
        First line: what the blocks are part of, without a newline.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self._path = path
        self._identity = identity

    def read(self) -> tuple[str, set[int]]:
        """Return the identity and the finished blocks that it holds.

        Raises
        ------
        OSError, ValueError
            If it is missing or damaged.
        """
        identity, *numbers = self._path.read_text(encoding="ascii").split("\n")[:-1]
        return identity, {int(number) for number in numbers}

    def restart(self, blocks: Iterable[int] = ()) -> None:
        """Replace it, as a whole or not at all, by one with these blocks; no torn line is left."""
        with replacing(self._path) as partial:
            _write(partial, "w", f"{self._identity}\n" + _lines(blocks))

    def add(self, blocks: Iterable[int]) -> None:
        """Append blocks that are on the disk."""
        _write(self._path, "a", _lines(blocks))

    def remove(self) -> None:
        """Remove it, if it is there."""
        self._path.unlink(missing_ok=True)


def _lines(blocks: Iterable[int]) -> str:
    return "".join(f"{block}\n" for block in blocks)


def _write(path: Path, mode: str, text: str) -> None:
    with path.open(mode, encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
