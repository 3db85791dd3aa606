"""Density functional theory: engines, molecular dynamics, single points, snapshot files.

The engine is settled once (`resolve_engine`), recorded (`write_engine_record`), and made from the
record ever after (`make_engine`). `run_aimd` and `compute_snapshot` work with either.
"""

from rhocast.dft.abinit import AbinitEngine
from rhocast.dft.aimd import run_aimd
from rhocast.dft.classical import run_classical
from rhocast.dft.engine import (
    PROGRAMS,
    Engine,
    EngineRecord,
    find_program,
    read_engine_record,
    write_engine_record,
)
from rhocast.dft.frames import frame_step, motion_of, n_steps, take_frames
from rhocast.dft.given_density import GivenDensity, read_given_density
from rhocast.dft.harris_foulkes import HarrisFoulkes, harris_foulkes
from rhocast.dft.process import Launcher
from rhocast.dft.psp8 import Psp8, resolve_pseudopotentials
from rhocast.dft.single_point import compute_snapshot
from rhocast.dft.snapshot import Snapshot, read_snapshot, write_snapshot
from rhocast.dft.sparc import SparcEngine
from rhocast.dft.trajectory import Trajectory
from rhocast.dft.trajectory_file import read_trajectory, write_trajectory

__all__ = [
    "Engine",
    "EngineRecord",
    "GivenDensity",
    "HarrisFoulkes",
    "Launcher",
    "Psp8",
    "Snapshot",
    "Trajectory",
    "compute_snapshot",
    "frame_step",
    "harris_foulkes",
    "make_engine",
    "motion_of",
    "n_steps",
    "read_engine_record",
    "read_given_density",
    "read_snapshot",
    "read_trajectory",
    "resolve_engine",
    "resolve_pseudopotentials",
    "run_aimd",
    "run_classical",
    "take_frames",
    "write_engine_record",
    "write_snapshot",
    "write_trajectory",
]

_ENGINES: dict[str, type[AbinitEngine] | type[SparcEngine]] = {
    "abinit": AbinitEngine,
    "sparc": SparcEngine,
}


def resolve_engine(requested: str) -> EngineRecord:
    """Settle on an engine: the program, where it lies, and its version.

    Parameters
    ----------
    requested
        ``sparc``, ``abinit``, or ``auto`` for the first of them that is on the PATH.

    Raises
    ------
    EngineError
        If there is none, or it does not run.
    """
    names = PROGRAMS if requested == "auto" else (requested,)
    name, executable = find_program(names)
    return EngineRecord(name, executable, _ENGINES[name].version(executable))


def make_engine(record: EngineRecord) -> Engine:
    """Return the engine of a record."""
    return _ENGINES[record.name](record)
