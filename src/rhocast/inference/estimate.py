"""What a prediction will take, from a few of its blocks."""

import time
from dataclasses import dataclass

import numpy as np

from rhocast.inference.limits import bytes_per_rank
from rhocast.inference.prediction import Item, items
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.request import Request

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
        Of the field, or of the shard.
    empty_share
        Share of the blocks without any atom within reach.
    bytes_first_rank, bytes_per_rank
        Memory of rank 0, and of each other.
    file_bytes
        Of the file; while it is written it takes twice that, but for a shard.
    points_per_second
        Of one rank on this machine, as it is now.
    seconds
        On all ranks, without start and merge.
    """

    points: int
    blocks: int
    empty_share: float
    bytes_first_rank: int
    bytes_per_rank: int
    file_bytes: int
    points_per_second: float
    seconds: float


def estimate(request: Request, n_ranks: int = 1, shard: int = 0, n_shards: int = 1) -> Estimate:
    """Estimate memory, disk and time of a prediction, the time by computing a few blocks.

    Parameters
    ----------
    request
        The prediction.
    n_ranks
        How many will work on it.
    shard, n_shards
        Which part of the field.
    """
    blocks = request.blocks
    own = blocks.shard_blocks(shard, n_shards)
    rows = blocks.shard_rows(shard, n_shards)
    _, ny, nz = request.mesh.shape
    points = (rows.stop - rows.start) * ny * nz
    order = np.random.default_rng(0).permutation(own)[:_LOOKED_AT]
    filled = [item for item in items(request, order.tolist()) if item[1] is not None]
    filled_share = len(filled) / max(1, len(order))
    rate = _points_per_second(request, filled)
    return Estimate(
        points=points,
        blocks=len(own),
        empty_share=1.0 - filled_share,
        bytes_first_rank=bytes_per_rank(request),
        bytes_per_rank=bytes_per_rank(request, rank=1),
        file_bytes=request.n_bytes(rows.stop - rows.start),
        points_per_second=rate,
        seconds=points * filled_share / (rate * n_ranks),
    )


def _points_per_second(request: Request, filled: list[Item]) -> float:
    """Time some blocks; the first, which pays for what is made once, only if there is no other."""
    if not filled:
        return float("inf")
    predict = BlockPredictor(request.model, request.task)
    points, start = 0, time.perf_counter()
    for number, (block, atoms) in enumerate(filled):
        if number == 1:
            points, start = 0, time.perf_counter()
        predict(block, atoms)
        points += int(np.prod(request.blocks.shape(block)))
        if number > 1 and time.perf_counter() - start > _SECONDS:
            break
    return points / (time.perf_counter() - start)
