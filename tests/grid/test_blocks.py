"""Blocks and shards: every point once, whatever the sizes."""

import numpy as np
import pytest

from rhocast.errors import ParallelError
from rhocast.grid import Blocks, Mesh

SHAPES = [(1, 1, 1), (7, 8, 9), (13, 1, 17), (16, 16, 16), (17, 32, 31), (40, 5, 16)]


@pytest.mark.parametrize("mesh_shape", SHAPES)
@pytest.mark.parametrize("block_shape", [(16, 16, 16), (4, 4, 4), (3, 5, 2)])
def test_every_point_lies_in_one_block(mesh_shape, block_shape):
    blocks = Blocks(mesh_shape, block_shape)
    visits = np.zeros(mesh_shape, int)
    for block in range(len(blocks)):
        visits[blocks.box(block)] += 1
        assert visits[blocks.box(block)].shape == blocks.shape(block)
    assert (visits == 1).all()


@pytest.mark.parametrize("mesh_shape", SHAPES)
def test_indices_are_those_of_the_box(mesh_shape):
    blocks = Blocks(mesh_shape, (4, 4, 4))
    flat = np.arange(np.prod(mesh_shape)).reshape(mesh_shape)
    for block in range(len(blocks)):
        np.testing.assert_array_equal(blocks.indices(block), flat[blocks.box(block)].ravel())


@pytest.mark.parametrize("mesh_shape", SHAPES)
@pytest.mark.parametrize("n_shards", [1, 2, 3, 7, 50])
def test_shards_follow_each_other_and_leave_nothing_out(mesh_shape, n_shards):
    blocks = Blocks(mesh_shape, (4, 4, 4))
    owned = [block for k in range(n_shards) for block in blocks.shard_blocks(k, n_shards)]
    assert owned == list(range(len(blocks)))
    rows = [blocks.shard_rows(k, n_shards) for k in range(n_shards)]
    assert [r.start for r in rows[1:]] == [r.stop for r in rows[:-1]]
    assert (rows[0].start, rows[-1].stop) == (0, mesh_shape[0])


def test_shards_differ_by_one_layer_at_most():
    blocks = Blocks((103, 4, 4), (4, 4, 4))
    layers = [len(blocks.shard_layers(k, 5)) for k in range(5)]
    assert sum(layers) == 26
    assert max(layers) - min(layers) <= 1


def test_bounds_are_those_of_the_points():
    mesh = Mesh((17, 9, 6), np.eye(3))
    blocks = Blocks(mesh.shape, (4, 4, 4))
    for block in range(len(blocks)):
        points = mesh.points(blocks.indices(block))
        lower, upper = blocks.bounds(block)
        np.testing.assert_allclose(points.min(axis=0), lower, atol=1e-15)
        np.testing.assert_allclose(points.max(axis=0), upper, atol=1e-15)


@pytest.mark.parametrize(
    ("mesh_shape", "block_shape"),
    [
        ((35, 17, 33), (16, 16, 16)),
        ((47, 63, 95), (24, 64, 48)),
        ((121, 131, 575), (64, 48, 64)),
        ((576, 757, 1289), (96, 96, 96)),
    ],
)
def test_large_meshes_have_large_blocks(mesh_shape, block_shape):
    assert Blocks(mesh_shape).block_shape == block_shape


@pytest.mark.parametrize("n", range(1, 400))
def test_the_last_block_lacks_no_more_than_a_brick_for_each(n):
    blocks = Blocks((n, 1, 1))
    lengths = [blocks.shape(block)[0] for block in range(len(blocks))]
    assert set(lengths[:-1]) <= {blocks.block_shape[0]}
    assert lengths[-1] > blocks.block_shape[0] - 8 * len(lengths)


@pytest.mark.parametrize(("shard", "n_shards"), [(2, 2), (-1, 2), (0, 0)])
def test_a_shard_that_does_not_exist_is_refused(shard, n_shards):
    with pytest.raises(ParallelError, match="expected"):
        Blocks((8, 8, 8)).shard_blocks(shard, n_shards)
