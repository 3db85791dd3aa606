"""Files that are either complete or not there, and that one process at a time writes.

A process that writes ``NAME`` holds a lock on ``NAME.lock`` (`flock`; on NFS it holds between
machines). The kernel releases the lock of a process that ends, however it ends.
"""

import contextlib
import errno
import fcntl
import logging
import os
import re
import secrets
import socket
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rhocast.errors import ConfigError, ParallelError, RhocastError

log = logging.getLogger(__name__)

#: How long to wait for another process: one that has just been killed may still be ending.
SECONDS_FOR_OTHER_WRITER = 10.0

#: Why a file cannot be written: what to do.
_REMEDIES = {
    errno.ENOSPC: "the disk is full: make room, or write to another disk",
    errno.EDQUOT: "your quota is used up: make room, or write to another disk",
    errno.EFBIG: "files may not be as large here (ulimit -f): raise the limit, or write elsewhere",
    errno.EROFS: "the file system is read-only: write elsewhere",
    errno.EACCES: "you may not write there: change the permissions of the folder, or write "
    "elsewhere",
    errno.EPERM: "you may not write there: change the permissions of the folder, or write "
    "elsewhere",
    errno.EEXIST: "a part of the path is a file, expected folders: write elsewhere",
    errno.ENOTDIR: "a part of the path is a file, expected folders: write elsewhere",
    errno.EISDIR: "it is a folder, expected a file: give another name",
    errno.ENAMETOOLONG: "the name is too long: give a shorter one",
    errno.ELOOP: "a symbolic link stands there, which is not followed: give another name, or "
    "move it elsewhere",
}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a path beside ``path`` to write to, and rename it once the block has ended well.

    The folder is made if it is not there. If the block raises, nothing is left and a file that
    was at ``path`` before stays as it was. The name beside it is drawn at random and exists, empty,
    before it is given: no link there is followed.

    Raises
    ------
    ParallelError
        If another process writes the file, or the disk is full.
    ConfigError
        If the file cannot be written for another reason that the user can mend.
    """
    path = Path(path)
    with owned(path) as alone:
        for left in left_behind(path) if alone else []:
            log.warning("%s: removed, a run that was killed has left it", left)
            left.unlink(missing_ok=True)
        partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
        with explaining(path):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
            os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            with explaining(path, _FULL):
                yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def left_behind(path: Path) -> list[Path]:
    """Return what killed runs of `replacing` have left beside a file."""
    name = re.compile(re.escape(path.name) + r"\.[0-9a-f]{8}\.partial")
    with contextlib.suppress(OSError):
        return [entry for entry in path.parent.iterdir() if name.fullmatch(entry.name)]
    return []


@contextmanager
def owned(path: str | Path, work: str = "", wait: bool = True) -> Iterator[bool]:
    """Keep other processes from the same work on a file until the block ends.

    Yields whether it is certain that there are none: some file systems know no locks.

    Parameters
    ----------
    path
        The file; its folder is made if it is not there.
    work
        Name of work that includes writing the file, such as ``merge``; by default the writing.
    wait
        Whether to wait `SECONDS_FOR_OTHER_WRITER` for another process to end.

    Raises
    ------
    ParallelError
        If another process does it, and has not ended by then.
    """
    path = Path(path)
    lock = path.with_name(".".join(filter(None, (path.name, work, "lock"))))
    with explaining(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file, certain = _locked(lock, path, SECONDS_FOR_OTHER_WRITER if wait else 0.0)
    try:
        yield certain
    finally:
        lock.unlink(missing_ok=True)  # still ours: who opens it from now on makes a new one
        os.close(file)


def _locked(lock: Path, path: Path, patience_s: float) -> tuple[int, bool]:
    """Return the open file at ``lock`` once nobody else holds it, and whether it is locked."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            found = _attempt(lock)
        except OSError as error:
            if error.errno != errno.ESTALE:  # NFS: its owner on another machine has removed it
                raise
            found = ""
        if isinstance(found, tuple):
            return found
        if time.monotonic() > deadline:
            raise ParallelError(
                f"{path}: another process writes it ({found or 'unknown'}); wait until it has "
                "ended, or end it, or write elsewhere"
            )
        time.sleep(0.1)


def _attempt(lock: Path) -> tuple[int, bool] | str:
    """Return the open file and whether it is locked, or the process that has locked it."""
    with contextlib.ExitStack() as stack:
        file = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        stack.callback(os.close, file)
        locked = _lock(file)
        if locked is False:
            return os.pread(file, 200, 0).decode(errors="replace").strip()
        if _is_at(lock, file):
            _sign(file)
            stack.pop_all()
            return file, locked is True
    return ""  # its owner has removed it meanwhile


def _sign(file: int) -> None:
    """Write who holds a lock into its file, for those who wait; NFS sends it when it locks."""
    with contextlib.suppress(OSError):  # on a full disk the lock holds without its owner
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock(file: int) -> bool | None:
    """Lock an open file until it is closed; False if another process has, None without locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno == errno.ESTALE:
            raise
        log.debug("no locks on this file system (%s)", error)
        return None
    return True


def _is_at(path: Path, file: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.lstat(), os.fstat(file))
    return False


@contextmanager
def explaining(path: Path, reasons: Collection[int | None] = tuple(_REMEDIES)) -> Iterator[None]:
    """Turn what the system says of a file that cannot be written into a sentence with a remedy.

    Parameters
    ----------
    path
        The file.
    reasons
        Error numbers that stand for this file; others are passed on.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:  # h5py raises RuntimeError when it closes a file
        number = _error_number(error)
        if number not in reasons or number not in _REMEDIES:
            raise
        kind = ParallelError if number in _FULL else RhocastError
        raise kind(f"{path}: cannot be written, {_REMEDIES[number]}") from error


def _error_number(error: OSError | RuntimeError) -> int | None:
    """Return the number of a system error, also where HDF5 tells it in words alone."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    told = re.search(r"errno = (\d+)", str(error))
    return int(told[1]) if told else None


def check_output(path: Path, inputs: Iterable[str | Path]) -> None:
    """Raise ConfigError if a file that is to be written is one of those that are read."""
    for name in inputs:
        with contextlib.suppress(OSError):
            if path.samefile(name):
                raise ConfigError(
                    f"{path}: is read, and would be replaced by the output; give the output "
                    "another name"
                )
