"""Predicting a field of any size without keeping it: only what a `Reduction` holds is stored."""

from pathlib import Path
from typing import Any

import numpy as np

from rhocast.density.electron_scale import scale_factor, warn_of_scaling
from rhocast.density.reduction import Reduction, Shares, total_std, write_reduction
from rhocast.density.zero_bound import Bound
from rhocast.files import owned
from rhocast.grid import Mesh
from rhocast.inference.atomic_charges import AtomicCharges, Division
from rhocast.inference.options import PredictionOptions
from rhocast.inference.prediction import Compute, Item, Then, compute_blocks, items, request_of
from rhocast.inference.reduction_state import ReductionState
from rhocast.inference.request import Request, Task
from rhocast.model import DensityModel
from rhocast.parallel.blas import one_blas_thread
from rhocast.parallel.progress import Progress
from rhocast.parallel.ranks import first_alone
from rhocast.parallel.sharing import lead
from rhocast.structures import Structure

#: What is known is stored so many times in all, but not more often than every so many blocks: a
#: kill costs no more than that.
SAVES = 64
BLOCKS_BETWEEN_SAVES = 32


def predict_reduced(
    model: DensityModel,
    structure: Structure | None,
    mesh: Mesh | None,
    path: str | Path,
    options: PredictionOptions = PredictionOptions(),
    *,
    coarse_bohr: float,
    places: int = 10,
    charges: bool = False,
    comm: Any = None,
) -> Bound | None:
    """Predict a field on all ranks of a communicator and store its reductions alone.

    An interrupted run of the same request goes on where it was. ρ and σ are scaled to the valence
    electrons.

    Parameters
    ----------
    model, structure, mesh, options, comm
        As in `rhocast.inference.prediction.predict_shard`.
    path
        The file; see `rhocast.density.reduction.write_reduction`.
    coarse_bohr
        Least length of the coarse cells along each lattice vector, Bohr.
    places
        Number of places of largest σ.
    charges
        Whether to store the Hirshfeld charge of each atom, and its error bar, too.

    Returns
    -------
    Bound or None
        As of `rhocast.inference.prediction.predict_shard`.

    Raises
    ------
    RhocastError
        As `predict_shard`; also if the valence electrons to scale to are not known, or there are no
        pseudo-atoms to divide by.
    """
    path = Path(path)
    bounds: list[Bound] = []  # of rank 0

    def reduce(request: Request, compute: Compute) -> None:
        with owned(path, "predict"):
            scale_factor(1.0, request.n_electrons, request.where)
            n_atoms = len(request.structure) if charges else 0
            reduction = Reduction.empty(request.mesh, coarse_bohr, n_atoms)
            state = ReductionState(path.with_name(path.name + ".state"), request.hash, reduction)
            _add_blocks(reduction, request, comm, compute, state)
            _write(path, reduction, request, places)
            state.remove()
            bounds.append(reduction.bound)

    then = dividing(model) if charges else _alone
    request = first_alone(comm, lambda: request_of(model, structure, mesh, options))
    memory = 0 if request is None else reduction_memory(request, coarse_bohr, charges)
    with one_blas_thread():
        compute_blocks(model, request, comm, reduce, then, memory)
    return Bound.of_all(bounds) if bounds else None


def reduction_memory(request: Request, coarse_bohr: float, charges: bool) -> int:
    """Return the memory that the reduction of a request takes on rank 0, bytes."""
    n_atoms = len(request.structure) if charges else 0
    return Reduction.memory_bytes(request.mesh, coarse_bohr, n_atoms)


def _alone(_: Task, item: Item, values: np.ndarray) -> tuple[np.ndarray, None, Bound]:
    return values, None, Bound.put_on(values[0])


def dividing(model: DensityModel) -> Then:
    """Return what divides the fields of a block among the atoms around it.

    Raises
    ------
    ModelError
        If the model has no pseudo-atoms.
    """
    division = Division.by(model.baseline, model.species)

    def divide(
        task: Task, item: Item, values: np.ndarray
    ) -> tuple[np.ndarray, Shares | None, Bound]:
        _, around = item
        bound = Bound.put_on(values[0])
        if around is None:
            return values, None, bound
        std = total_std(dict(zip(task.fields, values, strict=True)))
        both = values[:1] if std is None else np.stack([values[0], std])
        sums = division(both, around, task.mesh, task.kernels)
        reached = sums.any(axis=0)  # the model knows atoms further away
        return values, Shares(around.origins[reached], sums[:, reached]), bound

    return divide


def blocks_between_saves(n_blocks: int) -> int:
    """Return after how many blocks of a field what is known is stored again."""
    return max(BLOCKS_BETWEEN_SAVES, n_blocks // SAVES)


def _add_blocks(
    reduction: Reduction, request: Request, comm: Any, compute: Compute, state: ReductionState
) -> None:
    """Compute the blocks that are missing, and store what is known from time to time."""
    blocks, finished = reduction.blocks, reduction.arrays["finished"]
    sizes = [int(np.prod(blocks.shape(block))) for block in range(len(blocks))]
    progress = Progress(request.where, sum(sizes), int(np.dot(sizes, finished)))
    between = blocks_between_saves(len(blocks))

    def add(item: Item, found: tuple[np.ndarray, Shares | None, Bound]) -> None:
        block, (values, shares, bound) = item[0], found
        fields = dict(zip(request.fields, values, strict=True))
        reduction.add(block, fields["density"], total_std(fields), shares, bound)
        if shares is not None:
            state.touch(shares.atoms)
        progress.add(sizes[block])
        if np.count_nonzero(finished) % between == 0:
            state.save()

    lead(comm, items(request, reduction.pending), compute, add, request.task.threads)


def _write(path: Path, reduction: Reduction, request: Request, places: int) -> None:
    count = reduction.density_sum * request.mesh.voxel_volume
    scale = scale_factor(count, request.n_electrons, request.where)
    warn_of_scaling(scale, request.where, float(request.mesh.spacing.max()))
    record = (
        request.whole_record.attributes
        | reduction.bound.attributes
        | {
            "mesh_shape": request.mesh.shape,
            "electron_count_before_scaling": count,
            "scale": scale,
        }
    )
    columns = _columns(reduction, request, scale)
    write_reduction(path, reduction, request.structure, request.mesh, record, places, columns)


def _columns(reduction: Reduction, request: Request, scale: float) -> dict[str, np.ndarray]:
    sums = reduction.arrays["atoms"][: 2 if len(request.fields) > 1 else 1]
    if not sums.size:
        return {}
    electron = scale * request.mesh.voxel_volume
    valence = request.model.metadata["valence"]
    return AtomicCharges.of_sums(
        electron * sums, electron * reduction.density_sum, request.structure, valence, request.where
    ).columns
