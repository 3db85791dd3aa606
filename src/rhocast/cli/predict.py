"""The verb ``predict``."""

import argparse
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.cli.frames import FRAME, for_each_frame, slice_of
from rhocast.cli.job import emit
from rhocast.cli.numbers import MOST_RANKS, MOST_SEED, number_in, whole_in
from rhocast.cli.ranks import communicator
from rhocast.density.convert import convert
from rhocast.density.formats import format_named, format_to_write
from rhocast.errors import ConfigError
from rhocast.evaluation.gpu import gpu_named
from rhocast.grid import Mesh
from rhocast.inference import (
    PredictionOptions,
    Request,
    estimate,
    evaluation_spacing,
    predict_file,
    predict_reduced,
    predict_shard,
)
from rhocast.inference.spacing import DEFAULT_SPACING_BOHR
from rhocast.inference.spacing import tell as tell_spacing
from rhocast.model import DensityModel
from rhocast.parallel import first_alone, size_of, together
from rhocast.structures import Structure, read_structure

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of this module's verb."""
    verb = verbs.add_parser(
        "predict",
        description="Predict the density of a structure, alone or on MPI ranks: "
        "mpirun -n 4 rhocast predict MODEL STRUCTURE -o density.h5",
    )
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument("structure", type=Path, help="any file that ASE reads")
    verb.add_argument(
        "--frames",
        type=slice_of,
        metavar="FIRST:END:STEP",
        help=f"frames of a trajectory to predict, counted from 0, with {FRAME} in the name of the "
        "output (default: all)",
    )
    verb.add_argument(
        "--format", help="format of the structure file, as ASE calls it (default: from the file)"
    )
    verb.add_argument(
        "--species", nargs="+", metavar="Al", help="elements of the types 1, 2 … of a LAMMPS file"
    )
    verb.add_argument(
        "-o",
        "--output",
        required=True,
        type=Path,
        help="file to write: HDF5 (.h5) with all fields, or the density in the format of its name "
        "(.cube, .xsf, .vasp, .vts, .npz)",
    )
    verb.add_argument(
        "--mesh-spacing-bohr",
        type=number_in(0.01, 100, "Bohr"),
        help="maximum spacing of the output mesh, Bohr (default: what the model is certified for, "
        f"else {DEFAULT_SPACING_BOHR:g}); a certified model is evaluated on no finer mesh than "
        "that, and the field interpolated",
    )
    verb.add_argument(
        "--direct", action="store_true", help="evaluate the model at every point, however fine"
    )
    verb.add_argument(
        "--uncertainty",
        choices=("none", "fast", "sampled"),
        help="standard deviations to write, too (default: fast where the model has them)",
    )
    verb.add_argument(
        "--samples",
        type=whole_in(2, 10_000),
        default=10,
        help="number of weight samples (default: 10)",
    )
    verb.add_argument(
        "--sample",
        type=whole_in(0, 1_000_000),
        metavar="K",
        help="number of a sample of the field, from 0, to write in place of the density: the "
        "spread of what is computed from several is its error bar; takes two predictions",
    )
    verb.add_argument(
        "--seed",
        type=whole_in(0, MOST_SEED),
        default=0,
        help="seed of the weight samples or the sample (default: 0)",
    )
    verb.add_argument(
        "--shard", type=_shard, metavar="K/N", help="part K (0 to N-1) of N to predict, for `merge`"
    )
    verb.add_argument(
        "--device",
        default="cpu",
        help="device that computes: `cpu`, `cuda` (each rank of a machine takes the next GPU) "
        "or one GPU such as `cuda:1` (default: cpu). No GPU has run this version yet",
    )
    verb.add_argument(
        "--reduce",
        action="store_true",
        help="store planar averages, block means, histograms and the places of largest "
        "standard deviation instead of the field",
    )
    verb.add_argument(
        "--charges",
        action="store_true",
        help="with --reduce, store the Hirshfeld charge of each atom and its error bar, too",
    )
    verb.add_argument(
        "--coarse-bohr",
        type=number_in(0.1, 1_000_000, "Bohr"),
        default=20.0,
        metavar="L",
        help="minimum edge of the blocks of --reduce, Bohr (default: 20)",
    )
    verb.add_argument(
        "--ranks",
        type=whole_in(1, MOST_RANKS),
        help="expected number of MPI ranks; another number is an error",
    )
    verb.add_argument(
        "--unscaled", action="store_true", help="leave the electron count as predicted"
    )
    verb.add_argument(
        "--dry-run",
        action="store_true",
        help="print mesh, memory, disk and time (from a few blocks) and predict nothing",
    )
    verb.add_argument("--json", action="store_true", help="figures of --dry-run as JSON")
    verb.set_defaults(run=_predict)


def _shard(text: str) -> tuple[int, int]:
    try:
        shard, n_shards = (int(word) for word in text.split("/"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected K/N such as 0/4, found {text!r}") from None
    return shard, n_shards


def _predict(options: argparse.Namespace) -> None:
    comm = communicator(options.ranks)
    _field_file(options)
    model = together(comm, lambda: DensityModel.load(options.model))
    if FRAME in options.output.name:

        def predict(structure: Structure | None, output: Path) -> None:
            frame = argparse.Namespace(**vars(options) | {"output": output})
            _predict_one(frame, model, structure, comm)

        for_each_frame(options.structure, options.frames, options.output, predict, comm)
        return
    if options.frames is not None:
        raise ConfigError(
            f"frames: expected {FRAME} in the name of the output, such as -o "
            f"densities/{FRAME}.h5, found {options.output}"
        )
    structure = first_alone(
        comm, lambda: read_structure(options.structure, options.format, options.species)
    )
    _predict_one(options, model, structure, comm)


def _predict_one(
    options: argparse.Namespace, model: DensityModel, structure: Structure | None, comm: Any
) -> None:
    """Predict one structure, which rank 0 alone holds."""
    _check_reduction(options)
    file = _field_file(options)
    asked = _asked(options, model)
    spacing = evaluation_spacing(model, options.mesh_spacing_bohr, options.direct)
    tell_spacing(model, options.mesh_spacing_bohr, spacing, options.reduce)
    mesh = None if structure is None else Mesh.with_spacing(structure.cell, spacing)
    if options.dry_run:
        _dry_run(options, model, structure, mesh, comm)
        return
    if options.reduce:
        bound = predict_reduced(
            model,
            structure,
            mesh,
            options.output,
            asked,
            coarse_bohr=options.coarse_bohr,
            charges=options.charges,
            comm=comm,
        )
    elif options.shard is None:
        scale = not options.unscaled
        bound = predict_file(
            model, structure, mesh, file, asked, scale_to_electrons=scale, comm=comm
        )
        if file != options.output:
            first_alone(comm, lambda: _convert(file, options.output))
    else:
        shard, n_shards = options.shard
        bound = predict_shard(
            model,
            structure,
            mesh,
            options.output,
            asked,
            shard=shard,
            n_shards=n_shards,
            comm=comm,
        )
    told = f"; {bound}" if bound is not None and bound.evaluated_points else ""
    log.info("%s is written%s", options.output, told)


def _check_reduction(options: argparse.Namespace) -> None:
    """Raise ConfigError where a reduction cannot be what is asked for."""
    if options.charges and not options.reduce:
        raise ConfigError(
            "charges: found without --reduce, expected with it; for those of a stored field there "
            "is `rhocast charges`"
        )
    if options.reduce and (options.shard is not None or options.unscaled):
        raise ConfigError("reduce: found --shard or --unscaled beside it, expected neither")
    if not options.coarse_bohr > 0.0:
        raise ConfigError(f"coarse-bohr: expected a positive length, found {options.coarse_bohr:g}")


def _asked(options: argparse.Namespace, model: DensityModel) -> PredictionOptions:
    """Return what the command line says about the prediction itself."""
    return PredictionOptions(
        uncertainty=options.uncertainty
        or ("none" if options.sample is not None else model.default_uncertainty),
        samples=options.samples,
        seed=options.seed,
        sample=options.sample,
        where=str(options.structure),
        asked_spacing_bohr=options.mesh_spacing_bohr,
        device=gpu_named(options.device),
    )


def _field_file(options: argparse.Namespace) -> Path:
    """Return the HDF5 file to predict to: the output, or one beside an output of another format.

    Raises
    ------
    ConfigError
        If the format cannot be written, or a shard is to be written in it.
    """
    out: Path = options.output
    named = format_named(out)
    if (named is None and not out.suffix) or (named is not None and named.name == "field"):
        return out
    format_to_write(out)
    if options.shard is not None:
        raise ConfigError(f"{out}: a shard is HDF5; call it *.h5, and convert what `merge` makes")
    if options.reduce:
        raise ConfigError(f"{out}: a reduction is HDF5; call it *.h5")
    return out.with_name(f"{out.name}.predicted.h5")


def _convert(file: Path, out: Path) -> None:
    """Write the prediction in the format of its name, and remove the file it was computed in."""
    convert(file, out)
    file.unlink()


def _dry_run(
    options: argparse.Namespace,
    model: DensityModel,
    structure: Structure | None,
    mesh: Mesh | None,
    comm: Any,
) -> None:
    shard, n_shards = options.shard or (0, None)
    ranks = options.ranks or size_of(comm)

    def tell() -> None:
        assert structure is not None
        assert mesh is not None
        request = Request(model, structure, mesh, _asked(options, model))
        coarse = options.coarse_bohr if options.reduce else None
        found = estimate(
            request, ranks, shard, n_shards, coarse_bohr=coarse, charges=options.charges
        )
        emit({"mesh": mesh.shape, "ranks": ranks} | asdict(found), options.json)

    first_alone(comm, tell)
