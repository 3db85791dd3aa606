"""Finding the ranks; real ranks are in test_mpi."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from rhocast.errors import ParallelError
from rhocast.parallel.ranks import (
    end_all_on_failure,
    find_communicator,
    launched_ranks,
    place_on_this_machine,
    rank_of,
    size_of,
    together,
)
from rhocast.parallel.sharing import lead


@pytest.mark.parametrize(
    ("variables", "ranks"),
    [
        ({}, 1),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, 4),
        ({"PMI_SIZE": "3"}, 3),
        ({"SLURM_STEP_NUM_TASKS": "8"}, 8),
        ({"SLURM_NTASKS": "8"}, 1),  # of a batch script, which is one process
        ({"SLURM_STEP_NUM_TASKS": "1", "OMPI_COMM_WORLD_SIZE": "2"}, 2),  # mpirun within srun
    ],
)
def test_launchers_say_how_many_they_started(variables, ranks):
    assert launched_ranks(variables) == ranks


@pytest.fixture
def alone(monkeypatch):
    for name in ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("expected", [None, 1])
def test_one_process_needs_no_mpi(expected, monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert find_communicator(expected) is None


@pytest.mark.usefixtures("alone")
def test_ranks_without_an_mpi_library_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ParallelError, match="MPI cannot be loaded"):
        find_communicator(2)


def test_ranks_of_srun_without_pmi_are_refused_before_mpi_is_loaded(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("PMI", "OMPI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(ParallelError, match=r"without PMI.*srun --mpi=pmix"):
        find_communicator()
    monkeypatch.setenv("PMIX_RANK", "0")
    with pytest.raises(ParallelError, match="MPI cannot be loaded"):
        find_communicator()


def test_threads_compute_everything_in_order():
    written = []
    together = threading.Barrier(2)

    def compute(item):
        if item < 2:
            together.wait(60.0)  # for the other one, on another thread
        return np.array([item, threading.get_ident()])

    lead(None, range(20), compute, lambda item, values: written.append((item, *values)), threads=3)
    assert [item for item, *_ in written] == list(range(20))
    assert [value for _, value, _ in written] == list(range(20))
    assert 1 < len({thread for *_, thread in written}) <= 3


def test_a_thread_that_fails_ends_the_work():
    computed = []

    def compute(item):
        computed.append(item)
        if item == 4:
            raise ParallelError("the fault that was asked for")
        return np.zeros(1)

    with pytest.raises(ParallelError, match="asked for"):
        lead(None, range(1000), compute, lambda *_: None, threads=2)
    assert len(computed) < 20


@pytest.mark.mpi
def test_a_launcher_of_the_wrong_flavour_is_noticed(launcher):
    # N copies that each see themselves alone, as another library's launcher would start them.
    code = "from rhocast.parallel.ranks import find_communicator as f; f()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PMI_SIZE": "2"},
        capture_output=True,
        text=True,
    )
    assert "expected 2 ranks, MPI sees 1" in result.stderr
    assert "launcher is not that of" in result.stderr


def test_alone_everything_is_plain():
    assert (rank_of(None), size_of(None), place_on_this_machine(None)) == (0, 1, (0, 1))
    assert together(None, lambda: 3) == 3
    with pytest.raises(KeyError), end_all_on_failure(None):
        raise KeyError


def test_alone_blocks_are_computed_in_order():
    written = []
    lead(None, range(3), lambda b: np.array([b * b]), lambda b, v: written.append((b, v[0])))
    assert written == [(0, 0), (1, 1), (2, 4)]


@pytest.mark.mpi
def test_results_travel_while_both_ranks_compute(tmp_path, run_ranks):
    """Rank 0's first item ends when all others are written, each of these when those before are."""
    code = f"""
import time
from pathlib import Path
import numpy as np
from rhocast.parallel.ranks import find_communicator
from rhocast.parallel.sharing import follow, lead
comm = find_communicator()
def compute(item):
    expected = 6 if comm.rank == 0 else item - 2
    for _ in range(20000):
        if len(list(Path("{tmp_path}").iterdir())) >= expected:
            return np.full(5_000_000, item)
        time.sleep(0.01)
    raise TimeoutError(item)
def write(item, values):
    assert (values == item).all()
    Path("{tmp_path}", str(item)).touch()
if comm.rank == 0:
    lead(comm, range(8), compute, write)
else:
    follow(comm, compute)
"""
    code, output = run_ranks(2, "-c", code)
    assert code == 0, output
    assert len(list(tmp_path.iterdir())) == 8


@pytest.mark.mpi
@pytest.mark.parametrize("waiting", ["wait_for_all(comm)", "follow(comm, lambda item: item)"])
def test_a_rank_that_waits_leaves_its_core_alone(waiting, run_ranks):
    code = f"""
import time
from rhocast.parallel.ranks import find_communicator, wait_for_all
from rhocast.parallel.sharing import follow, lead
comm = find_communicator()
if comm.rank == 0:
    time.sleep(3.0)
    if "follow" in "{waiting}":
        lead(comm, [], print, print)
    else:
        wait_for_all(comm)
else:
    wall, cpu = time.perf_counter(), time.process_time()
    {waiting}
    assert time.perf_counter() - wall > 0.5
    share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    assert share < 0.3, share
"""
    code, output = run_ranks(2, "-c", code)
    assert code == 0, output
