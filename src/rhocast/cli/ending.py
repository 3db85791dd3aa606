"""Signals that end a process: one sentence, the exit code of the signal, and no hang.

A rank that ends takes the others along. Python sees a signal only between two of its own steps; a
process that waits in a library meanwhile, for another rank perhaps, is ended by a thread.
"""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

log = logging.getLogger(__name__)

#: Signals by which people, queues and launchers end a job. One that is ignored stays ignored.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

#: How long a process may take to leave everything in order; an engine is stopped within 5.
SECONDS_TO_END = 8.0


#: Verbs that go on from where they were, when they are started again, and from what.
_GOES_ON = {
    **dict.fromkeys(("predict", "train", "transfer", "aimd"), "it goes on from where it was"),
    **dict.fromkeys(
        ("energies", "eos", "bands", "harris-foulkes"), "what is computed is not computed again"
    ),
}


class Ended(BaseException):
    """A signal has ended this process; no `except Exception` takes it for a fault of a file."""

    def __init__(self, number: int, verb: str = "") -> None:
        self.exit_code = 128 + number
        what_next = "run the same command again"
        if verb:
            what_next += f", and {_GOES_ON.get(verb, 'it begins anew')}"
        super().__init__(
            f"ended by {signal.Signals(number).name}; no half-written file is left; {what_next}"
        )


@contextmanager
def ending_on_signals(verb: str = "") -> Iterator[None]:
    """Raise `Ended` in the main thread on a signal; if that has no effect, end the process.

    ``verb`` is what the process does, for the message. Ranks that are left would wait for this one,
    so they are ended with it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received, notice = os.pipe()
    os.set_blocking(notice, False)
    threading.Thread(target=_end_after_a_while, args=(received,), daemon=True).start()
    before = {n: signal.getsignal(n) for n in SIGNALS if signal.getsignal(n) != signal.SIG_IGN}
    fd_before = signal.set_wakeup_fd(notice, warn_on_full_buffer=False)
    handler = _RaiseOnce(verb)
    for number in before:
        signal.signal(number, handler)
    ended = False
    try:
        with handler.insisting():
            yield
    except BaseException as error:
        if handler.received is None:
            raise
        # Also where a library has made another error of it, as NumPy does while it is imported.
        by = error if isinstance(error, Ended) else Ended(handler.received, verb)
        ended = True  # the thread goes on watching until the process is gone
        log.error("%s%s", _rank(), by)
        logging.shutdown()
        _end_ranks(by.exit_code)
        raise by from None
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
        signal.set_wakeup_fd(fd_before)
        if not ended:
            os.close(notice)


class _RaiseOnce:
    """Handler that raises `Ended` on the first signal.

    A launcher repeats itself; what is being put in order goes on. Where Python ignores exceptions,
    as in the callback of a weak reference, the signal is sent again.
    """

    def __init__(self, verb: str) -> None:
        self.verb = verb
        self.received: int | None = None

    def __call__(self, number: int, _: object) -> None:
        if self.received is None:
            self.received = number
            raise Ended(number, self.verb)

    @contextmanager
    def insisting(self) -> Iterator[None]:
        """Hear of exceptions that Python ignores until the block ends."""
        before = sys.unraisablehook

        def hook(ignored: Any) -> None:
            if isinstance(ignored.exc_value, Ended):
                self.received = None
                number = ignored.exc_value.exit_code - 128
                once_more = (threading.main_thread().ident, number)
                threading.Timer(0.05, signal.pthread_kill, once_more).start()
            else:
                before(ignored)

        sys.unraisablehook = hook
        try:
            yield
        finally:
            sys.unraisablehook = before


def _end_after_a_while(received: int) -> None:
    """Wait for a signal, give the main thread time, and end the process if it is still there."""
    number = os.read(received, 1)
    if not number:  # closed: nothing has happened
        os.close(received)
        return
    threading.Event().wait(SECONDS_TO_END)
    exit_code = 128 + number[0]
    log.error("%sended by %s while it waited", _rank(), signal.Signals(number[0]).name)
    threading.Timer(1.0, os._exit, [exit_code]).start()
    _end_ranks(exit_code)
    os._exit(exit_code)


def _communicator() -> Any:
    """Return the communicator of all ranks, or None where this process is alone."""
    mpi = sys.modules.get("mpi4py.MPI")
    with contextlib.suppress(AttributeError):  # while it is imported
        if mpi and mpi.Is_initialized() and not mpi.Is_finalized() and mpi.COMM_WORLD.size > 1:
            return mpi.COMM_WORLD
    return None


def _rank() -> str:
    comm = _communicator()
    return "" if comm is None else f"rank {comm.rank}: "


def _end_ranks(exit_code: int) -> None:
    """End all ranks; what is left of an MPI library that was being started would wait for them."""
    comm = _communicator()
    if comm is not None:
        comm.Abort(exit_code)
    if "mpi4py" in sys.modules:
        os._exit(exit_code)
