"""What a DFT engine is to the rest of the program, and which one is in use."""

import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rhocast.dynamics.trajectory import Trajectory
from rhocast.engines.calculation import Calculation
from rhocast.engines.process import Launcher
from rhocast.errors import EngineError
from rhocast.files import replacing

logger = logging.getLogger(__name__)

#: In the order of preference of ``engine: auto``.
PROGRAMS = ("sparc", "abinit")

_INSTALL = {
    "sparc": "`conda install -c conda-forge sparc-x`",
    "abinit": "`apt-get install abinit` or `conda install -c conda-forge abinit`",
}


class CalculationError(EngineError):
    """The engine works, but failed on this very structure."""


@dataclass(frozen=True)
class EngineRecord:
    """The engine that a project's data are made with, settled once.

    Attributes
    ----------
    name
        ``sparc`` or ``abinit``.
    executable
        Absolute path of the program.
    version
        As the program states it.
    """

    name: str
    executable: str
    version: str


@dataclass(frozen=True)
class SinglePoint:
    """What an engine returns for one configuration of the atoms.

    Attributes
    ----------
    density : (nx, ny, nz) float64 array
        e/Bohr³ on the mesh of the calculation.
    forces : (n, 3) float64 array
        Ha/Bohr, in the order of the structure's atoms.
    energy_ha
        Free energy, Ha.
    converged
        Whether the SCF cycle met its tolerance.
    scf_iterations
        Iterations it took.
    scf_residual
        The residual at its end, as the engine defines it.
    highest_occupation
        Largest occupation (0 to 1) of the highest band.
    record
        Further attributes of the snapshot file.
    """

    density: np.ndarray
    forces: np.ndarray
    energy_ha: float
    converged: bool
    scf_iterations: int
    scf_residual: float
    highest_occupation: float
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DensityEnergy:
    """The Harris-Foulkes energy of a cell at a density, and the parts that the engine prints.

    Attributes
    ----------
    energy_ha
        Free energy, Ha.
    band_ha
        Sum of the occupied eigenvalues Σ f ε, Ha.
    xc_ha
        E_xc[ρ], Ha.
    hartree_ha
        E_H[ρ] of the electrons, Ha; None where the engine prints it with the ions' part only.
    fermi_ha
        Fermi level, Ha, relative to the engine's own zero of the potential.
    highest_occupation
        Largest occupation (0 to 1) of the highest band.
    """

    energy_ha: float
    band_ha: float
    xc_ha: float
    hartree_ha: float | None
    fermi_ha: float
    highest_occupation: float


@dataclass(frozen=True)
class Dynamics:
    """Molecular dynamics in the canonical ensemble (Nosé-Hoover).

    Attributes
    ----------
    velocities : (n, 3) array
        At the start, Bohr per atomic unit of time, without motion of the centre of mass.
    temperature_K
        Of the thermostat.
    timestep_fs
        Time step.
    thermostat_time_fs
        Period of the thermostat's own oscillation.
    n_steps
        Time steps; the trajectory holds one configuration more, the start.
    """

    velocities: np.ndarray
    temperature_K: float
    timestep_fs: float
    thermostat_time_fs: float
    n_steps: int


class Engine(Protocol):
    """A program that solves the Kohn-Sham equations.

    Its calculations raise `CalculationError` if the engine fails on the structure, and another
    `EngineError` if it does not work at all.
    """

    record: EngineRecord

    @property
    def safer_mixing(self) -> Mapping[str, float | int]:
        """Keys of its input that make the SCF cycle converge more slowly and more surely."""
        ...

    def single_point(
        self,
        calculation: Calculation,
        launcher: Launcher,
        workdir: Path,
        start: np.ndarray | None = None,
        waves: Path | None = None,
    ) -> SinglePoint:
        """Compute density, energy and forces of one configuration.

        The cycle begins from superposed atoms, or from a density (nx, ny, nz) in e/Bohr³ on any
        mesh of the cell. ``waves`` is a folder in which the engine keeps wave functions from one
        configuration of a cell to the next: it begins from those that are there, if they are of
        the same cell and settings, and replaces them at the end. An engine that cannot begin from
        wave functions leaves the folder alone.
        """
        ...

    def harris_foulkes(
        self,
        calculation: Calculation,
        density: np.ndarray,
        launcher: Launcher,
        workdir: Path,
        waves: Path | None = None,
    ) -> DensityEnergy:
        """Evaluate the Harris-Foulkes energy at a density on any mesh of the cell.

        ``waves`` is a folder of wave functions, as in `single_point`.
        """
        ...

    def eigenvalues(
        self,
        calculation: Calculation,
        density: np.ndarray,
        kpoints: np.ndarray,
        launcher: Launcher,
        workdir: Path,
    ) -> np.ndarray:
        """Return the lowest ``calculation.n_bands`` eigenvalues at k-points (k, 3); (k, n), Ha.

        They are those in the potential of a density on any mesh of the cell. The k-points are in
        units of the reciprocal lattice vectors, and the k-mesh of the calculation is not used.
        """
        ...

    def molecular_dynamics(
        self, calculation: Calculation, dynamics: Dynamics, launcher: Launcher, workdir: Path
    ) -> Trajectory:
        """Let the atoms move."""
        ...


def find_program(names: Sequence[str]) -> tuple[str, str]:
    """Return name and absolute path of the first of some programs that is on the PATH.

    Raises
    ------
    EngineError
        If none is there; the message says how to install them.
    """
    for name in names:
        if found := shutil.which(name):
            return name, str(Path(found).absolute())
    remedies = "; ".join(f"{name}: {_INSTALL[name]}" for name in names)
    raise EngineError(
        f"dft.engine: no program {' or '.join(names)} on the PATH; install one ({remedies})"
    )


def write_engine_record(path: str | Path, record: EngineRecord) -> None:
    """Write ``engine.json``."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")


def read_engine_record(path: str | Path) -> EngineRecord:
    """Read ``engine.json`` and check that the engine it names is still there.

    Raises
    ------
    EngineError
        If the file is damaged or its program has gone. The engine is never chosen anew: that
        would mix two engines in one set of data.
    """
    try:
        record = EngineRecord(**json.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, TypeError, ValueError) as error:
        raise EngineError(
            f"{path}: expected name, executable and version of an engine ({error}); mend it, or "
            "move it elsewhere to settle on an engine anew"
        ) from None
    if record.name not in PROGRAMS:
        raise EngineError(f"{path}: name: expected {' or '.join(PROGRAMS)}, found {record.name}")
    if not os.access(record.executable, os.X_OK):
        raise EngineError(
            f"{path}: {record.name} was settled upon at {record.executable}, which is no program "
            "now; bring it back, or correct the path if the same version lies elsewhere"
        )
    return record


def check_version(record: EngineRecord, found: str) -> None:
    """Raise EngineError unless an engine's output states the version that was settled upon."""
    if found != record.version:
        raise EngineError(
            f"{record.executable} is {record.name} {found}, but this project was begun with "
            f"{record.version}: bring that back, or enter the new version in engine.json to mix "
            "the two in one set of data"
        )


def check_ranks(launcher: Launcher, found: int) -> None:
    """Raise EngineError unless an engine ran on the MPI ranks that it was given."""
    if found != launcher.ranks:
        raise EngineError(
            f"launcher {' '.join(launcher.words)!r}: expected {launcher.ranks} MPI ranks, the "
            f"engine found {found}; the launcher is of another MPI than the engine, take the one "
            "that came with the engine"
        )
