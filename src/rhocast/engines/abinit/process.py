"""Running ABINIT, and what every reader of its output needs."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from netCDF4 import Dataset

from rhocast.engines.abinit.input import check_keys, format_input
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import CalculationError, check_ranks
from rhocast.engines.process import Launcher, last_lines, run
from rhocast.engines.scf_progress import progress_of
from rhocast.errors import ConfigError, EngineError

#: Files of every run, in its folder.
INPUT, OUTPUT, LOG = "run.abi", "run.abo", "run.log"

#: How ABINIT names a variable that it does not know, or whose value it cannot read.
_REFUSED = re.compile(r"Found token: `\s*(\w+)`|reading data for keyword `\s*(\w+)`")


def run_abinit(
    executable: str,
    calculation: Calculation,
    variables: Mapping[str, Any],
    launcher: Launcher,
    workdir: Path,
) -> float:
    """Run ABINIT to its end; return the seconds it took.

    Parameters
    ----------
    executable
        The program.
    calculation
        Its pseudopotentials are laid where the input names them.
    variables
        The input, to which ``dft.abinit`` of the configuration adds.
    launcher
        How to start it.
    workdir
        Folder to run in.

    Raises
    ------
    ConfigError
        If ``dft.abinit`` holds what is refused by the program or by ABINIT.
    EngineError
        If it ends before its end; `CalculationError` if it had begun to iterate.
    """
    keys = calculation.dft.abinit
    check_keys(keys)
    for element, file in calculation.pseudopotentials.items():
        (workdir / f"{element}.psp8").symlink_to(file.path)
    own = {key.lower(): value for key, value in keys.items()}
    (workdir / INPUT).write_text(format_input({**variables, **own}), encoding="ascii")
    log, output = workdir / LOG, workdir / OUTPUT
    tolerance = float(variables.get("tolvrs", calculation.dft.scf_tolerance))
    progress = progress_of(lambda: scf_residuals(output), tolerance)
    finished = run([executable, INPUT], launcher, workdir, log, progress)
    text = output.read_text(encoding="utf-8", errors="replace") if output.is_file() else ""
    if "Calculation completed" not in text:
        _blame_keys(log, own)
        error = CalculationError if scf_residuals(output) else EngineError
        raise error(
            f"ABINIT failed in {workdir} (exit status {finished.returncode}); the end of "
            f"{log.name}:\n{last_lines(log)}"
        )
    check_ranks(launcher, _ranks(log))
    return finished.wall_time_s


def _blame_keys(log: Path, keys: Mapping[str, Any]) -> None:
    """Raise ConfigError if it was one of the expert's keys that ABINIT would not take."""
    for names in _REFUSED.findall(log.read_text(encoding="utf-8", errors="replace")):
        key = "".join(names).lower()
        if key in keys:
            raise ConfigError(
                f"dft.abinit.{key}: expected a variable that ABINIT knows and a value that it "
                f"takes, found {keys[key]!r}; see docs.abinit.org"
            )


def scf_residuals(output: Path) -> list[list[float]]:
    """Return the residuals (vres2) of every SCF iteration, a list for each configuration."""
    cycles: list[list[float]] = []
    if not output.is_file():
        return cycles
    for line in output.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(" ETOT"):
            words = line.split()
            if words[1] == "1":
                cycles.append([])
            cycles[-1].append(float(words[-1]))
    return cycles


def open_netcdf(path: Path, mode: Literal["r", "r+"] = "r") -> Dataset:
    """Open a netCDF file, to read unless told otherwise; CalculationError if that fails."""
    try:
        return Dataset(path, mode)
    except OSError as error:
        raise CalculationError(f"{path}: cannot be read as netCDF ({error})") from None


def _ranks(log: Path) -> int:
    """Return the number of MPI ranks that ABINIT says it has."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"mpi_nproc:\s*(\d+)", text)
    return int(found.group(1)) if found else 1
