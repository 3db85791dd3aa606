"""Checksums of the frames of extended XYZ that this program writes.

The last entry of each comment line, ``checksum=crc32:…``, is the CRC-32 of the frame's lines
without that entry. Files of earlier versions have none, and other programs need not look at it.
"""

import logging
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from rhocast.errors import FileFormatError

log = logging.getLogger(__name__)

#: Name of the entry.
KEY = "checksum"

_ENTRY = re.compile(rb" checksum=crc32:([0-9a-f]{8})(?=\n)")


def seal_frames(path: Path) -> None:
    """Give each frame of a file that has just been written its checksum."""
    frames = list(_frames(path))
    with path.open("wb") as file:
        for frame in frames:
            first, comment, rows = frame.split(b"\n", 2)
            entry = f" {KEY}=crc32:{zlib.crc32(frame):08x}".encode()
            file.write(b"\n".join([first, comment + entry, rows]))


def check_frames(path: Path, remedy: str) -> None:
    """Raise FileFormatError if a frame does not match its checksum, or lacks it alone."""
    unsealed = []
    for number, frame in enumerate(_frames(path, remedy)):
        comment_end = frame.find(b"\n", frame.find(b"\n") + 1)
        found = _ENTRY.search(frame, 0, comment_end + 1)
        if found is None:
            unsealed.append(number)
        elif int(found[1], 16) != zlib.crc32(frame[: found.start()] + frame[found.end() :]):
            raise _damaged(path, number, remedy)
    if unsealed and len(unsealed) <= number:
        raise _damaged(path, unsealed[0], remedy)
    if unsealed:
        log.info("%s: frames have no checksums, damage to them cannot be detected", path)


def is_ours(path: Path) -> bool:
    """Say whether the first frame carries a checksum or a record of this program."""
    with path.open("rb") as file:
        file.readline()
        comment = file.readline()
    return f"{KEY}=".encode() in comment or b"rhocast=" in comment


def _frames(path: Path, remedy: str = "") -> Iterator[bytes]:
    """Yield the lines of each frame."""
    with path.open("rb") as file:
        number = 0
        while first := file.readline():
            try:
                count = int(first)
            except ValueError:
                raise _damaged(path, number, remedy) from None
            yield b"".join([first, *(file.readline() for _ in range(count + 1))])
            number += 1


def _damaged(path: Path, number: int, remedy: str) -> FileFormatError:
    return FileFormatError(
        f"{path}: frame {number} does not match its checksum; the file is damaged: {remedy}"
    )
