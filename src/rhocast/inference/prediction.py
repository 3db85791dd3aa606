"""Predicting a density: one shard to a file, a whole field to a file, a whole field in memory."""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.grid import BinnedAtoms, Mesh, Neighbourhood
from rhocast.inference import training_range
from rhocast.inference.density_field import DensityField, scale_factor
from rhocast.inference.limits import check_disk, check_memory, check_memory_for_field
from rhocast.inference.merge import merge
from rhocast.inference.parallel import (
    end_all_on_failure,
    first_alone,
    follow,
    from_first,
    lead,
    rank_of,
    ranks_on_this_machine,
    together,
)
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.progress import Progress
from rhocast.inference.request import Request, reach_bohr
from rhocast.inference.shard_writer import ShardWriter
from rhocast.inference.shards import ShardHeader, is_finished
from rhocast.model import DensityModel
from rhocast.structures import Structure

log = logging.getLogger(__name__)


#: A block and what lies around it; None for nothing.
Item = tuple[int, Neighbourhood | None]


def predict_shard(
    model: DensityModel,
    structure: Structure | None,
    mesh: Mesh | None,
    path: str | Path,
    *,
    shard: int = 0,
    n_shards: int = 1,
    uncertainty: str = "none",
    samples: int = 10,
    seed: int = 0,
    comm: Any = None,
    where: str = "structure",
) -> None:
    """Predict one shard of a field to a file, on all ranks of a communicator.

    An interrupted run of the same request is taken up where it stopped; see
    `rhocast.inference.shard_writer`. No rank ever holds the field, and none but rank 0 the
    structure: it hands out blocks with the atoms around them, and writes what comes back.

    Parameters
    ----------
    model
        What predicts; on every rank.
    structure, mesh
        What to predict, and where. Looked at on rank 0 alone; others may give None.
    path
        The shard file.
    shard, n_shards
        Which part of how many, counted from 0. The field does not depend on them.
    uncertainty
        ``none``, ``fast`` (from the last layer) or ``sampled`` (over weight samples).
    samples, seed
        N_s weight samples and their seed, for ``sampled``.
    comm
        Communicator of `rhocast.inference.parallel.find_communicator`.
    where
        What messages name as the origin of the structure, usually its file.

    Raises
    ------
    RhocastError
        Before any work, on every rank: if options, elements, distances, memory or disk do not
        allow the prediction. A failure later on ends all ranks.
    """
    path = Path(path)
    ranks_here = ranks_on_this_machine(comm)

    def prepare() -> Request:
        assert structure is not None
        assert mesh is not None
        request = Request(model, structure, mesh, uncertainty, samples, seed, where)
        rows = request.blocks.shard_rows(shard, n_shards)
        check_memory(request, ranks_here)
        path.parent.mkdir(parents=True, exist_ok=True)
        check_disk(path, request.n_bytes(rows.stop - rows.start), mesh.shape)
        training_range.tell(model, structure, request.outside_training_share, where)
        return request

    request = first_alone(comm, prepare)
    task = from_first(comm, None if request is None else request.task)
    together(comm, lambda: task.check_model(model))
    with end_all_on_failure(comm):
        predictor = BlockPredictor(model, task)

        def compute(item: Item) -> np.ndarray:
            return predictor(*item)

        if request is not None:
            _lead(request, ShardHeader.of(request, shard, n_shards), path, comm, compute)
        else:
            follow(comm, compute)
        if comm is not None:
            comm.barrier()


def _lead(
    request: Request,
    header: ShardHeader,
    path: Path,
    comm: Any,
    compute: Callable[[Item], np.ndarray],
) -> None:
    """Open the file on rank 0, have the blocks computed and write them."""
    with ShardWriter(path, header, request.structure) as writer:
        blocks = header.blocks
        sizes = {block: int(np.prod(blocks.shape(block))) for block in header.own_blocks}
        done = sum(sizes[block] for block in writer.finished)
        progress = Progress(f"shard {header.shard} of {header.n_shards}", sum(sizes.values()), done)

        def write(item: Item, values: np.ndarray) -> None:
            block, _ = item
            writer.write(block, values)
            progress.add(sizes[block])

        lead(comm, items(request, writer.pending), compute, write)
        writer.finish()


def items(request: Request, blocks: Iterable[int]) -> Iterator[Item]:
    """Cut out what lies around each block, one after the other."""
    atoms = BinnedAtoms.of(request.structure)
    reach = reach_bohr(request.model)
    for block in blocks:
        yield block, atoms.around(*request.blocks.bounds(block), reach)


def predict_file(
    model: DensityModel,
    structure: Structure | None,
    mesh: Mesh | None,
    path: str | Path,
    *,
    scale_to_electrons: bool = True,
    comm: Any = None,
    **options: Any,
) -> None:
    """Predict a whole field to a density-field file, by way of one shard beside it.

    A finished shard of the same request, which a failed merge has left, is not predicted again.

    Parameters
    ----------
    model, structure, mesh
        As in `predict_shard`.
    path
        The density-field file; the shard is called ``*.shard`` until it is merged.
    scale_to_electrons
        As in `merge`.
    comm, **options
        As in `predict_shard`: ``uncertainty``, ``samples``, ``seed``, ``where``.

    Raises
    ------
    RhocastError
        As `predict_shard`; also if the disk does not hold both shard and file, or the valence
        electrons to scale to are not known.
    """
    path = Path(path)
    shard = path.with_name(path.name + ".shard")

    def prepare() -> bool:
        assert structure is not None
        assert mesh is not None
        request = Request(model, structure, mesh, **options)
        if scale_to_electrons:
            scale_factor(1.0, request.n_electrons, request.where)
        if is_finished(shard, ShardHeader.of(request, 0, 1)):
            log.info("%s: finished by an earlier run, only merged now", shard)
            return True
        path.parent.mkdir(parents=True, exist_ok=True)
        check_disk(shard, 2 * request.n_bytes(), mesh.shape)
        return False

    if not from_first(comm, first_alone(comm, prepare)):
        predict_shard(model, structure, mesh, shard, comm=comm, **options)
    with end_all_on_failure(comm):
        if rank_of(comm) == 0:
            merge([shard], path, scale_to_electrons)
            shard.unlink()
        if comm is not None:
            comm.barrier()


def predict_on_mesh(
    model: DensityModel,
    structure: Structure,
    mesh: Mesh,
    uncertainty: str = "none",
    samples: int = 10,
    seed: int = 0,
    where: str = "structure",
) -> DensityField:
    """Predict a whole field in memory, in this process, as the model gives it (not scaled).

    Raises
    ------
    RhocastError
        If options, elements, distances or memory do not allow the prediction.
    """
    request = Request(model, structure, mesh, uncertainty, samples, seed, where)
    check_memory_for_field(request)
    arrays = {name: np.empty(mesh.shape, dtype=np.float32) for name in request.fields}
    predictor = BlockPredictor(model, request.task)
    blocks = request.blocks
    progress = Progress(where, mesh.n_points)
    for block, atoms in items(request, range(len(blocks))):
        for name, values in zip(request.fields, predictor(block, atoms), strict=True):
            arrays[name][blocks.box(block)] = values
        progress.add(int(np.prod(blocks.shape(block))))
    record = request.record | {
        "mesh_spacing_bohr": mesh.spacing.tolist(),
        "electron_count_before_scaling": mesh.integral(arrays["density"]),
        "scale": 1.0,
    }
    return DensityField(structure, record=record, **arrays)


def predict_density(
    model: DensityModel,
    structure: Structure,
    mesh_spacing_bohr: float,
    uncertainty: str = "none",
    samples: int = 10,
    seed: int = 0,
    scale_to_electrons: bool = True,
) -> DensityField:
    """Predict a whole field in memory on a mesh of at most the given spacing.

    Raises
    ------
    RhocastError
        As `predict_on_mesh`, and if the valence electrons to scale to are not known.
    """
    mesh = Mesh.with_spacing(structure.cell, mesh_spacing_bohr)
    predicted = predict_on_mesh(model, structure, mesh, uncertainty, samples, seed)
    return predicted.scaled_to_electrons() if scale_to_electrons else predicted
