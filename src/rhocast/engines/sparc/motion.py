"""SPARC's files of moving atoms: ``.aimd``, which grows with each step, and restart files.

They are read here and not by SPARC's API, which takes whole files of ended runs only.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast.engines.attempts import attempts
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import CalculationError, Dynamics
from rhocast.engines.sparc.input import LABEL

#: Where a run begins; SPARC looks for it before all others.
RESTART = f"{LABEL}.restart"
#: What SPARC writes after each step: the newest, and the one before.
_KEPT = (f"{LABEL}.restart-0", f"{LABEL}.restart-1")
MOTION = f"{LABEL}.aimd"


@dataclass(frozen=True)
class Step:
    """One step of SPARC's dynamics, in its own order of the atoms.

    Attributes
    ----------
    number
        Of the step; the start is 0.
    positions, velocities : (n, 3) arrays
        Bohr, returned into the cell; Bohr per atomic unit of time.
    energy_ha, conserved_ha
        Free energy, and what the equations of motion conserve, Ha.
    pressure_gpa
        Of electrons and ions at rest, GPa.
    """

    number: int
    positions: np.ndarray
    velocities: np.ndarray
    energy_ha: float
    conserved_ha: float
    pressure_gpa: float


def read_steps(path: Path, n_atoms: int) -> list[Step]:
    """Read the steps of an ``.aimd`` file that are complete; none if there is no file."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    steps = []
    for block in re.split(r"^:MDSTEP:", text, flags=re.MULTILINE)[1:]:
        # What comes after the pressure is not read, so that a torn block is known by its lack.
        if not re.search(r"^:PRESIG:.*\n", block, re.MULTILINE):
            break
        steps.append(
            Step(
                number=int(block.split(maxsplit=1)[0]),
                positions=_table(block, "R", n_atoms),
                velocities=_table(block, "V", n_atoms),
                energy_ha=_number(block, "FEN") * n_atoms,
                conserved_ha=_number(block, "TENX") * n_atoms,
                pressure_gpa=_number(block, "PRES"),
            )
        )
    return steps


def read_attempts(folder: Path, n_atoms: int) -> tuple[list[Step], str]:
    """Read what the attempts at a run have come to.

    Returns
    -------
    steps
        From step 1 on, without a gap.
    restart
        Contents of a restart file of the last of these steps; empty if there is none.
    """
    steps: list[Step] = []
    restart = ""
    for attempt in attempts(folder):
        found = {step.number: step for step in read_steps(attempt / MOTION, n_atoms)}
        kept = [path.read_text(encoding="ascii") for path in _restart_files(attempt)]
        complete = [text for text in kept if _is_whole(text, n_atoms) and _step_of(text) in found]
        if not complete:
            continue
        # Only up to the newest restart file: what SPARC did beyond, it will do again.
        restart = max(complete, key=_step_of)
        first = min(found)
        if first > len(steps) + 1:
            raise CalculationError(f"{attempt}: begins with step {first}, after {len(steps)}")
        steps = steps[: first - 1] + [found[n] for n in range(first, _step_of(restart) + 1)]
    return steps, restart


def starting_point(calculation: Calculation, dynamics: Dynamics, order: np.ndarray) -> str:
    """Return the restart file of a run that has yet to make its first step.

    Parameters
    ----------
    calculation, dynamics
        What is to be run.
    order : (n,) int array
        Atoms in SPARC's order.
    """
    blocks = {
        ":R(Bohr):": calculation.structure.positions[order],
        ":V(Bohr/atu):": dynamics.velocities[order],
    }
    lines = [":MDSTEP: 0"]
    for name, rows in blocks.items():
        lines += [name, *(" ".join(f"{value:.14e}" for value in row) for row in rows)]
    lines += [
        ":snose: 0",
        ":xinose: 0",
        f":TTHRMI(K): {dynamics.temperature_K!r}",
        f":TEL(K): {calculation.dft.smearing_K!r}",
        f":TIO(K): {dynamics.temperature_K!r}",
    ]
    return "\n".join(lines) + "\n"


def _restart_files(attempt: Path) -> list[Path]:
    """Return the restart files of an attempt, the one that it began from among them."""
    return [path for path in (attempt / name for name in (RESTART, *_KEPT)) if path.is_file()]


def _is_whole(restart: str, n_atoms: int) -> bool:
    return len(restart.splitlines()) == 2 * n_atoms + 8 and restart.endswith("\n")


def _step_of(restart: str) -> int:
    return int(restart.split(maxsplit=2)[1])


def _number(block: str, name: str) -> float:
    found = re.search(rf"^:{name}:\s*(\S+)", block, re.MULTILINE)
    return float(found.group(1)) if found else float("nan")


def _table(block: str, name: str, rows: int) -> np.ndarray:
    lines = block.partition(f"\n:{name}:\n")[2].splitlines()[:rows]
    return np.array([line.split() for line in lines], dtype=float)
