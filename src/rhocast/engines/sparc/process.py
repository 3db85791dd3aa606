"""Running SPARC, and what every reader of its output needs."""

import re
from pathlib import Path
from typing import Any

from sparc.io import SparcBundle

from rhocast.engines.engine import CalculationError, EngineRecord, check_ranks, check_version
from rhocast.engines.process import Launcher, last_lines, run
from rhocast.engines.scf_progress import progress_of
from rhocast.engines.sparc.input import LABEL, silence
from rhocast.errors import EngineError

#: Iteration, free energy, error and seconds of an SCF cycle.
_ITERATION = re.compile(r"^\d+ +-?\d\S*E\S+ +(\d\S*E\S+) +\S+ *$", re.MULTILINE)


def read_output(workdir: Path) -> dict[str, Any]:
    """Read all that SPARC wrote about the only run in a folder, as its API tells it."""
    try:
        with silence():
            output: dict[str, Any] = SparcBundle(workdir, mode="r").read_raw_results()
    except Exception as error:  # the API's parsers raise whatever they meet
        raise CalculationError(f"{workdir}: SPARC's output cannot be read ({error})") from error
    return output


def run_sparc(executable: str, launcher: Launcher, workdir: Path) -> float:
    """Run SPARC to its end; return the seconds it took."""
    log = workdir / f"{LABEL}.log"
    output = workdir / f"{LABEL}.out"
    given = (workdir / f"{LABEL}.inpt").read_text(encoding="utf-8")
    tolerance = re.search(r"^TOL_SCF: *(\S+)", given, re.MULTILINE)
    progress = (
        progress_of(lambda: scf_residuals(output), float(tolerance[1])) if tolerance else None
    )
    finished = run([executable, "-name", LABEL], launcher, workdir, log, progress)
    text = output.read_text(encoding="utf-8", errors="replace") if output.is_file() else ""
    if "Total walltime" not in text:
        error = CalculationError if "Total number of SCF" in text else EngineError
        raise error(
            f"SPARC failed in {workdir} (exit status {finished.returncode}); the end of its "
            f"output:\n{last_lines(output)}\n{last_lines(log)}"
        )
    return finished.wall_time_s


def scf_residuals(output: Path) -> list[list[float]]:
    """Return the errors of every SCF iteration, a list for each configuration."""
    if not output.is_file():
        return []
    cycles = output.read_text(encoding="utf-8", errors="replace").split("Self Consistent Field")[1:]
    return [[float(residual) for residual in _ITERATION.findall(cycle)] for cycle in cycles]


def check_run(
    output: dict[str, Any], launcher: Launcher, record: EngineRecord, workdir: Path
) -> None:
    """Raise unless an output is whole and of the expected version and ranks."""
    steps = output["out"]["ionic_steps"]
    if not steps or not steps[0]["convergence"]:
        raise CalculationError(f"{workdir}: no complete SCF cycle in SPARC's output")
    check_version(record, str(output["out"]["sparc_version"]))
    check_ranks(launcher, int(output["out"]["run_info"]["number of processors"]))


def only_file(workdir: Path, pattern: str) -> Path:
    """Return the one file of a pattern; CalculationError if there are more or none."""
    found = sorted(workdir.glob(pattern))
    if len(found) != 1:
        raise CalculationError(f"{workdir}: expected one {pattern}, found {len(found)}")
    return found[0]
