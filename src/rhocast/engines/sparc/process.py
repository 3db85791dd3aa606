"""Running SPARC, and what every reader of its output needs."""

from pathlib import Path
from typing import Any

from sparc.io import SparcBundle

from rhocast.engines.engine import CalculationError, EngineRecord, check_ranks, check_version
from rhocast.engines.process import Launcher, last_lines, run
from rhocast.engines.sparc.input import LABEL, silence
from rhocast.errors import EngineError


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
    finished = run([executable, "-name", LABEL], launcher, workdir, log)
    output = workdir / f"{LABEL}.out"
    text = output.read_text(encoding="utf-8", errors="replace") if output.is_file() else ""
    if "Total walltime" not in text:
        error = CalculationError if "Total number of SCF" in text else EngineError
        raise error(
            f"SPARC failed in {workdir} (exit status {finished.returncode}); the end of its "
            f"output:\n{last_lines(output)}\n{last_lines(log)}"
        )
    return finished.wall_time_s


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
