"""Ranks: finding them, failing together.

``comm`` is an mpi4py communicator, or None where there is one process; mpi4py is imported only when
a launcher has started several.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from rhocast.errors import ParallelError, RhocastError

log = logging.getLogger(__name__)

#: Where launchers say how many ranks they have started: Open MPI; MPICH, Intel and Cray MPI; srun.
#: The first that is set counts: mpirun within an srun step leaves srun's variable at 1.
RANK_COUNT_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS")

#: Between looks for messages.
SECONDS_BETWEEN_LOOKS = 2e-4

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
            time.sleep(SECONDS_BETWEEN_LOOKS)


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
