"""What a prediction will take, from a few of its blocks."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from time import perf_counter
from typing import Any

import numpy as np

from rhocast.density.chunks import rounded, write_all
from rhocast.density.density import Density
from rhocast.density.interpolation import BOX, Interpolation, boxes
from rhocast.density.reduction import EDGES_BYTES, Reduction
from rhocast.fields import DENSITY_FIELDS
from rhocast.grid import Mesh
from rhocast.inference.limits import bytes_per_rank
from rhocast.inference.prediction import Item, Then, items
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.reduce import blocks_between_saves, dividing, reduction_memory
from rhocast.inference.reduction_state import state_bytes
from rhocast.inference.request import Request
from rhocast.parallel.blas import available_threads, one_blas_thread
from rhocast.parallel.sharing import lead

#: Blocks that are looked at, at most, to learn how many are empty.
_LOOKED_AT = 300

#: Blocks are computed until so many seconds have passed.
_SECONDS = 3.0


@dataclass(frozen=True)
class Estimate:
    """What a prediction will take.

    Attributes
    ----------
    points, blocks
        That the model is evaluated at, of the field or of the shard.
    empty_share
        Share of the blocks without any atom within reach.
    bytes_first_rank, bytes_per_rank
        Memory of rank 0, and of each other.
    file_mesh
        Mesh of the whole field in the end.
    file_bytes
        Of the file, of the shard, or of the reductions.
    temporary_bytes
        Beside the file while it is written.
    points_per_second
        Of one rank, or one thread, on this machine as it is now.
    interpolation_seconds
        From there to the mesh of the file, on all ranks or threads; 0 for a shard, which `merge`
        interpolates.
    seconds
        In all: evaluation on all ranks, or all threads of one process, and interpolation, without
        start and copying.
    """

    points: int
    blocks: int
    empty_share: float
    bytes_first_rank: int
    bytes_per_rank: int
    file_mesh: tuple[int, int, int]
    file_bytes: int
    temporary_bytes: int
    points_per_second: float
    interpolation_seconds: float
    seconds: float


def estimate(
    request: Request,
    n_ranks: int = 1,
    shard: int = 0,
    n_shards: int | None = None,
    *,
    coarse_bohr: float | None = None,
    charges: bool = False,
) -> Estimate:
    """Estimate memory, disk and time of a prediction, the time by computing a few blocks.

    Parameters
    ----------
    request
        The prediction.
    n_ranks
        How many will work on it.
    shard, n_shards
        Which part of the field; all of it, in a density-field file, without ``n_shards``.
    coarse_bohr, charges
        As in `rhocast.inference.reduce.predict_reduced`, for a field that is not kept.
    """
    if coarse_bohr is not None:
        n_atoms = len(request.structure) if charges else 0
        reduction = Reduction.empty(request.mesh, coarse_bohr, n_atoms)
        between = blocks_between_saves(len(reduction.blocks))
        return replace(
            _estimate(request, n_ranks, 0, 1, dividing(request.model) if charges else None),
            bytes_first_rank=bytes_per_rank(
                request, n_ranks, reduction=reduction_memory(request, coarse_bohr, charges)
            ),
            file_mesh=request.mesh.shape,
            file_bytes=reduction.n_bytes + EDGES_BYTES,
            temporary_bytes=state_bytes(
                reduction, between, request.mesh, request.model.cutoff_bohr
            ),
        )
    return _estimate(request, n_ranks, shard, n_shards)


def _estimate(
    request: Request, n_ranks: int, shard: int, n_shards: int | None, then: Then | None = None
) -> Estimate:
    blocks = request.blocks
    own = blocks.shard_blocks(shard, n_shards or 1)
    rows = blocks.shard_rows(shard, n_shards or 1)
    _, ny, nz = request.mesh.shape
    points = (rows.stop - rows.start) * ny * nz
    order = np.random.default_rng(0).permutation(own)[:_LOOKED_AT]
    filled = [item for item in items(request, order.tolist()) if item[1] is not None]
    filled_share = len(filled) / max(1, len(order))
    threads = 1 if n_ranks > 1 else request.task.threads
    rate = _points_per_second(request, filled, threads, then)
    shard_bytes = request.n_bytes(rows.stop - rows.start)
    interpolation = _interpolation_seconds(request, n_ranks) if n_shards is None else 0.0
    return Estimate(
        points=points,
        blocks=len(own),
        empty_share=1.0 - filled_share,
        bytes_first_rank=bytes_per_rank(request, n_ranks),
        bytes_per_rank=bytes_per_rank(request, n_ranks, rank=1),
        file_mesh=request.asked_mesh.shape,
        file_bytes=request.file_bytes if n_shards is None else shard_bytes,
        temporary_bytes=shard_bytes if n_shards is None else 0,
        points_per_second=rate,
        interpolation_seconds=interpolation,
        seconds=points * filled_share / (rate * n_ranks * threads) + interpolation,
    )


def _interpolation_seconds(request: Request, n_ranks: int) -> float:
    """Time the interpolation to one box of the mesh that was asked for, on all threads at once."""
    if not request.refines:
        return 0.0
    ratio = np.array(request.asked_mesh.shape) / request.mesh.shape
    nx, ny, nz = np.minimum(BOX, request.asked_mesh.shape)
    values = np.ones(np.ceil((nx, ny, nz) / ratio).astype(int), dtype=np.float32)
    field = Density.of(request.structure, dict.fromkeys(request.fields, values), {})
    interpolation = Interpolation(field, Mesh((nx, ny, nz), request.structure.cell))
    (box,) = boxes(interpolation.mesh.shape)
    threads = available_threads()
    with one_blas_thread(), TemporaryFile(buffering=0) as file:

        def compute(name: str) -> np.ndarray:
            for _, strip in interpolation.strips(name, box):
                stored = rounded(strip, np.dtype(DENSITY_FIELDS[name].dtype))
                write_all(file.fileno(), np.ascontiguousarray(stored), 0)
            return np.empty(0)

        for name in field.fields:
            compute(name)  # weights are made once
        start = perf_counter()
        passes = ("density", *field.fields)  # the density is looked at for its bound first
        lead(None, passes * threads, compute, lambda *_: None, threads)
        seconds = perf_counter() - start
    boxes_each = request.asked_mesh.n_points / float(nx * ny * nz)
    return seconds * boxes_each / (n_ranks if n_ranks > 1 else threads)


def _points_per_second(
    request: Request, filled: list[Item], threads: int, then: Then | None = None
) -> float:
    """Time some blocks on all threads at once; of each thread.

    The first, which pays for what is made once, counts only if there is no other.
    """
    if not filled:
        return float("inf")
    predictor = BlockPredictor(request.model, request.task)
    points = 0

    def compute(item: Item) -> Any:
        values = predictor(*item)
        return values if then is None else then(request.task, item, values)

    def count(item: Item, _: Any) -> None:
        nonlocal points
        points += int(np.prod(request.blocks.shape(item[0])))

    def some() -> Iterator[Item]:
        for number, item in enumerate(filled[1:] or filled):
            if number > threads and perf_counter() - start > _SECONDS:
                break
            yield item

    if len(filled) > 1:
        compute(filled[0])
    start = perf_counter()
    lead(None, some(), compute, count, threads)
    return points / (perf_counter() - start) / threads
