"""Signals at random moments: no rank waits for ever, one sentence, and a rerun gives the same."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase.build import bulk

RHOCAST = Path(sys.executable).with_name("rhocast")

#: Longest that anything may take to end, s; the machine may be busy with other tests.
PATIENCE = 120.0

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, environment):
    """Folder with a structure and its field, and how long the prediction took, s."""
    folder = tmp_path_factory.mktemp("undisturbed")
    bulk("Al", cubic=True).repeat((4, 4, 4)).write(folder / "al.xyz")
    begun = time.monotonic()
    subprocess.run(command(folder, "whole.h5"), env=environment, check=True, capture_output=True)
    return folder, time.monotonic() - begun


def command(folder, name, structure="al.xyz"):
    spacing = "--mesh-spacing-bohr", "0.25", "--direct", "--uncertainty", "fast"
    return [RHOCAST, "predict", "al", folder / structure, "-o", folder / name, *spacing]


def default_signals():
    """Undo what a shell does to processes in the background: they ignore SIGINT, as do theirs."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def ranks_of(process):
    """Return the processes that a launcher has started, in order."""
    return sorted(
        int(pid)
        for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    )


def disturb(start, number, victim, moment, begun=None):
    """Send a signal after a while, once a file is there; return the exit code and what was told.

    Whatever happens, nothing that was started is left.
    """
    process = start()
    while begun is not None and not begun.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(moment)
    try:
        pid = process.pid if victim == "launcher" else ranks_of(process)[victim]
        os.kill(pid, number)
    except (IndexError, ProcessLookupError, FileNotFoundError):
        pass  # not begun yet, or finished
    try:
        told, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, told


def assert_rerun_is_the_same(folder, environment):
    finished = subprocess.run(
        command(folder, "again.h5"), env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    with h5py.File(folder / "whole.h5") as whole, h5py.File(folder / "again.h5") as again:
        for name in ("density", "epistemic_std", "aleatoric_std"):
            np.testing.assert_array_equal(whole[name][()], again[name][()])
    (folder / "again.h5").unlink()
    assert {path.name for path in folder.iterdir()} == {"al.xyz", "whole.h5"}


@pytest.fixture
def ranks(undisturbed, launcher, environment):
    folder, _ = undisturbed

    def start():
        return subprocess.Popen(
            [*launcher, "-n", "2", *command(folder, "again.h5")],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            preexec_fn=default_signals,
        )  # fmt: skip

    return start


@pytest.mark.mpi
def test_a_signal_to_one_rank_or_all_ends_all(undisturbed, ranks, environment):
    folder, _ = undisturbed
    moments = random.Random(3)
    for number, victim in [
        (signal.SIGINT, 1), (signal.SIGUSR1, 0), (signal.SIGTERM, "launcher"),
    ]:  # fmt: skip
        for left in folder.glob("again.h5*"):
            left.unlink()
        begun = folder / "again.h5.shard.journal"  # both ranks listen to signals by then
        code, told = disturb(ranks, number, victim, moments.uniform(0.0, 0.5), begun)
        assert "Traceback" not in told
        assert code != 0 or (folder / "again.h5").exists()
        if victim != "launcher" and told.count("ended by") == 1 and number.name in told:
            assert code == 128 + number
    assert_rerun_is_the_same(folder, environment)


@pytest.mark.mpi
@pytest.mark.exhaustive
@pytest.mark.parametrize("victim", [0, 1, "launcher"])
@pytest.mark.parametrize("number", SIGNALS)
def test_twenty_moments_each(number, victim, undisturbed, ranks, environment):
    folder, seconds = undisturbed
    moments = random.Random(f"{number} {victim}")
    for _ in range(20):
        _, told = disturb(ranks, number, victim, moments.uniform(0.0, 1.5) * seconds)
        # Python's own, before the first line of the program.
        assert "Traceback" not in told or "rhocast/cli/main" not in told
        assert "Traceback" not in told or "KeyboardInterrupt" in told
    assert_rerun_is_the_same(folder, environment)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_ctrl_c_is_told_in_one_sentence(number, environment, tmp_path):
    # So many atoms that the prediction is still at work when the signal comes.
    bulk("Al", cubic=True).repeat((8, 8, 8)).write(tmp_path / "many.xyz")
    process = subprocess.Popen(
        command(tmp_path, "out.h5", "many.xyz"), env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=default_signals,
    )  # fmt: skip
    try:
        while not (tmp_path / "out.h5.shard.journal").exists() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        told, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 128 + number, told
    name = signal.Signals(number).name
    assert [line for line in told.splitlines() if name in line] == told.splitlines()[-1:]
    assert "Traceback" not in told


IN_A_LIBRARY = """
import ctypes
from rhocast.cli import ending
ending.SECONDS_TO_END = 0.5
with ending.ending_on_signals():
    # C's `system` waits for a shell, as MPI waits for another rank; the shell sends the signal.
    ctypes.CDLL(None).system(b"exec >/dev/null 2>&1; kill -TERM $PPID; sleep 60")
"""


def test_a_process_that_waits_in_a_library_is_ended_too():
    process = subprocess.run(
        [sys.executable, "-c", IN_A_LIBRARY], capture_output=True, text=True, timeout=PATIENCE
    )
    assert process.returncode == 143
    assert "ended by SIGTERM while it waited" in process.stderr


IN_A_CALLBACK = """
import signal, sys, time, weakref
from rhocast.cli import ending
class Thing:
    pass
thing = Thing()
watched = weakref.ref(thing, lambda _: signal.raise_signal(signal.SIGTERM))
try:
    with ending.ending_on_signals():
        del thing
        time.sleep(60.0)
except ending.Ended as ended:
    sys.exit(ended.exit_code)
"""


def test_a_signal_in_a_callback_where_python_ignores_exceptions_ends_all_the_same():
    process = subprocess.run(
        [sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True, timeout=PATIENCE
    )
    assert process.returncode == 143
    assert "ended by SIGTERM; no half-written file is left" in process.stderr
    assert "Traceback" not in process.stderr


IN_AN_IMPORT = """
import signal, sys
from rhocast.cli import ending
try:
    with ending.ending_on_signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        except BaseException:
            raise ImportError("as the C code of NumPy does")
except ending.Ended as ended:
    sys.exit(ended.exit_code)
"""


def test_a_signal_that_a_library_turns_into_another_error_is_told_as_the_signal():
    process = subprocess.run(
        [sys.executable, "-c", IN_AN_IMPORT], capture_output=True, text=True, timeout=PATIENCE
    )
    assert process.returncode == 143
    assert "ended by SIGTERM; no half-written file is left" in process.stderr
    assert "Traceback" not in process.stderr


WHILE_IMPORTING = """
import signal, sys
from rhocast.cli.start import main

class Struck:
    def find_spec(self, name, *_):
        if name == "rhocast.cli.main":
            signal.raise_signal({number})

sys.meta_path.insert(0, Struck())
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_while_the_program_is_imported_is_told_in_one_sentence(number):
    process = subprocess.run(
        [sys.executable, "-c", WHILE_IMPORTING.format(number=int(number))],
        capture_output=True, text=True, timeout=PATIENCE, preexec_fn=default_signals,
    )  # fmt: skip
    assert process.returncode == 128 + number
    assert process.stderr == f"rhocast: ended by {number.name}; no half-written file is left\n"


IGNORED = """
import signal
from rhocast.cli import ending
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
with ending.ending_on_signals():
    signal.raise_signal(signal.SIGUSR1)
assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
"""


def test_signals_that_are_ignored_stay_ignored_and_handlers_come_back():
    process = subprocess.run(
        [sys.executable, "-c", IGNORED], capture_output=True, text=True, timeout=PATIENCE
    )
    assert process.returncode == 0, process.stderr


@pytest.mark.mpi
def test_a_verb_that_is_one_process_says_so_under_a_launcher(run_verb, tmp_path):
    code, told = run_verb(2, "info", "al")
    assert code == 7
    assert "rhocast info: is one process, and the launcher has started 2" in told
