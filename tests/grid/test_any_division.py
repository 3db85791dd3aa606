"""Blocks, shards and ranks divide any mesh: each point belongs to one of them, once."""

import numpy as np
from any_cells import shapes
from hypothesis import given
from hypothesis import strategies as st

from rhocast.grid import Blocks


@given(shapes(), shapes(most=12))
def test_every_point_is_in_one_block(mesh_shape, block_shape):
    blocks = Blocks(mesh_shape, block_shape)
    found = np.concatenate([blocks.indices(block) for block in range(len(blocks))])
    np.testing.assert_array_equal(np.sort(found), np.arange(np.prod(mesh_shape)))


@given(shapes(most=700))
def test_the_usual_blocks_fill_the_mesh_and_are_alike(mesh_shape):
    blocks = Blocks(mesh_shape)
    for n, side, count in zip(mesh_shape, blocks.block_shape, blocks.counts, strict=True):
        assert (count - 1) * side < n <= count * side
        assert side % 8 == 0


@given(shapes(), shapes(most=12), st.integers(1, 50))
def test_every_block_and_row_is_in_one_shard(mesh_shape, block_shape, n_shards):
    blocks = Blocks(mesh_shape, block_shape)
    shards = range(n_shards)
    assert [b for s in shards for b in blocks.shard_blocks(s, n_shards)] == list(range(len(blocks)))
    rows = [r for s in shards for r in range(mesh_shape[0])[blocks.shard_rows(s, n_shards)]]
    assert rows == list(range(mesh_shape[0]))
    for shard in shards:
        within = [blocks.box(b)[0] for b in blocks.shard_blocks(shard, n_shards)]
        own = blocks.shard_rows(shard, n_shards)
        assert all(own.start <= side.start < side.stop <= own.stop for side in within)


@given(shapes(), shapes(most=12), st.integers(1, 9), st.integers(1, 9))
def test_shards_do_not_change_blocks(mesh_shape, block_shape, some, others):
    """What a block is depends on the mesh alone, so its numbers do too."""
    blocks = Blocks(mesh_shape, block_shape)
    boxes = [
        [blocks.box(b) for shard in range(n) for b in blocks.shard_blocks(shard, n)]
        for n in (some, others)
    ]
    assert boxes[0] == boxes[1]
