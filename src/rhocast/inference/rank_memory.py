"""The memory that a rank of a prediction needs: one estimate, for `predict` and for `plan`.

The constants are rounded up from the largest resident size of runs on cells of 4 to 256 000 atoms.
"""

import numpy as np

from rhocast.grid import Blocks
from rhocast.grid.binned_atoms import ATOMS_OF_A_PART
from rhocast.parallel.sharing import ITEMS_IN_HAND

#: The interpreter with its libraries.
BYTES_OF_PROGRAM = 140_000_000
#: Intermediate arrays of descriptor, baseline and network in NumPy, where there are no kernels.
BYTES_WITHOUT_KERNELS = 320_000_000
#: Atoms around a block, with their neighbours and search trees, per atom.
BYTES_PER_ATOM = 1_500
#: Atoms of the whole structure on rank 0, per atom: of 41 million, the check of distances takes the
#: most, 74 bytes, and the atoms beside their bins 66.
BYTES_PER_STORED_ATOM = 80
#: They are sorted part by part; of a part, per atom.
BYTES_PER_SORTED_ATOM = 240


def rank_bytes(
    cell: np.ndarray,
    mesh_shape: tuple[int, int, int],
    n_atoms: int,
    n_fields: int,
    reach_bohr: float,
    *,
    compiled: bool,
    threads: int = 1,
    first: bool = True,
) -> int:
    """Estimate the memory of one rank that predicts a field, or a shard of it.

    A rank holds some blocks and the atoms around them, the first one the structure besides. A block
    has no more than a fixed number of points: the memory does not grow with the field.

    Parameters
    ----------
    cell : (3, 3) float64 array
        Lattice vectors as rows, Bohr.
    mesh_shape
        Mesh that the model is evaluated on.
    n_atoms, n_fields
        Atoms of the cell, and arrays that are predicted.
    reach_bohr
        How far from a block the model must be given all atoms, Bohr.
    compiled
        Whether the compiled kernels evaluate it.
    threads
        Threads that compute blocks.
    first
        Whether it is the rank that holds the structure.

    Returns
    -------
    int
        Bytes.
    """
    blocks = Blocks(mesh_shape)
    margin = reach_bohr * np.linalg.norm(np.linalg.inv(cell), axis=0)
    lower, upper = blocks.bounds(0)
    around = n_atoms * float(np.prod(upper - lower + 2.0 * margin))
    block = 4 * n_fields * int(np.prod(blocks.shape(0))) + BYTES_PER_ATOM * around
    return int(
        BYTES_OF_PROGRAM
        + (0 if compiled else BYTES_WITHOUT_KERNELS)
        + ITEMS_IN_HAND * threads * block
        + (_stored_bytes(n_atoms) if first else 0)
    )


def _stored_bytes(n_atoms: int) -> int:
    return BYTES_PER_STORED_ATOM * n_atoms + BYTES_PER_SORTED_ATOM * min(n_atoms, ATOMS_OF_A_PART)
