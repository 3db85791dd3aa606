"""A bound on the memory that reading a file may take."""

import contextlib
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Readers may take this, bytes, or so many times the size of the file.
_ALWAYS, _TIMES = 4_000_000_000, 60

TOO_LARGE = (
    "takes more memory to read than a file of its size can need; it announces more than it "
    "holds: mend its numbers of atoms and mesh points, or write it anew"
)


@contextmanager
def bounded_memory(file_bytes: int) -> Iterator[None]:
    """Let what is read within raise MemoryError rather than take all memory of the machine.

    Files of other programs are read by their parsers, some of which make room for as many atoms as
    a file announces. The bound is one of addresses, as far as the system has such bounds.

    Parameters
    ----------
    file_bytes
        Size of the file that is read.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = _addresses() + max(_ALWAYS, _TIMES * file_bytes)
    if soft == resource.RLIM_INFINITY or most < soft:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _addresses() -> int:
    """Bytes of addresses that this process has now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:
        return 0
    return pages * resource.getpagesize()
