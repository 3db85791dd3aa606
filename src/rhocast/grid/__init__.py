"""The uniform periodic mesh, its division into blocks and shards, the atoms around a block."""

from rhocast.grid.binned_atoms import BinnedAtoms, Neighbourhood
from rhocast.grid.blocks import Blocks
from rhocast.grid.mesh import Mesh

__all__ = ["BinnedAtoms", "Blocks", "Mesh", "Neighbourhood"]
