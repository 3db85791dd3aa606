"""Memory and disk: estimates of what a prediction needs, against what there is."""

import shutil
from pathlib import Path

import numpy as np

from rhocast import descriptors
from rhocast.errors import ParallelError, RhocastError
from rhocast.inference.request import Request

#: Atoms within reach of a layer of blocks, with their neighbours and search trees, per atom.
BYTES_PER_ATOM = 2_500
#: Atoms of the whole structure: positions, and the copies that a search for images makes, per atom.
BYTES_PER_STORED_ATOM = 250
#: Intermediate arrays of descriptor and network, per point of a block and feature.
BYTES_PER_FEATURE = 100
#: The interpreter with its libraries.
BYTES_OF_PROGRAM = 400_000_000


def bytes_per_rank(request: Request) -> int:
    """Estimate the memory that one rank needs to predict shards; independent of the mesh.

    A rank holds the atoms within reach of one layer of blocks and the arrays of one block.
    """
    descriptor = descriptors.make(request.model.descriptor, request.model.species)
    structure = request.structure
    lower, upper = request.blocks.layer_bounds(0)
    # A descriptor may ask for the neighbours of the atoms within reach.
    reach = 2.0 * descriptor.cutoff_bohr
    margin = reach * np.linalg.norm(np.linalg.inv(structure.cell), axis=0)
    atoms = len(structure) * float(np.prod(upper - lower + 2.0 * margin))
    points = int(np.prod(request.blocks.shape(0)))
    return int(
        BYTES_OF_PROGRAM
        + BYTES_PER_STORED_ATOM * len(structure)
        + BYTES_PER_ATOM * atoms
        + BYTES_PER_FEATURE * points * descriptor.n_features
    )


def available_memory_bytes() -> int | None:
    """Return the memory that is free on this machine, None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(kilobytes[0]) if kilobytes else None


def check_memory(request: Request, ranks_on_node: int = 1) -> None:
    """Raise ParallelError if the ranks of this machine need more memory than it has free."""
    available = available_memory_bytes()
    needed = bytes_per_rank(request)
    if available is not None and needed * ranks_on_node > available:
        raise ParallelError(
            f"{request.where}: each rank needs about {_size(needed)} of memory, and the "
            f"{ranks_on_node} on this machine have {_size(available)} together; start fewer ranks "
            "on a machine"
        )


def check_memory_for_field(request: Request) -> None:
    """Raise ParallelError if the whole field does not fit into memory."""
    available = available_memory_bytes()
    needed = request.n_bytes() + bytes_per_rank(request)
    if available is not None and needed > available:
        raise ParallelError(
            f"{request.where}: the mesh {_times(request.mesh.shape)} takes {_size(needed)} of "
            f"memory, {_size(available)} are free; take a coarser mesh, or let `rhocast predict` "
            "stream the field to a file"
        )


def check_disk(
    path: Path, needed: int, mesh_shape: tuple[int, int, int], reusable: int = 0
) -> None:
    """Raise RhocastError if a file would not fit on its disk.

    Parameters
    ----------
    path
        The file; its folder exists.
    needed
        Its size, bytes.
    mesh_shape
        For the message.
    reusable
        Bytes of an older file that it takes the place of.
    """
    free = shutil.disk_usage(path.parent).free + reusable
    if needed > free:
        raise RhocastError(
            f"{path}: the mesh {_times(mesh_shape)} takes {_size(needed)} on disk, {_size(free)} "
            "are free; take a coarser mesh (mesh_spacing_bohr), or write to another disk"
        )


def _times(shape: tuple[int, int, int]) -> str:
    return " × ".join(str(n) for n in shape)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.3g} GB"
