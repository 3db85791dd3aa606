import itertools
import os
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from rhocast.engines import process
from rhocast.engines.process import Launcher, Report, last_lines, run
from rhocast.errors import EngineError


@pytest.mark.parametrize(
    ("words", "ranks"),
    [
        ((), 1),
        (("mpirun", "-n", "4"), 4),
        (("srun", "--mpi=pmix", "--ntasks", "8"), 8),
        (("nice", "-n", "5", "/usr/bin/mpirun", "-n", "2"), 2),
        (("nice", "-n", "5"), 1),
        (("my-launcher", "-n", "5"), 5),
        (("nice", "-n", "5", "mpirun"), 1),
    ],
)
def test_ranks_of_a_launcher(words, ranks):
    assert Launcher(words).ranks == ranks


def test_launcher_of_fewer_ranks_keeps_its_other_words():
    launcher = Launcher(("mpirun", "-n", "8", "--bind-to", "none"), threads=3)
    assert launcher.with_ranks(2) == Launcher(("mpirun", "-n", "2", "--bind-to", "none"), threads=3)


def test_other_ranks_leave_what_stands_before_the_launcher():
    launcher = Launcher(("nice", "-n", "5", "mpirun", "-n", "8"))
    assert launcher.with_ranks(2).words == ("nice", "-n", "5", "mpirun", "-n", "2")


def test_progress_and_a_stopped_program_are_told(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(process, "SECONDS_BETWEEN_REPORTS", 0.1)
    stops = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
    steps = itertools.count()
    started = []

    def progress(seconds):
        started.extend(process.stopped_in(int(word)) for word in children())
        step = next(steps)
        if step >= 8:  # later on a busy machine, where the program takes long to start
            for number in {n for found in started for n in found}:
                os.kill(number, signal.SIGCONT)
        return Report((step // 3,), f"iteration {step // 3}, {seconds} s")

    def children():
        return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()

    with caplog.at_level("INFO"):
        finished = run(
            [sys.executable, "-c", stops], Launcher(), tmp_path, tmp_path / "log", progress
        )
    assert finished.returncode == 0
    assert caplog.text.count("iteration 1,") == 1  # not again with another time
    assert caplog.text.count("are stopped (SIGSTOP") == 1


def test_a_long_step_is_told_of_again_after_a_while(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(process, "SECONDS_BETWEEN_REPORTS", 0.02)
    monkeypatch.setattr(process, "SECONDS_OF_SILENCE", 0.5)
    times = []

    def progress(seconds):
        times.append(seconds)
        return Report((1,), f"iteration 1, {len(times)}")

    with caplog.at_level("INFO"):
        run(["sleep", "1.3"], Launcher(), tmp_path, tmp_path / "log", progress)
    told = [int(n) for n in re.findall(r"iteration 1, (\d+)", caplog.text)]
    assert len(told) >= 2
    silences = [times[after - 1] - times[before - 1] for before, after in pairwise(told)]
    assert min(silences) >= 0.5
    assert told[0] == 1


def test_launcher_without_a_number_of_ranks():
    with pytest.raises(EngineError, match="after -n, found 'two'"):
        assert Launcher(("mpirun", "-n", "two")).ranks


def test_output_and_threads(tmp_path):
    command = [sys.executable, "-c", "import os; print(os.environ['OMP_NUM_THREADS'])"]
    finished = run(command, Launcher(threads=3), tmp_path, tmp_path / "log")
    assert finished.returncode == 0
    assert last_lines(tmp_path / "log") == "3"


def test_absent_program_is_named(tmp_path):
    with pytest.raises(EngineError, match="no-such-launcher: no such program"):
        run([sys.executable], Launcher(("no-such-launcher",)), tmp_path, tmp_path / "log")


def test_a_fault_of_the_program_is_a_return_code_but_a_kill_is_an_error(tmp_path):
    command = [sys.executable, "-c", "import os, sys; os.kill(os.getpid(), int(sys.argv[1]))"]
    finished = run([*command, "6"], Launcher(), tmp_path, tmp_path / "log")
    assert finished.returncode == -signal.SIGABRT
    with pytest.raises(EngineError, match="ended from outside"):
        run([*command, "9"], Launcher(), tmp_path, tmp_path / "log")


def start_and_wait(folder):
    """Start a program that runs a child through `run`; return it and the log of the begun child."""
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    parent = (
        "import sys; from pathlib import Path; from rhocast.engines.process import Launcher, run\n"
        "from rhocast.cli.job import job\n"
        "with job('job.log'):\n"
        f"    run([sys.executable, '-c', {child!r}], Launcher(), Path('.'), Path('log'))"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=folder)
    log = folder / "log"
    deadline = time.monotonic() + 120.0
    while not last_lines(log) and time.monotonic() < deadline:
        time.sleep(0.05)
    return process, log


def test_children_end_with_us(tmp_path):
    """A queue's SIGTERM reaches the engine's ranks, although they have their own group."""
    process, log = start_and_wait(tmp_path)
    pid = int(last_lines(log))
    process.terminate()
    assert process.wait(timeout=120.0) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_program_that_outlived_us_is_not_started_twice(tmp_path):
    """Killed without a chance to take the engine along: it holds its log still."""
    process, log = start_and_wait(tmp_path)
    process.kill()
    process.wait()
    orphan = int(last_lines(log))
    try:
        with pytest.raises(EngineError, match=r"log: a program .* is still running"):
            run([sys.executable, "-c", ""], Launcher(), tmp_path, log)
    finally:
        os.kill(orphan, signal.SIGKILL)
