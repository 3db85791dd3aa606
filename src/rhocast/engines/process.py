"""Running an engine's process: launcher, log, termination."""

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from rhocast.errors import EngineError

logger = logging.getLogger(__name__)

#: Programs that start ranks; what stands before them, such as `nice -n 5`, counts none.
_LAUNCHERS = ("mpirun", "mpiexec", "mpiexec.hydra", "orterun", "prterun", "prun", "srun", "aprun")

#: How often it is looked whether a program has done another step.
SECONDS_BETWEEN_REPORTS = 10.0

#: A step that takes longer is told of once more after this, as a sign of life.
SECONDS_OF_SILENCE = 300.0

_COUNT_OPTIONS = ("-n", "-np", "--n", "--np", "--ntasks")

#: Signals by which a user, a queue or the kernel ends a job; a program's own faults are others.
_FROM_OUTSIDE = (signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGXCPU)


@dataclass(frozen=True)
class Launcher:
    """How a parallel program is started, such as ``mpirun -n 4``; no words: as it is.

    Attributes
    ----------
    words
        Command that goes before the program.
    threads
        OpenMP threads of each rank.
    """

    words: tuple[str, ...] = ()
    threads: int = 1

    @property
    def ranks(self) -> int:
        """Number of MPI ranks that the command asks for.

        Raises
        ------
        EngineError
            If the number after ``-n`` is none.
        """
        words = self.words[self._own :]
        for option, value in pairwise(words):
            if option in _COUNT_OPTIONS:
                if not value.isdigit() or int(value) < 1:
                    raise EngineError(
                        f"launcher {' '.join(self.words)!r}: expected a number of ranks after "
                        f"{option}, found {value!r}"
                    )
                return int(value)
        return 1

    def with_ranks(self, ranks: int) -> "Launcher":
        """Return the launcher for another number of ranks."""
        own = self._own
        before = ("", *self.words)
        words = (
            str(ranks) if place > own and option in _COUNT_OPTIONS else word
            for place, (option, word) in enumerate(zip(before, self.words, strict=False))
        )
        return Launcher(tuple(words), self.threads)

    @property
    def _own(self) -> int:
        """Where the MPI launcher stands among the words: behind ``nice -n 5``, for instance."""
        places = [i for i, word in enumerate(self.words) if Path(word).name in _LAUNCHERS]
        return places[-1] if places else len(self.words) * (self.words[:1] == ("nice",))


@dataclass(frozen=True)
class Report:
    """How far a program has come: what it has done, by which reports differ, and a sentence."""

    done: tuple[int, ...]
    sentence: str


#: Tells how far a program has come, given the seconds it has run; None if nothing can be told.
Progress = Callable[[float], Report | None]


@dataclass(frozen=True)
class Finished:
    """What is left of a process: its exit status (negative: the signal) and the time it took."""

    returncode: int
    wall_time_s: float

    @property
    def ended_from_outside(self) -> bool:
        """Whether it was a user, a queue or the lack of memory that ended it."""
        code = self.returncode
        return -code in _FROM_OUTSIDE or code - 128 in _FROM_OUTSIDE


def run(
    command: list[str],
    launcher: Launcher,
    workdir: Path,
    log: Path,
    progress: Progress | None = None,
) -> Finished:
    """Run a program to its end in a process group of its own.

    Parameters
    ----------
    command
        Program and arguments.
    launcher
        What starts it.
    workdir
        Folder that it runs in.
    log
        File for its standard output and error.
    progress
        Tells how far it has come.

    Raises
    ------
    EngineError
        If the program or the launcher is not there, an earlier start of it is still running, or it
        was ended from outside.
    """
    words = [*launcher.words, *command]
    for program in {words[0], command[0]}:
        if shutil.which(program) is None:
            raise EngineError(
                f"{program}: no such program on the PATH; install it, or mend the launcher "
                f"{' '.join(launcher.words)!r}"
            )
    logger.info("running %s in %s", " ".join(words), workdir)
    start = time.monotonic()
    with _exclusive(log) as stream:
        process = subprocess.Popen(
            words,
            cwd=workdir,
            env=_environment(os.environ, launcher.threads),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with _group_ends_with_us(process):
            returncode = _wait(process, workdir, progress)
    finished = Finished(returncode, time.monotonic() - start)
    if finished.ended_from_outside:
        raise EngineError(
            f"{words[0]} in {workdir} was ended from outside (exit status {returncode}): by the "
            "user, a time limit or for want of memory; run the rule again, if need be with more"
        )
    return finished


def _wait(process: subprocess.Popen[bytes], workdir: Path, progress: Progress | None) -> int:
    """Wait for the end, telling of each new step, and once if it has been stopped."""
    start, stopped = time.monotonic(), False
    told: tuple[int, ...] = ()
    told_at = 0.0
    while True:
        try:
            return process.wait(timeout=SECONDS_BETWEEN_REPORTS)
        except subprocess.TimeoutExpired:
            pass
        seconds = time.monotonic() - start
        found = progress(seconds) if progress else None
        if found and (found.done != told or seconds - told_at >= SECONDS_OF_SILENCE):
            logger.info("%s: %s", workdir, found.sentence)
            told, told_at = found.done, seconds
        if (now := stopped_in(process.pid)) and not stopped:
            logger.warning(
                "%s: processes %s are stopped (SIGSTOP, or by the queue) and waited for; "
                "`kill -CONT -%d` lets them go on",
                workdir,
                ", ".join(map(str, now)),
                process.pid,
            )
        stopped = bool(now)


def stopped_in(group: int) -> list[int]:
    """Return the stopped processes of a process group, as far as /proc tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            state, _, number, *_ = path.read_text().rpartition(")")[2].split()
            if state == "T" and int(number) == group:
                found.append(int(path.parent.name))
    return sorted(found)


def last_lines(path: Path, count: int = 20) -> str:
    """Return the last lines of a text file that are not empty; nothing if there is no file."""
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join([line for line in lines if line.strip()][-count:])


@contextmanager
def _exclusive(log: Path) -> Iterator[BinaryIO]:
    """Open a log that one process may write to.

    The lock goes over to the program with the open file, and lasts as long as the program does even
    if this process is killed.
    """
    with log.open("ab") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineError(
                f"{log}: a program that was started earlier is still running there; end it, or "
                "wait for it"
            ) from None
        except OSError:
            logger.debug("%s: no locks on this file system", log)
        stream.truncate(0)
        yield stream


def _environment(base: Mapping[str, str], threads: int) -> dict[str, str]:
    number = str(threads)
    return {**base, "OMP_NUM_THREADS": number, "OPENBLAS_NUM_THREADS": number}


@contextmanager
def _group_ends_with_us(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Take the whole process group along when an exception ends this process, or a signal."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=5.0)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
