"""Memory: estimates of what a prediction needs, against what there is."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rhocast.density.disk import size, times
from rhocast.errors import ParallelError
from rhocast.evaluation.reference import ReferenceEvaluator
from rhocast.inference.request import Request
from rhocast.parallel.ranks import ITEMS_IN_HAND

#: Atoms around a block, with their neighbours and search trees, per atom.
BYTES_PER_ATOM = 2_500
#: Atoms of the whole structure on rank 0: positions, and what it takes to sort them, per atom.
BYTES_PER_STORED_ATOM = 250
#: Intermediate arrays of descriptor and network, per point of a tile and feature.
BYTES_PER_FEATURE = 100
#: The interpreter with its libraries.
BYTES_OF_PROGRAM = 400_000_000


def bytes_per_rank(request: Request, rank: int = 0) -> int:
    """Estimate the memory that one rank needs to predict shards.

    A rank holds some blocks and the atoms around them, rank 0 the structure besides. A block has
    no more than a fixed number of points: the memory does not grow with the field.
    """
    structure, blocks = request.structure, request.blocks
    margin = request.model.reach_bohr * np.linalg.norm(np.linalg.inv(structure.cell), axis=0)
    lower, upper = blocks.bounds(0)
    atoms = len(structure) * float(np.prod(upper - lower + 2.0 * margin))
    values = 4 * len(request.fields) * int(np.prod(blocks.shape(0)))
    own = (
        BYTES_OF_PROGRAM
        + BYTES_PER_ATOM * atoms
        + BYTES_PER_FEATURE * ReferenceEvaluator.tile**3 * request.model.n_features
        + 3 * ITEMS_IN_HAND * values
    )
    return int(own) + (BYTES_PER_STORED_ATOM * len(structure) if rank == 0 else 0)


def available_memory_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory that this process can still get, None where the system does not say.

    That is what is free on the machine, or less where its cgroup (version 2; of a container or a
    batch job) or one above it has a limit. ``root`` is where ``/proc`` and ``/sys`` are.
    """
    return min([*_free_on_machine(root), *_left_in_cgroups(root)], default=None)


def _free_on_machine(root: Path) -> Iterator[int]:
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])


def _left_in_cgroups(root: Path) -> Iterator[int]:
    own = [line[3:] for line in _lines(root / "proc/self/cgroup") if line.startswith("0::")]
    for name in own:
        folder = root / "sys/fs/cgroup" / name.strip("/")
        for group in (folder, *folder.parents):
            limit, used = (_lines(group / f"memory.{n}") for n in ("max", "current"))
            if limit and used and limit != ["max"]:
                stat = dict(line.split() for line in _lines(group / "memory.stat"))
                # Cached files count as used, but the kernel drops them when memory is asked for.
                yield int(limit[0]) - int(used[0]) + int(stat.get("inactive_file", 0))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="ascii").splitlines()
    except OSError:
        return []


def check_memory(request: Request, ranks_on_node: int = 1) -> None:
    """Raise ParallelError if the ranks of this machine need more memory than it has free."""
    available = available_memory_bytes()
    first, other = bytes_per_rank(request), bytes_per_rank(request, rank=1)
    if available is not None and first + other * (ranks_on_node - 1) > available:
        raise ParallelError(
            f"{request.where}: each rank needs about {size(other)} of memory, the first "
            f"{size(first)}, and the {ranks_on_node} on this machine have {size(available)} "
            "together; start fewer ranks on a machine"
        )


def check_memory_for_field(request: Request) -> None:
    """Raise ParallelError if the whole field does not fit into memory."""
    available = available_memory_bytes()
    points = request.mesh.n_points + (request.asked_mesh.n_points if request.refines else 0)
    needed = 4 * len(request.fields) * points + bytes_per_rank(request)
    if available is not None and needed > available:
        raise ParallelError(
            f"{request.where}: the mesh {times(request.asked_mesh.shape)} takes {size(needed)} of "
            f"memory, {size(available)} are free; take a coarser mesh, or let `rhocast predict` "
            "stream the field to a file"
        )
