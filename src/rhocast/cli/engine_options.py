"""Options that the verbs with a DFT engine share: which engine, and how it is started."""

import argparse
import shlex
from pathlib import Path

from rhocast import config
from rhocast.engines import Engine, Launcher, make_engine, read_engine_record, resolve_engine


def add_engine_options(verb: argparse.ArgumentParser) -> None:
    """Add ``--engine``, ``--launcher`` and ``--threads``."""
    verb.add_argument(
        "--engine", type=Path, help="engine.json of the workflow (default: as dft.engine says)"
    )
    verb.add_argument(
        "--launcher", default="", help="what starts the engine, such as 'mpirun -n 4'"
    )
    verb.add_argument(
        "--threads", type=int, default=1, help="OpenMP threads of each rank (default: 1)"
    )


def engine_of(options: argparse.Namespace, dft: config.Dft) -> Engine:
    """Return the engine that is asked for."""
    if options.engine is None:
        return make_engine(resolve_engine(dft.engine))
    return make_engine(read_engine_record(options.engine))


def launcher_of(options: argparse.Namespace) -> Launcher:
    """Return what starts the engine."""
    return Launcher(tuple(shlex.split(options.launcher)), options.threads)
