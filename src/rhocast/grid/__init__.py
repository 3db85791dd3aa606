"""The uniform periodic mesh and its division into blocks and shards."""

from rhocast.grid.mesh import Mesh

__all__ = ["Mesh"]
