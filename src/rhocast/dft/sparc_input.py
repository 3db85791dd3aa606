"""The input of the SPARC engine, written by SPARC's Python API but for the restart file."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from sparc.io import SparcBundle

from rhocast.dft.calculation import Calculation
from rhocast.dft.engine import Dynamics
from rhocast.dft.trajectory import thermostat_mass
from rhocast.errors import EngineError

#: Every file of a run is called this, with a suffix.
LABEL = "run"

_FUNCTIONAL = {"pbe": "GGA_PBE"}


def electronic_keys(calculation: Calculation) -> dict[str, Any]:
    """Return SPARC's keys for the electrons; every one whose default depends on something else."""
    dft, kpoints = calculation.dft, calculation.kpoints
    return {
        "EXCHANGE_CORRELATION": _FUNCTIONAL[dft.functional],
        "FD_GRID": list(calculation.mesh.shape),
        "KPOINT_GRID": list(kpoints.divisions),
        "KPOINT_SHIFT": list(kpoints.shift),  # the default shifts even meshes
        "ELEC_TEMP_TYPE": "fermi-dirac",  # the default is Gaussian
        "ELEC_TEMP": dft.smearing_K,
        # Chebyshev filtering wants spare states; for 32 Al atoms a third more cost as much as half.
        "NSTATES": max(calculation.n_bands, math.ceil(1.3 * calculation.n_electrons / 2.0)),
        "TOL_SCF": dft.scf_tolerance,
        "MAXIT_SCF": dft.max_scf_iterations,
    }


def dynamics_keys(calculation: Calculation, dynamics: Dynamics) -> dict[str, Any]:
    """Return SPARC's keys for the motion of the atoms.

    SPARC's thermostat counts 3n - 3 degrees of freedom; its default mass knows nothing of them.
    """
    n_atoms = len(calculation.structure)
    return {
        "MD_FLAG": 1,
        "MD_METHOD": "NVT_NH",
        "MD_TIMESTEP": dynamics.timestep_fs,
        "MD_NSTEP": dynamics.n_steps,
        "ION_TEMP": dynamics.temperature_K,
        "QMASS": thermostat_mass(n_atoms, dynamics.temperature_K, dynamics.thermostat_time_fs),
        "RESTART_FLAG": 1,
        "PRINT_FORCES": 1,
    }


def write_input(calculation: Calculation, keys: dict[str, Any], workdir: Path) -> np.ndarray:
    """Write ``.inpt`` and ``.ion``; return where each atom stands in SPARC's order, shape (n,).

    Raises
    ------
    EngineError
        If a pseudopotential is written in a way that SPARC does not read.
    """
    for file in calculation.pseudopotentials.values():
        if file.fortran_exponents:
            raise EngineError(
                f"{file.path}: numbers written as 1.0D-03, which SPARC does not read; write E for "
                "D, in a copy"
            )
    with silence():
        bundle = SparcBundle(workdir, mode="w", label=LABEL)
        bundle._write_ion_and_inpt(
            calculation.structure.to_ase(),
            label=LABEL,
            copy_psp=True,
            pseudopotentials={e: str(f.path) for e, f in calculation.pseudopotentials.items()},
            input_parameters=keys,
        )
    return np.array(bundle.sorting["resort"])


def write_restart(
    calculation: Calculation, dynamics: Dynamics, order: np.ndarray, workdir: Path
) -> None:
    """Write the restart file of a run that has yet to make its first step.

    Parameters
    ----------
    calculation, dynamics
        What is to be run.
    order : (n,) int array
        Atoms in SPARC's order.
    workdir
        SPARC's folder.
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
    text = "\n".join(lines) + "\n"
    (workdir / f"{LABEL}.restart").write_text(text, encoding="ascii")


@contextmanager
def silence() -> Iterator[None]:
    """SPARC's API prints, and warns of what is no concern."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
