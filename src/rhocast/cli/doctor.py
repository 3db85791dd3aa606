"""The verb ``doctor``: what this machine has for a campaign, a line and a remedy each."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rhocast.density.disk import size
from rhocast.errors import RhocastError
from rhocast.evaluation import compiled
from rhocast.files import owned
from rhocast.parallel.blas import available_threads

#: Programs that are asked answer within this, s.
_PATIENCE = 60.0

_TWO_RANKS = "from mpi4py.MPI import COMM_WORLD as c; print(f'<{c.allreduce(c.rank + 1)}>')"


@dataclass(frozen=True)
class Finding:
    """What was found of one subject; without a remedy it is as it should be.

    What few campaigns need (`optional`) is noted and never an error.
    """

    subject: str
    found: str
    remedy: str = ""
    optional: bool = False

    @property
    def state(self) -> str:
        """The word that a line begins with: ok, note or mend."""
        if not self.remedy:
            return "ok"
        return "note" if self.optional else "mend"


def add_verbs(verbs: Any) -> None:
    """Add the parser of the verb."""
    verb = verbs.add_parser(
        "doctor",
        help="check MPI, engine, Slurm, GPU, disk, locks and kernels of this machine",
        description="Check what a campaign needs of this machine, a line each, with a remedy where "
        "something is missing. Run it where jobs run, too: srun -n 1 rhocast doctor. Exit code 1 "
        "if something has to be mended; a note (Slurm, GPU) concerns those who want to use it.",
    )
    verb.add_argument(
        "--folder", type=Path, default=Path(), help="folder of the results (default: this one)"
    )
    verb.set_defaults(run=_doctor)


def _doctor(options: argparse.Namespace) -> None:
    findings = [check() for check in (_mpi, _two_ranks, _engine, _threads, _slurm, _gpu, _kernels)]
    findings += [_disk(options.folder), _locks(options.folder)]
    for finding in findings:
        remedy = f". Remedy: {finding.remedy}" if finding.remedy else ""
        sys.stdout.write(f"{finding.state:5}{finding.subject:10}{finding.found}{remedy}\n")
    if wrong := [finding.subject for finding in findings if finding.state == "mend"]:
        raise RhocastError(f"doctor: to be mended: {', '.join(wrong)}")


def _mpi() -> Finding:
    launcher = _mpirun()
    if launcher is None:
        return Finding(
            "MPI", "no mpirun on the PATH", "install Open MPI or MPICH, or load a module"
        )
    version = _told([launcher, "--version"]).partition("\n")[0]
    return Finding("MPI", f"{launcher}, {version or 'of unknown version'}")


def _two_ranks() -> Finding:
    launcher = _mpirun()
    if launcher is None:
        return Finding("two ranks", "not tried, there is no mpirun")
    options = ["--oversubscribe"] if "Open MPI" in _told([launcher, "--version"]) else []
    told = _told([launcher, *options, "-n", "2", sys.executable, "-c", _TWO_RANKS])
    if told.count("<3>") == 2:
        return Finding("two ranks", "talk to each other")
    return Finding(
        "two ranks",
        f"do not see each other ({_reason(told)})",
        "pip install 'rhocast[mpi]', and use the mpirun of the library that mpi4py finds "
        "(MPI4PY_LIBMPI names another one)",
    )


def _engine() -> Finding:
    """Tell the engine and whether its MPI library is the launcher's."""
    program = next((path for name in ("sparc", "abinit") if (path := shutil.which(name))), None)
    if program is None:
        return Finding(
            "engine", "neither sparc nor abinit on the PATH",
            "install one (docs/hpc.md) where densities are to be computed",
        )  # fmt: skip
    linked = re.search(r"(libmpi\w*\.so[.\d]*) => (\S+)", _told(["ldd", program]))
    if linked is None:
        return Finding("engine", f"{program}, linked to no MPI library that ldd shows")
    launcher = _mpirun()
    if launcher is None:
        return Finding("engine", f"{program}, linked to {linked[2]}")
    open_library = linked[1].endswith(".so.40")  # of Open MPI 2 to 5; that of MPICH is .so.12
    open_launcher = "Open MPI" in _told([launcher, "--version"])
    if open_library != open_launcher:
        return Finding(
            "engine", f"{program} is linked to {linked[2]}, and {launcher} is of another MPI",
            "put the mpirun of the engine's MPI first on the PATH",
        )  # fmt: skip
    return Finding("engine", f"{program}, linked to {linked[2]}, of the same MPI as mpirun")


def _threads() -> Finding:
    allowed, cores = len(os.sched_getaffinity(0)), os.cpu_count()
    told = f"{available_threads()} of a process, which may run on {allowed} of {cores} cores"
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > allowed:
        return Finding(
            "threads", f"{told}; OMP_NUM_THREADS is {wanted}",
            f"set OMP_NUM_THREADS to {allowed} or less, or ask for more cores (--cpus-per-task)",
        )  # fmt: skip
    return Finding("threads", told)


def _slurm() -> Finding:
    if shutil.which("sinfo") is None:
        return Finding("Slurm", "is not installed: use profiles/local, not `--profile slurm`")
    nodes = _told(["sinfo", "--noheader", "--format=%D %T"])
    if not re.match(r"\d+ \w", nodes):
        return Finding(
            "Slurm", f"does not answer ({_reason(nodes)})",
            "ask the administrators, or use profiles/local on this machine", optional=True,
        )  # fmt: skip
    kinds = re.findall(r"\bpmi\w*", _told(["srun", "--mpi=list"]))
    pmi = f"srun speaks {', '.join(sorted(set(kinds))) or 'no PMI: start ranks with mpirun'}"
    return Finding("Slurm", f"nodes: {', '.join(nodes.splitlines())}; {pmi}")


def _gpu() -> Finding:
    if shutil.which("nvidia-smi") is None:
        return Finding("GPU", "none that nvidia-smi shows; all work runs on the processor")
    names = _told(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"])
    try:
        import cupy  # noqa: F401
    except ImportError:
        return Finding(
            "GPU", f"{_reason(names)}, without CuPy", "pip install 'rhocast[gpu]' to use it",
            optional=True,
        )  # fmt: skip
    return Finding("GPU", ", ".join(names.splitlines()))


def _kernels() -> Finding:
    found = compiled.isas()
    if not found:
        return Finding(
            "kernels", "were not compiled: predictions take some 40 times as long",
            "install a C++ compiler and install rhocast again",
        )  # fmt: skip
    return Finding("kernels", f"compiled, for this processor: {', '.join(found)}")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        return Finding("disk", f"{folder.resolve()} cannot be written to", "choose another folder")
    if free < 1e9:
        return Finding("disk", f"{size(free)} free", "make room, or choose another folder")
    return Finding("disk", f"{size(free)} free in {folder.resolve()}")


def _locks(folder: Path) -> Finding:
    with owned(folder / "rhocast-doctor") as certain:
        if certain:
            return Finding("locks", "processes can lock files")
    return Finding(
        "locks", "this file system knows none: two commands on one output are not refused",
        "start one command for each output, and set HDF5_USE_FILE_LOCKING=FALSE",
    )  # fmt: skip


def _mpirun() -> str | None:
    beside = Path(sys.executable).with_name("mpirun")
    return str(beside) if beside.exists() else shutil.which("mpirun")


def _told(command: list[str]) -> str:
    """Return what a program prints, or why it does not."""
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # as Snakefile
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
            env=os.environ | as_root,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout + done.stderr).strip()


def _reason(text: str) -> str:
    """Return the error that a traceback ends with, else the first line with words in it."""
    lines = [line.strip() for line in text.splitlines() if re.search(r"\w", line)]
    errors = [line for line in lines if re.match(r"\w*Error\b", line)]
    return next(iter([*errors, *lines]), "no answer")
