"""What all tests share: the repository's root and processes as a user would start them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

#: Fixtures in tests/helpers: crystals and settings of DFT; processes on several ranks.
pytest_plugins = ["crystals", "ranks"]

#: The same examples in every run, and none that fails because the machine is busy.
settings.register_profile("alike", derandomize=True, deadline=None, max_examples=25, database=None)
settings.load_profile("alike")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Environment of started processes: this Python's programs first, ranks on few cores."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def run(environment):
    """Run a command and return the finished process with its output as text."""

    def start(*command: str | Path, cwd: Path | None = None, **variables: str):
        return subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return start


def pytest_collection_modifyitems(items):
    """Skip what needs a program that is not here, and say which."""
    needed = {"mpi": "mpirun", "workflow": "snakemake", "abinit": "abinit", "sparc": "sparc"}
    for item in items:
        for marker, program in needed.items():
            beside = Path(sys.executable).with_name(program)
            if item.get_closest_marker(marker) and not (shutil.which(program) or beside.exists()):
                item.add_marker(pytest.mark.skip(reason=f"no {program} on the PATH"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Find a Chromium to open pages with."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium on the PATH")
    return found
