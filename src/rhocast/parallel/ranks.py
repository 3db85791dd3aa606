"""Ranks: finding them, failing together, sharing out work.

``comm`` is an mpi4py communicator, or None where there is one process; mpi4py is imported only when
a launcher has started several.
"""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from rhocast.errors import ParallelError, RhocastError

log = logging.getLogger(__name__)

#: Where launchers say how many ranks they have started: Open MPI; MPICH, Intel and Cray MPI; srun.
#: The first that is set counts: mpirun within an srun step leaves srun's variable at 1.
RANK_COUNT_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")

#: Items that a rank has in hand or under way, so that it never waits for the next.
ITEMS_IN_HAND = 2

#: Between looks for messages; and, while this rank computes and sends nothing: some MPI libraries
#: move large messages only while both sides look.
_SECONDS_BETWEEN_LOOKS, _SECONDS_BETWEEN_LOOKS_COMPUTING = 2e-4, 5e-3

_ASSIGNMENT, _RESULT = 1, 2

T = TypeVar("T")


def launched_ranks(environment: Mapping[str, str] | None = None) -> int:
    """Return how many ranks the launcher of this process says it has started; 1 without one."""
    environment = os.environ if environment is None else environment
    for name in RANK_COUNT_VARIABLES:
        if environment.get(name, "").isdigit():
            return int(environment[name])
    return 1


def find_communicator(expected_ranks: int | None = None) -> Any:
    """Return the communicator of all ranks, or None if this process is the only one.

    Every MPI entry point calls this before it opens a file: a launcher that does not belong to the
    MPI library starts N copies of "rank 0 of 1", which would write over each other.

    Parameters
    ----------
    expected_ranks
        How many ranks were asked for; what the launcher says by default.

    Raises
    ------
    ParallelError
        If MPI sees another number of ranks, or cannot be loaded.
    """
    launched = launched_ranks()
    expected = launched if expected_ranks is None else expected_ranks
    if expected == launched == 1:
        return None
    _check_pmi(os.environ)
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ParallelError(
            f"{expected} ranks expected, but MPI cannot be loaded ({error}); install an MPI "
            "library and mpi4py (pip install 'rhocast[mpi]'), or run one process without a launcher"
        ) from error
    comm = MPI.COMM_WORLD
    if comm.size != expected:
        raise ParallelError(
            f"expected {expected} ranks, MPI sees {comm.size} (the launcher started {launched}); "
            f"the launcher is not that of {MPI.Get_library_version().split(',')[0].strip()}, which "
            "mpi4py uses: start with the mpirun of that library, or with srun --mpi=pmix"
        )
    return comm if comm.size > 1 else None


def _check_pmi(environment: Mapping[str, str]) -> None:
    """Refuse ranks that srun has started without the interface by which they find each other.

    Open MPI would end them with a page of text, other libraries would leave each alone.
    """
    by_srun = environment.get("SLURM_STEP_NUM_TASKS", "1") != "1"
    if by_srun and not any(name.startswith(("PMI", "OMPI_COMM_WORLD")) for name in environment):
        raise ParallelError(
            "srun has started these ranks without PMI, so they cannot find each other; start them "
            "with mpirun, or with srun --mpi=pmix or another of `srun --mpi=list`"
        )


def rank_of(comm: Any) -> int:
    """Return the number of this rank."""
    return 0 if comm is None else comm.rank


def size_of(comm: Any) -> int:
    """Return the number of ranks."""
    return 1 if comm is None else comm.size


def place_on_this_machine(comm: Any) -> tuple[int, int]:
    """Return the number of this rank among those that share its memory, and how many these are."""
    if comm is None:
        return 0, 1
    from mpi4py import MPI

    here = comm.Split_type(MPI.COMM_TYPE_SHARED)
    place = here.rank, here.size
    here.Free()
    return place


def together(comm: Any, work: Callable[[], T]) -> T:
    """Run ``work``, which calls no collective, on every rank; if one fails, fail on all.

    Raises
    ------
    Exception
        What was raised on this rank, or on the lowest rank where something was.
    """
    if comm is None:
        return work()
    result, failure = None, None
    try:
        result = work()
    except Exception as error:
        failure = error
    wait_for_all(comm)
    # Texts travel, not exceptions: some cannot be pickled.
    code = failure.exit_code if isinstance(failure, RhocastError) else 1
    outcome = None if failure is None else (str(failure) or repr(failure), code)
    outcomes = comm.allgather(outcome)
    if failure is not None:
        raise failure
    for rank, failed in enumerate(outcomes):
        if failed is not None:
            elsewhere = ParallelError(f"rank {rank}: {failed[0]}")
            elsewhere.exit_code = failed[1]
            raise elsewhere
    return result  # type: ignore[return-value]


def wait_for_all(comm: Any) -> None:
    """Wait until every rank has come here, asleep: within MPI a rank keeps its core busy."""
    if comm is not None:
        reached = comm.Ibarrier()
        while not reached.Test():
            time.sleep(_SECONDS_BETWEEN_LOOKS)


def first_alone(comm: Any, work: Callable[[], T]) -> T | None:
    """Run ``work`` on rank 0; None on all others. If it fails, all fail as in `together`."""
    return together(comm, lambda: work() if rank_of(comm) == 0 else None)


def from_first(comm: Any, value: T | None) -> T:
    """Return what rank 0 gives, on every rank."""
    return value if comm is None else comm.bcast(value)  # type: ignore[return-value]


def on_all(comm: Any, condition: bool) -> bool:
    """Say whether a condition holds on every rank."""
    return condition if comm is None else all(comm.allgather(condition))


@contextmanager
def end_all_on_failure(comm: Any) -> Iterator[None]:
    """Within it, an exception on one rank is logged and ends all: no rank waits for ever."""
    try:
        yield
    except Exception as error:
        if size_of(comm) == 1:
            raise
        known = isinstance(error, RhocastError)
        log.error("rank %d: %s", comm.rank, error if known else repr(error), exc_info=not known)
        logging.shutdown()
        comm.Abort(error.exit_code if isinstance(error, RhocastError) else 1)


def lead(
    comm: Any,
    items: Iterable[T],
    compute: Callable[[T], np.ndarray],
    write: Callable[[T, np.ndarray], None],
    threads: int = 1,
) -> None:
    """Have all items computed and write the results; called on rank 0.

    Rank 0 hands out items, computes too, and takes in what arrives meanwhile. Every other rank
    calls `follow` and holds at most `ITEMS_IN_HAND` of them: the quick ones get more. What one
    rank computes is written in the order of its items.

    Parameters
    ----------
    comm
        Communicator or None.
    items
        What to compute: whatever can be pickled, but None.
    compute
        Gives the values of an item; called on other threads than this one.
    write
        Takes them; called on this thread.
    threads
        How many call ``compute`` at once, where there are no other ranks.
    """
    threads = threads if comm is None else 1
    queue = iter(items)
    running = set(range(1, size_of(comm)))
    in_hand: dict[int, deque[T]] = {rank: deque() for rank in running}
    sending: list[Any] = []

    def hand_out(rank: int) -> None:
        if rank in running:
            item = next(queue, None)
            sending[:] = [*_unfinished(sending), comm.isend(item, rank, _ASSIGNMENT)]
            if item is None:
                running.remove(rank)
            else:
                in_hand[rank].append(item)

    def take_in() -> None:
        rank, values = comm.recv(tag=_RESULT)
        item = in_hand[rank].popleft()  # a rank's results come in the order of its items
        hand_out(rank)
        write(item, values)

    for rank in sorted(running) * ITEMS_IN_HAND:
        hand_out(rank)
    with _threads(threads, comm) as pool:
        own: deque[tuple[T, Future[np.ndarray]]] = deque()
        while True:
            while len(own) < ITEMS_IN_HAND * threads and (item := next(queue, None)) is not None:
                own.append((item, pool.submit(compute, item)))
            if own and own[0][1].done():
                item, values = own.popleft()
                write(item, values.result())
            elif any(in_hand.values()) and comm.iprobe(tag=_RESULT):
                take_in()
            elif own or any(in_hand.values()) or sending:
                sending[:] = _unfinished(sending)
                _wait_a_while(own[0][1] if own else None, comm, sending)
            else:
                return


def follow(comm: Any, compute: Callable[[T], np.ndarray]) -> None:
    """Compute the items that rank 0 hands out, on another thread, and send the values there."""
    with _threads(1, comm) as pool:
        more = True
        running: deque[Future[np.ndarray]] = deque()
        sending: list[Any] = []
        while more or running or sending:
            if more and comm.iprobe(source=0, tag=_ASSIGNMENT):
                item = comm.recv(source=0, tag=_ASSIGNMENT)
                more = item is not None
                if more:
                    running.append(pool.submit(compute, item))
            elif running and running[0].done():
                values = running.popleft().result()
                sending.append(comm.isend((comm.rank, values), 0, _RESULT))
            else:
                sending = _unfinished(sending)
                _wait_a_while(running[0] if running else None, comm, sending)


@contextmanager
def _threads(number: int, comm: Any) -> Iterator[ThreadPoolExecutor]:
    """Threads that compute, while this one is there for messages; a failure drops what waits.

    With other ranks it ends the job at once, and what runs with it.
    """
    pool = ThreadPoolExecutor(number)
    try:
        yield pool
    finally:
        pool.shutdown(wait=comm is None, cancel_futures=True)


def _unfinished(requests: list[Any]) -> list[Any]:
    return [request for request in requests if not request.Test()]


def _wait_a_while(running: Future[np.ndarray] | None, comm: Any, sending: list[Any]) -> None:
    """Sleep until a result is there or, with other ranks, messages are to be looked for."""
    if running is None:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    elif comm is None:
        wait([running])
    else:
        wait([running], _SECONDS_BETWEEN_LOOKS if sending else _SECONDS_BETWEEN_LOOKS_COMPUTING)


def share(
    comm: Any,
    items: Iterable[T],
    compute: Callable[[T], np.ndarray],
    write: Callable[[T, np.ndarray], None],
    threads: int = 1,
) -> None:
    """Compute items that every rank could name: `lead` on rank 0, `follow` on all others."""
    if rank_of(comm) == 0:
        lead(comm, items, compute, write, threads)
    else:
        follow(comm, compute)
