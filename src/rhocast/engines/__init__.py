"""DFT engines: what they are asked for, single points, molecular dynamics, energies at a density.

The engine is settled once (`resolve_engine`), recorded (`write_engine_record`), and made from the
record ever after (`make_engine`). `run_aimd` and `compute_snapshot` work with either.
"""

from typing import TYPE_CHECKING

from rhocast.engines.aimd import run_aimd
from rhocast.engines.engine import (
    PROGRAMS,
    Engine,
    EngineRecord,
    find_program,
    read_engine_record,
    write_engine_record,
)
from rhocast.engines.fixed_density import eigenvalues
from rhocast.engines.harris_foulkes import HarrisFoulkes, harris_foulkes
from rhocast.engines.process import Launcher
from rhocast.engines.psp8 import Psp8, resolve_pseudopotentials
from rhocast.engines.single_point import compute_snapshot
from rhocast.extras import needed_for

if TYPE_CHECKING:
    from rhocast.engines.abinit.engine import AbinitEngine
    from rhocast.engines.sparc.engine import SparcEngine

__all__ = [
    "Engine",
    "EngineRecord",
    "HarrisFoulkes",
    "Launcher",
    "Psp8",
    "compute_snapshot",
    "eigenvalues",
    "harris_foulkes",
    "make_engine",
    "read_engine_record",
    "resolve_engine",
    "resolve_pseudopotentials",
    "run_aimd",
    "write_engine_record",
]


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
    return EngineRecord(name, executable, _class_of(name).version(executable))


def make_engine(record: EngineRecord) -> Engine:
    """Return the engine of a record."""
    return _class_of(record.name)(record)


def _class_of(name: str) -> "type[AbinitEngine] | type[SparcEngine]":
    """Load the engine of a name, and with it the packages of the extra ``dft``."""
    with needed_for(f"the engine {name}"):
        if name == "sparc":
            from rhocast.engines.sparc.engine import SparcEngine

            return SparcEngine
        from rhocast.engines.abinit.engine import AbinitEngine

        return AbinitEngine
