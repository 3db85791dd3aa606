"""The disk: whether a file fits on it."""

import shutil
from pathlib import Path

from rhocast.errors import ParallelError
from rhocast.files import left_behind


def check_disk(path: Path, needed: int, mesh_shape: tuple[int, int, int]) -> None:
    """Raise ParallelError if a file would not fit on its disk.

    Parameters
    ----------
    path
        The file; its folder exists. What interrupted runs have left beside it, as ``*.partial``,
        counts as free: it is gone on with or replaced.
    needed
        Its size, bytes.
    mesh_shape
        For the message.
    """
    left = [path.with_name(path.name + ".partial"), *left_behind(path)]
    free = shutil.disk_usage(path.parent).free + sum(map(_allocated, left))
    if needed > free:
        raise ParallelError(
            f"{path}: the mesh {times(mesh_shape)} takes {size(needed)} on disk, {size(free)} "
            "are free; take a coarser mesh (mesh_spacing_bohr), or write to another disk"
        )


def _allocated(path: Path) -> int:
    """Bytes that a file takes on its disk, without holes; 0 if it is not there."""
    try:
        return 512 * path.stat().st_blocks
    except FileNotFoundError:
        return 0


def times(shape: tuple[int, int, int]) -> str:
    """Write the shape of a mesh for people."""
    return " × ".join(str(n) for n in shape)


def size(n_bytes: int) -> str:
    """Write a number of bytes for people."""
    return f"{n_bytes / 1e9:.3g} GB"
