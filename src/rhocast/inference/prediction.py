"""Predicting a density to a file: one shard, or a whole field by way of one."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.density.disk import check_disk
from rhocast.density.electron_scale import scale_factor
from rhocast.density.formats.field import open_field
from rhocast.density.zero_bound import Bound
from rhocast.files import owned
from rhocast.grid import BinnedAtoms, Mesh, Neighbourhood
from rhocast.inference import outside, unlike_places
from rhocast.inference.limits import check_memory
from rhocast.inference.merge import merge
from rhocast.inference.options import PredictionOptions
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.request import Request, Task
from rhocast.inference.shard_writer import ShardWriter
from rhocast.inference.shards import Shard, ShardHeader, is_finished
from rhocast.model import DensityModel
from rhocast.parallel.blas import one_blas_thread
from rhocast.parallel.progress import Progress
from rhocast.parallel.ranks import (
    end_all_on_failure,
    first_alone,
    from_first,
    place_on_this_machine,
    together,
    wait_for_all,
)
from rhocast.parallel.sharing import follow, lead
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: A block and what lies around it; None for nothing.
Item = tuple[int, Neighbourhood | None]

#: Gives the fields of a block, (f, bx, by, bz) float32, e/Bohr³, or what follows from them.
Compute = Callable[[Item], Any]

#: Gives what follows from the fields of a block; called on the rank that computes them.
Then = Callable[[Task, Item, np.ndarray], Any]


def predict_shard(
    model: DensityModel,
    structure: Structure | None,
    mesh: Mesh | None,
    path: str | Path,
    options: PredictionOptions = PredictionOptions(),
    *,
    shard: int = 0,
    n_shards: int = 1,
    comm: Any = None,
) -> Bound | None:
    """Predict one shard of a field to a file, on all ranks of a communicator.

    An interrupted run of the same request is taken up where it stopped; see
    `rhocast.inference.shard_writer`. No rank ever holds the field, and none but rank 0 the
    structure: it hands out blocks with the atoms around them, and writes what comes back.

    Parameters
    ----------
    model
        What predicts; on every rank.
    structure, mesh
        What to predict, and where. Looked at on rank 0 alone; others may give None.
    path
        The shard file.
    options
        What is to be predicted.
    shard, n_shards
        Which part of how many, counted from 0. The field does not depend on them.
    comm
        Communicator of `rhocast.parallel.ranks.find_communicator`.

    Returns
    -------
    Bound or None
        What the density was before the bound at zero; on rank 0 alone.

    Raises
    ------
    RhocastError
        Before any work, on every rank: if options, elements, distances, memory or disk do not
        allow the prediction. A failure later on ends all ranks.
    """
    request = first_alone(comm, lambda: request_of(model, structure, mesh, options))
    _predict_shard(model, request, Path(path), shard, n_shards, comm)
    return first_alone(comm, lambda: _bound_of_shard(Path(path)))


def _bound_of_shard(path: Path) -> Bound | None:
    with Shard(path) as shard:
        return shard.bound


def _bound_of_field(path: Path) -> Bound | None:
    with open_field(path) as field:
        return Bound.read(field.record)


def request_of(
    model: DensityModel,
    structure: Structure | None,
    mesh: Mesh | None,
    options: PredictionOptions,
) -> Request:
    """Check what is asked for; on rank 0, and once: distances take long in millions of atoms."""
    assert structure is not None
    assert mesh is not None
    return Request(model, structure, mesh, options)


def _predict_shard(
    model: DensityModel, request: Request | None, path: Path, shard: int, n_shards: int, comm: Any
) -> None:
    """Predict a shard of a request, which rank 0 alone holds."""

    def check() -> None:
        assert request is not None
        rows = request.blocks.shard_rows(shard, n_shards)
        path.parent.mkdir(parents=True, exist_ok=True)
        check_disk(path, request.n_bytes(rows.stop - rows.start), request.mesh.shape)

    def write(request: Request, compute: Compute) -> None:
        _lead(request, ShardHeader.of(request, shard, n_shards), path, comm, compute)

    first_alone(comm, check)
    compute_blocks(model, request, comm, write, first=shard == 0)


def compute_blocks(
    model: DensityModel,
    request: Request | None,
    comm: Any,
    lead_blocks: Callable[[Request, Compute], None],
    then: Then | None = None,
    reduction: int = 0,
    *,
    first: bool = True,
) -> None:
    """Compute blocks of a request on all ranks of a communicator.

    Parameters
    ----------
    model
        On every rank.
    request
        On rank 0 alone.
    comm
        The communicator.
    lead_blocks
        Called on rank 0, while the others follow: hands out blocks and takes what comes back
        (`rhocast.parallel.sharing.lead`).
    then
        Takes the fields of each block, negative densities among them, on the rank that has
        computed them; what it returns goes to rank 0 in their place.
    reduction
        Memory of what rank 0 makes of them, bytes.
    first
        Whether the first block is among them: then single places unlike the training data are told.
    """
    place, ranks_here = place_on_this_machine(comm)

    def check() -> None:
        assert request is not None
        check_memory(request, ranks_here, reduction)
        outside.tell(model, request.structure, request.outside, request.where)
        if first:
            unlike_places.tell(request.unlike_places, request.where)

    first_alone(comm, check)
    task = from_first(comm, None if request is None else request.task).at(place)
    together(comm, lambda: task.check_model(model))
    alone = nullcontext() if comm is None else one_blas_thread()  # ranks share the cores
    with end_all_on_failure(comm), alone:
        predictor = BlockPredictor(model, task)

        def compute(item: Item) -> Any:
            values = predictor(*item)
            return values if then is None else then(task, item, values)

        if request is not None:
            lead_blocks(request, compute)
        else:
            follow(comm, compute)
        wait_for_all(comm)


def _lead(
    request: Request,
    header: ShardHeader,
    path: Path,
    comm: Any,
    compute: Compute,
) -> None:
    """Open the file on rank 0, have the blocks computed and write them."""
    with ShardWriter(path, header, request.structure) as writer:
        blocks = header.blocks
        sizes = {block: int(np.prod(blocks.shape(block))) for block in header.own_blocks}
        done = sum(sizes[block] for block in writer.finished)
        progress = Progress(f"shard {header.shard} of {header.n_shards}", sum(sizes.values()), done)

        def write(item: Item, values: np.ndarray) -> None:
            block, _ = item
            writer.write(block, values)
            progress.add(sizes[block])

        lead(comm, items(request, writer.pending), compute, write, request.task.threads)
        writer.finish()


def items(request: Request, blocks: Iterable[int]) -> Iterator[Item]:
    """Cut out what lies around each block, one after the other."""
    atoms = BinnedAtoms.of(request.structure)
    reach = request.model.reach_bohr
    for block in blocks:
        yield block, atoms.around(*request.blocks.bounds(block), reach)


def predict_file(
    model: DensityModel,
    structure: Structure | None,
    mesh: Mesh | None,
    path: str | Path,
    options: PredictionOptions = PredictionOptions(),
    *,
    scale_to_electrons: bool = True,
    comm: Any = None,
) -> Bound | None:
    """Predict a whole field to a density-field file, by way of one shard beside it.

    With ``options.asked_spacing_bohr`` the file is on that mesh, interpolated from ``mesh``. A
    finished shard of the same request, which a failed merge has left, is not predicted again.

    Parameters
    ----------
    model, structure, mesh
        As in `predict_shard`.
    path
        The density-field file; the shard is called ``*.shard`` until it is merged.
    options, comm
        As in `predict_shard`.
    scale_to_electrons
        As in `merge`.

    Returns
    -------
    Bound or None
        As of `predict_shard`, or of the interpolated density; None also if an earlier version has
        left the shard.

    Raises
    ------
    RhocastError
        As `predict_shard`; also if the disk does not hold both shard and file, or the valence
        electrons to scale to are not known.
    """
    path = Path(path)
    shard = path.with_name(path.name + ".shard")

    def prepare() -> Request | None:
        request = request_of(model, structure, mesh, options)
        if scale_to_electrons:
            scale_factor(1.0, request.n_electrons, request.where)
        if is_finished(shard, ShardHeader.of(request, 0, 1)):
            log.info("%s: finished by an earlier run, only merged now", shard)
            return None
        check_disk(shard, request.n_bytes() + request.file_bytes, request.asked_mesh.shape)
        return request

    with ExitStack() as stack:  # of rank 0
        first_alone(comm, lambda: stack.enter_context(owned(path, "predict")))
        request = first_alone(comm, prepare)
        if from_first(comm, request is not None):
            _predict_shard(model, request, shard, 0, 1, comm)
        merge([shard], path, scale_to_electrons, comm=comm)
        bound = first_alone(comm, lambda: _bound_of_field(path))
        first_alone(comm, shard.unlink)
    return bound
