"""Verbs of inference: ``predict``, ``merge``, ``refine``, ``export``."""

import argparse
import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from rhocast.cli.job import emit
from rhocast.errors import ParallelError
from rhocast.grid import Mesh
from rhocast.inference import (
    Request,
    estimate,
    export,
    find_communicator,
    first_alone,
    merge,
    predict_file,
    predict_shard,
    rank_of,
    refine,
    size_of,
    together,
)
from rhocast.model import DensityModel
from rhocast.structures import Structure, read_structure

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    verb = verbs.add_parser(
        "predict",
        help="predict the density of a structure",
        description="Predict the density of a structure, alone or on MPI ranks: "
        "mpirun -n 4 rhocast predict MODEL STRUCTURE -o density.h5",
    )
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument("structure", type=Path, help="any file that ASE reads")
    verb.add_argument("-o", "--output", required=True, type=Path, help="HDF5 file to write")
    verb.add_argument(
        "--mesh-spacing-bohr", type=float, default=0.4, help="at most, Bohr (default: 0.4)"
    )
    verb.add_argument(
        "--uncertainty",
        choices=("none", "fast", "sampled"),
        default="none",
        help="standard deviations beside the density (default: none)",
    )
    verb.add_argument("--samples", type=int, default=10, help="weight samples (default: 10)")
    verb.add_argument("--seed", type=int, default=0, help="of the weight samples (default: 0)")
    verb.add_argument(
        "--shard", type=_shard, metavar="K/N", help="only part K (0 to N-1) of N, for `merge`"
    )
    verb.add_argument("--ranks", type=int, help="stop unless MPI sees this many ranks")
    verb.add_argument(
        "--unscaled", action="store_true", help="leave the electron count as predicted"
    )
    verb.add_argument(
        "--dry-run",
        action="store_true",
        help="only tell points, blocks, memory, disk and time, the last from a few blocks",
    )
    verb.add_argument("--json", action="store_true", help="what --dry-run tells, as JSON")
    verb.set_defaults(run=_predict)

    verb = verbs.add_parser("merge", help="make one density file of all shards")
    verb.add_argument("shards", nargs="+", type=Path, help="shard files, in order")
    verb.add_argument("-o", "--output", required=True, type=Path, help="HDF5 file to write")
    verb.add_argument(
        "--unscaled", action="store_true", help="leave the electron count as predicted"
    )
    verb.add_argument(
        "--virtual", action="store_true", help="refer to the shards instead of copying them"
    )
    verb.set_defaults(run=_merge)

    verb = verbs.add_parser(
        "refine",
        help="interpolate a density file to a finer mesh, or a part of it",
        description="Interpolate a density file to another mesh. The density is a quintic spline "
        "through the stored one and keeps its electrons exactly; standard deviations stay between "
        "their neighbours.",
    )
    verb.add_argument("density", type=Path, help="density file (HDF5)")
    verb.add_argument("-o", "--output", required=True, type=Path, help="HDF5 file to write")
    verb.add_argument("--mesh-spacing-bohr", type=float, required=True, help="at most, Bohr")
    verb.add_argument(
        "--box",
        type=float,
        nargs=6,
        metavar=("X0", "X1", "Y0", "Y1", "Z0", "Z1"),
        help="only this part of the cell, in units of the lattice vectors",
    )
    verb.set_defaults(run=_refine)

    verb = verbs.add_parser("export", help="write a density file for other programs")
    verb.add_argument("density", type=Path, help="density file (HDF5)")
    verb.add_argument("output", type=Path, help="file to write: .cube, .xsf or CHGCAR")
    verb.add_argument(
        "--format", choices=("cube", "chgcar", "xsf"), help="default: from the name of the file"
    )
    verb.add_argument(
        "--field",
        choices=("density", "epistemic_std", "aleatoric_std"),
        default="density",
        help="which array (default: density)",
    )
    verb.set_defaults(run=_export)


def _shard(text: str) -> tuple[int, int]:
    try:
        shard, n_shards = (int(word) for word in text.split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected K/N such as 0/4, found {text!r}") from None
    return shard, n_shards


def _predict(options: argparse.Namespace) -> None:
    comm = find_communicator(options.ranks)
    if rank_of(comm) != 0:
        logging.getLogger().setLevel(logging.ERROR)
    if comm is not None:
        torch.set_num_threads(1)  # ranks and threads must not fight over the cores

    model = together(comm, lambda: DensityModel.load(options.model))
    structure = first_alone(comm, lambda: read_structure(options.structure))
    arguments: dict[str, Any] = {
        "uncertainty": options.uncertainty,
        "samples": options.samples,
        "seed": options.seed,
        "comm": comm,
        "where": str(options.structure),
    }
    mesh = None
    if structure is not None:
        mesh = Mesh.with_spacing(structure.cell, options.mesh_spacing_bohr)
    if options.dry_run:
        _dry_run(options, model, structure, mesh, comm)
        return
    with _explaining_sigterm():
        if options.shard is None:
            scale = not options.unscaled
            predict_file(
                model, structure, mesh, options.output, scale_to_electrons=scale, **arguments
            )
        else:
            shard, n_shards = options.shard
            predict_shard(
                model, structure, mesh, options.output, shard=shard, n_shards=n_shards, **arguments
            )
    log.info("%s is written", options.output)


def _dry_run(
    options: argparse.Namespace,
    model: DensityModel,
    structure: Structure | None,
    mesh: Mesh | None,
    comm: Any,
) -> None:
    shard, n_shards = options.shard or (0, 1)
    ranks = options.ranks or size_of(comm)

    def tell() -> None:
        assert structure is not None
        assert mesh is not None
        request = Request(
            model,
            structure,
            mesh,
            options.uncertainty,
            options.samples,
            options.seed,
            str(options.structure),
        )
        found = estimate(request, ranks, shard, n_shards)
        emit({"mesh": list(mesh.shape), "ranks": ranks} | asdict(found), options.json)

    first_alone(comm, tell)


@contextmanager
def _explaining_sigterm() -> Iterator[None]:
    """Turn SIGTERM into a message: launchers that lost a rank send it, and schedulers."""

    def end(*_: object) -> None:
        raise ParallelError(
            "ended by SIGTERM: a rank was lost, the time was up, or somebody asked for it; what "
            "is finished is kept, the same command goes on from there"
        )

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _refine(options: argparse.Namespace) -> None:
    ends = options.box or (0.0, 1.0) * 3
    refine(
        options.density,
        options.output,
        options.mesh_spacing_bohr,
        ((ends[0], ends[1]), (ends[2], ends[3]), (ends[4], ends[5])),
    )
    log.info("%s is written", options.output)


def _merge(options: argparse.Namespace) -> None:
    merge(
        options.shards,
        options.output,
        scale_to_electrons=not options.unscaled,
        virtual=options.virtual,
    )


def _export(options: argparse.Namespace) -> None:
    export(options.density, options.output, options.format, options.field)
