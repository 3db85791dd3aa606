"""Fixtures: a small model and structure, and processes that predict on several ranks."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_model import make_model, make_structure

from rhocast.model import DensityModel
from rhocast.structures import Structure

SCRIPT = Path(__file__).with_name("predict_on_ranks.py")

TRIAL = "from mpi4py import MPI; print(MPI.COMM_WORLD.size)"

ENVIRONMENT = os.environ | {
    "OMP_NUM_THREADS": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}


@pytest.fixture
def model() -> DensityModel:
    return make_model()


@pytest.fixture
def structure() -> Structure:
    return make_structure()


@pytest.fixture(scope="session")
def launcher() -> list[str]:
    """Find the mpirun that belongs to mpi4py's library; the start of a command."""
    beside = Path(sys.executable).with_name("mpirun")
    mpirun = str(beside) if beside.exists() else shutil.which("mpirun")
    if mpirun is None:
        pytest.skip("no mpirun on the PATH")
    version = subprocess.run([mpirun, "--version"], capture_output=True, text=True).stdout
    command = (
        [mpirun, "--oversubscribe", "--bind-to", "none"] if "Open MPI" in version else [mpirun]
    )
    trial = subprocess.run(
        [
            *command,
            "-n",
            "2",
            sys.executable,
            "-c",
            "from mpi4py.MPI import *; print(COMM_WORLD.size)",
        ],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=240,
    )
    if "".join(trial.stdout.split()) != "22":  # the launcher may mix up their lines
        pytest.skip(f"{mpirun} does not start 2 ranks that mpi4py sees: {trial.stderr[-300:]}")
    return command


@pytest.fixture
def start_ranks(launcher):
    """Start `predict_on_ranks.py` on some ranks; returns the running process."""
    started = []

    def start(n_ranks: int, *arguments: object) -> subprocess.Popen:
        process = subprocess.Popen(
            [*launcher, "-n", str(n_ranks), sys.executable, str(SCRIPT), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def predict_on_ranks(start_ranks):
    """Run `predict_on_ranks.py` to its end; returns exit code and output."""

    def run(n_ranks: int, *arguments: object) -> tuple[int, str]:
        process = start_ranks(n_ranks, *arguments)
        output, _ = process.communicate(timeout=240)
        return process.returncode, output

    return run


@pytest.fixture
def run_ranks(launcher):
    """Run Python with some arguments on some ranks; returns exit code and output."""

    def run(n_ranks: int, *arguments: object) -> tuple[int, str]:
        result = subprocess.run(
            [*launcher, "-n", str(n_ranks), sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT,
            timeout=240,
        )
        return result.returncode, result.stdout

    return run


@pytest.fixture
def run_verb(run_ranks):
    """Run `rhocast` with some arguments on some ranks; returns exit code and output."""
    code = "import sys; from rhocast.cli.main import main; sys.exit(main())"

    def run(n_ranks: int, *arguments: object) -> tuple[int, str]:
        return run_ranks(n_ranks, "-c", code, *arguments)

    return run
