"""Eigenvalues at a fixed density with SPARC, whose input knows lines of k-points only."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import CalculationError
from rhocast.engines.process import Launcher
from rhocast.engines.sparc.input import LABEL, electronic_keys, hand_over, write_input
from rhocast.engines.sparc.process import only_file, run_sparc
from rhocast.errors import EngineError

#: K-points that SPARC has room for in one run.
_MOST_POINTS = 512

#: Passes of the Chebyshev filter.
_PASSES = 24

#: A k-point and the same beyond one reciprocal vector, and how far their energies may differ, Ha.
_SAME_POINTS = np.array([[0.12, 0.23, 0.31], [1.12, 0.23, 0.31]])
_SAME_ENERGY = 1e-4


def eigenvalues(
    executable: str,
    calculation: Calculation,
    density: np.ndarray,
    kpoints: np.ndarray,
    launcher: Launcher,
    workdir: Path,
) -> np.ndarray:
    """Return the lowest eigenvalues (k, n), Ha, in the potential of a density.

    Any list of k-points is one of lines that consist of their two ends. The highest states of a
    filtered subspace converge last, so that a third more of them are computed.

    Raises
    ------
    EngineError
        If SPARC fails, or takes k-points in other coordinates than its versions of 2025.
    """
    points = _as_sparc_takes(np.vstack([_SAME_POINTS, kpoints]), calculation.structure.cell)
    parts = [points[first : first + _MOST_POINTS] for first in range(0, len(points), _MOST_POINTS)]
    found = []
    for number, part in enumerate(parts):
        folder = workdir / f"part-{number}"
        folder.mkdir()
        keys = _keys(calculation) | hand_over(density, calculation, folder)
        del keys["READ_INIT_DENS"]  # a band structure reads it in any case
        write_input(calculation, keys, folder)
        _add_points(folder / f"{LABEL}.inpt", part)
        run_sparc(executable, launcher, folder)
        found.append(_read(folder, keys["NSTATES"])[: len(part), : calculation.n_bands])
    energies = np.concatenate(found)
    low = energies[:2, : (calculation.n_bands + 1) // 2]
    if np.abs(low[0] - low[1]).max() > _SAME_ENERGY:
        raise EngineError(
            f"{executable}: two equivalent k-points have different eigenvalues: this version of "
            "SPARC takes the k-points of a sheared cell in other coordinates than those of 2025; "
            "use one of 2025, or ABINIT"
        )
    return energies[len(_SAME_POINTS) :]


def _as_sparc_takes(kpoints: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return the coordinates by which SPARC's lines mean k-points (k, 3) of a cell.

    SPARC turns them into Cartesian ones, and takes these for the phases along its lattice vectors,
    divided by their lengths. In a cell with right angles both are the same.
    """
    phases = kpoints / np.linalg.norm(cell, axis=1)
    return phases @ cell.T


def _keys(calculation: Calculation) -> dict[str, Any]:
    keys = electronic_keys(calculation)
    del keys["KPOINT_GRID"], keys["KPOINT_SHIFT"]
    return keys | {
        "BAND_STRUCTURE": 1,
        "KPT_PER_LINE": 2,
        "NSTATES": math.ceil(1.33 * calculation.n_bands) + 4,
        "RHO_TRIGGER": _PASSES,
    }


def _add_points(path: Path, points: np.ndarray) -> None:
    """Add lines of two points to an input; SPARC's API cannot write them."""
    ends = points if len(points) % 2 == 0 else np.vstack([points, points[-1]])
    rows = "".join(" ".join(f"{value:.12f}" for value in point) + "\n" for point in ends)
    with path.open("a", encoding="ascii") as stream:
        stream.write(f"KPT_PATHS: {len(ends) // 2}\n{rows}")


def _read(folder: Path, n_states: int) -> np.ndarray:
    """Read the eigenvalues (k, n_states), Ha."""
    text = only_file(folder, "*.eigen").read_text(encoding="utf-8")
    states = re.findall(r"^\s*\d+\s+(\S+)\s+\S+\s*$", text, re.MULTILINE)
    if not states or len(states) % n_states:
        raise CalculationError(
            f"{folder}: {len(states)} eigenvalues in .eigen, expected {n_states} at each k-point"
        )
    return np.array(states, dtype=float).reshape(-1, n_states)
