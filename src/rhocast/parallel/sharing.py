"""Sharing out work: rank 0 hands out items, every rank computes, rank 0 takes in the results."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from rhocast.parallel.ranks import SECONDS_BETWEEN_LOOKS, rank_of, size_of

#: Items that a rank has in hand or under way, so that it never waits for the next.
ITEMS_IN_HAND = 2

#: Between looks for messages while this rank computes and sends nothing: some MPI libraries move
#: large messages only while both sides look.
_SECONDS_BETWEEN_LOOKS_COMPUTING = 5e-3

_ASSIGNMENT, _RESULT = 1, 2

T = TypeVar("T")
R = TypeVar("R")


def lead(
    comm: Any,
    items: Iterable[T],
    compute: Callable[[T], R],
    write: Callable[[T, R], None],
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
        Gives the values of an item, which can be pickled; called on other threads than this one.
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
        own: deque[tuple[T, Future[R]]] = deque()
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


def follow(comm: Any, compute: Callable[[T], R]) -> None:
    """Compute the items that rank 0 hands out, on another thread, and send the values there."""
    with _threads(1, comm) as pool:
        more = True
        running: deque[Future[R]] = deque()
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


def _wait_a_while(running: Future[Any] | None, comm: Any, sending: list[Any]) -> None:
    """Sleep until a result is there or, with other ranks, messages are to be looked for."""
    if running is None:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    elif comm is None:
        wait([running])
    else:
        wait([running], SECONDS_BETWEEN_LOOKS if sending else _SECONDS_BETWEEN_LOOKS_COMPUTING)


def share(
    comm: Any,
    items: Iterable[T],
    compute: Callable[[T], R],
    write: Callable[[T, R], None],
    threads: int = 1,
) -> None:
    """Compute items that every rank could name: `lead` on rank 0, `follow` on all others."""
    if rank_of(comm) == 0:
        lead(comm, items, compute, write, threads)
    else:
        follow(comm, compute)
