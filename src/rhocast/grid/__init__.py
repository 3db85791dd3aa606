"""The uniform periodic mesh and its division into blocks and shards."""

from rhocast.grid.blocks import Blocks
from rhocast.grid.mesh import Mesh

__all__ = ["Blocks", "Mesh"]
