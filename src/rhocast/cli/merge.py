"""Verbs that make one density file on another mesh: ``merge``, ``refine``."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast.cli.numbers import number_in
from rhocast.cli.ranks import communicator
from rhocast.density import refine
from rhocast.density.interpolation import Part
from rhocast.inference import merge

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    verb = verbs.add_parser(
        "merge",
        description="Make one density file of all shards. Where they hold a coarser mesh than was "
        "asked for, it is interpolated, by MPI ranks too: mpirun -n 4 rhocast merge SHARD ... -o "
        "density.h5",
    )
    verb.add_argument("shards", nargs="+", type=Path, help="shard files, in any order")
    verb.add_argument("-o", "--output", required=True, type=Path, help="HDF5 file to write")
    verb.add_argument(
        "--unscaled", action="store_true", help="leave the electron count as predicted"
    )
    verb.add_argument(
        "--virtual",
        action="store_true",
        help="refer to the shards, on the mesh that was evaluated, instead of copying them",
    )
    verb.set_defaults(run=_merge)

    verb = verbs.add_parser(
        "refine",
        description="Interpolate a density file to another mesh, alone or on MPI ranks. The "
        "density is a quintic spline through the stored one and keeps its electrons; standard "
        "deviations stay between their neighbours.",
    )
    verb.add_argument("density", type=Path, help="density file (HDF5)")
    verb.add_argument("-o", "--output", required=True, type=Path, help="HDF5 file to write")
    verb.add_argument(
        "--mesh-spacing-bohr",
        type=number_in(0.01, 100, "Bohr"),
        help="maximum spacing of the output mesh, Bohr (default: as stored)",
    )
    _add_box(verb)
    verb.set_defaults(run=_refine)


def _add_box(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--box",
        type=number_in(-1000, 1000),
        nargs=6,
        metavar=("X0", "X1", "Y0", "Y1", "Z0", "Z1"),
        help="part of the cell to write, in units of the lattice vectors (default: all of it)",
    )


def _part(options: argparse.Namespace) -> Part:
    ends = options.box or (0.0, 1.0) * 3
    return ((ends[0], ends[1]), (ends[2], ends[3]), (ends[4], ends[5]))


def _refine(options: argparse.Namespace) -> None:
    comm = communicator()
    refine(options.density, options.output, options.mesh_spacing_bohr, _part(options), comm=comm)
    log.info("%s is written", options.output)


def _merge(options: argparse.Namespace) -> None:
    merge(
        options.shards,
        options.output,
        scale_to_electrons=not options.unscaled,
        virtual=options.virtual,
        comm=communicator(),
    )
