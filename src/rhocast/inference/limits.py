"""Memory: what a prediction needs, against what there is."""

from collections.abc import Iterator
from pathlib import Path

from rhocast.density.disk import size, times
from rhocast.errors import ParallelError
from rhocast.inference.rank_memory import rank_bytes
from rhocast.inference.request import Request


def bytes_per_rank(request: Request, n_ranks: int = 1, rank: int = 0, reduction: int = 0) -> int:
    """Estimate the memory that one of several ranks needs to predict shards of a request.

    The first one holds a reduction, besides, of so many bytes.
    """
    return (reduction if rank == 0 else 0) + rank_bytes(
        request.structure.cell,
        request.mesh.shape,
        len(request.structure),
        len(request.fields),
        request.model.reach_bohr,
        compiled=request.task.kernels is not None,
        threads=request.task.threads if n_ranks == 1 else 1,
        first=rank == 0,
    )


def available_memory_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory that this process can still get, None where the system does not say.

    That is what is free on the machine, or less where its cgroup (version 2; of a container or a
    batch job) or one above it has a limit. ``root`` is where ``/proc`` and ``/sys`` are.
    """
    return min([*_free_on_machine(root), *_left_in_cgroups(root)], default=None)


def held_memory_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this process holds, 0 where the system does not say."""
    lines = _lines(root / "proc/self/status")
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


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


def check_memory(request: Request, ranks_on_node: int = 1, reduction: int = 0) -> None:
    """Raise ParallelError if the ranks of this machine need more memory than it has free.

    The first one may hold a reduction, of so many bytes.
    """
    free = available_memory_bytes()
    available = None if free is None else free + held_memory_bytes()
    first, other = (bytes_per_rank(request, ranks_on_node, rank, reduction) for rank in (0, 1))
    if available is not None and first + other * (ranks_on_node - 1) > available:
        raise ParallelError(
            f"{request.where}: each rank needs about {size(other)} of memory, the first "
            f"{size(first)}, and the {ranks_on_node} on this machine have {size(available)} "
            "together; start fewer ranks on a machine"
            + (f", or take a larger --coarse-bohr ({size(reduction)})" if reduction > other else "")
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
