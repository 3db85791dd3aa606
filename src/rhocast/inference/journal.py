"""Which blocks of a shard are certain to be on the disk."""

import logging
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from rhocast.files import replacing

log = logging.getLogger(__name__)


class Journal:
    """A text file: whom it belongs to, then the number of each finished block, a line each.

    Behind each number stands the CRC-32 of its digits. A line counts once it has its newline: a
    kill may tear the last one.

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

        Damaged lines are left out, which is logged: their blocks are computed again.

        Raises
        ------
        OSError, ValueError
            If it is missing, or has no first line.
        """
        text = self._path.read_text(encoding="ascii", errors="replace")
        identity, *lines = text.split("\n")[:-1]
        if any(line.isdigit() for line in lines):
            log.info("%s: lines have no checksums, damage to them cannot be detected", self._path)
        blocks = [block for line in lines if (block := _block(line)) is not None]
        if len(blocks) < len(lines):
            log.warning("%s: damaged lines are left out", self._path)
        return identity, set(blocks)

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
    return "".join(f"{block} {_sum(str(block))}\n" for block in blocks)


def _sum(number: str) -> str:
    return f"crc32:{zlib.crc32(number.encode('ascii')):08x}"


def _block(line: str) -> int | None:
    """Return the number in a line, None if it is damaged; earlier versions wrote no checksum."""
    number, _, found = line.partition(" ")
    if not (number.isascii() and number.isdigit()) or found not in ("", _sum(number)):
        return None
    return int(number)


def _write(path: Path, mode: str, text: str) -> None:
    with path.open(mode, encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
