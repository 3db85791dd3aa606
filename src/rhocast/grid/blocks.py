"""Blocks, layers and shards: the division of a mesh as index arithmetic.

A *block* is the unit of work, a *layer* all blocks with the same rows along x, a *shard* some
consecutive layers. Blocks belong to the mesh alone, never to the number of shards or ranks: a
field computed block by block is therefore the same, bit for bit, however many work on it.
"""

from dataclasses import dataclass

import numpy as np

from rhocast.errors import ParallelError

#: Longest side of a block, mesh points, and the length of an axis from which on it holds: along x,
#: which shards and ranks divide among them, and along y and z. Large blocks cost less per point:
#: what atoms around a block need is worked out once for it. The longest are left to meshes that
#: hold so many of them that ranks stay even.
SIDES_X = {16: 0, 24: 36, 32: 48, 64: 96, 96: 576}
SIDES_YZ = {16: 0, 64: 36, 96: 576}

#: Sides are multiples of this, since the kernels look for atoms around so many points at once.
BRICK = 8


def block_shape_for(mesh_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the shape of blocks that suits a mesh; it depends on nothing else.

    Blocks along an axis are whole bricks, as few as do and as long as each other; the last one ends
    where the mesh does.
    """
    sides = []
    for n, longest in zip(mesh_shape, (SIDES_X, SIDES_YZ, SIDES_YZ), strict=True):
        side = max(side for side, least in longest.items() if n >= least)
        count = -(-n // side)
        sides.append(-(-n // (count * BRICK)) * BRICK)
    x, y, z = sides
    return x, y, z


@dataclass(frozen=True)
class Blocks:
    """Division of a mesh into blocks, numbered in C order (x slowest).

    Attributes
    ----------
    mesh_shape : tuple of three int
        Points along each lattice vector.
    block_shape : tuple of three int
        Points of a block, by default `block_shape_for` the mesh; the last block along each axis is
        cut off where the mesh ends.
    """

    mesh_shape: tuple[int, int, int]
    block_shape: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if self.block_shape == (0, 0, 0):
            object.__setattr__(self, "block_shape", block_shape_for(self.mesh_shape))

    @property
    def counts(self) -> tuple[int, int, int]:
        """Blocks along each axis."""
        x, y, z = (-(-n // b) for n, b in zip(self.mesh_shape, self.block_shape, strict=True))
        return x, y, z

    def __len__(self) -> int:
        x, y, z = self.counts
        return x * y * z

    @property
    def per_layer(self) -> int:
        """Blocks in a layer."""
        _, y, z = self.counts
        return y * z

    def box(self, block: int) -> tuple[slice, slice, slice]:
        """Return the mesh indices of a block, a slice for each axis."""
        _, y, z = self.counts
        place = (block // (y * z), block // z % y, block % z)
        x_slice, y_slice, z_slice = (
            slice(i * b, min((i + 1) * b, n))
            for i, b, n in zip(place, self.block_shape, self.mesh_shape, strict=True)
        )
        return x_slice, y_slice, z_slice

    def shape(self, block: int) -> tuple[int, int, int]:
        """Return the number of points of a block along each axis."""
        x, y, z = (side.stop - side.start for side in self.box(block))
        return x, y, z

    def indices(self, block: int) -> np.ndarray:
        """Return the flat (C order) mesh indices of a block's points; shape (p,), C order."""
        x, y, z = (np.arange(side.start, side.stop) for side in self.box(block))
        _, ny, nz = self.mesh_shape
        return ((x[:, None, None] * ny + y[:, None]) * nz + z).ravel()

    def layer_rows(self, layer: int) -> slice:
        """Return the mesh indices along x of a layer."""
        nx, bx = self.mesh_shape[0], self.block_shape[0]
        return slice(layer * bx, min((layer + 1) * bx, nx))

    def bounds(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the corners of the box that a block's points fill, in fractional coordinates."""
        box = self.box(block)
        lower = np.array([side.start for side in box]) / self.mesh_shape
        upper = np.array([side.stop - 1 for side in box]) / self.mesh_shape
        return lower, upper

    def shard_layers(self, shard: int, n_shards: int) -> range:
        """Return the layers of a shard; none where there are more shards than layers.

        Raises
        ------
        ParallelError
            If there is no such shard.
        """
        if not 0 <= shard < n_shards:
            raise ParallelError(
                f"shard {shard} of {n_shards}: expected a number from 0 to {n_shards - 1}"
                if n_shards > 0
                else f"number of shards: expected at least 1, found {n_shards}"
            )
        layers = self.counts[0]
        return range(layers * shard // n_shards, layers * (shard + 1) // n_shards)

    def shard_blocks(self, shard: int, n_shards: int) -> range:
        """Return the blocks of a shard."""
        layers = self.shard_layers(shard, n_shards)
        return range(layers.start * self.per_layer, layers.stop * self.per_layer)

    def shard_rows(self, shard: int, n_shards: int) -> slice:
        """Return the mesh indices along x of a shard."""
        layers = self.shard_layers(shard, n_shards)
        nx, bx = self.mesh_shape[0], self.block_shape[0]
        return slice(min(layers.start * bx, nx), min(layers.stop * bx, nx))
