"""Shards to one density-field file, on the mesh that was asked for.

Where the shards hold a coarser mesh, because that suffices, the file is interpolated from them part
by part, by all ranks or threads (`rhocast.density.refine`). A run that is killed leaves the
shards: merging begins anew.
"""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.checksums import seal_chunks
from rhocast.density.chunks import rounded
from rhocast.density.disk import check_disk
from rhocast.density.electron_scale import scale_factor, scaled_values, warn_of_scaling
from rhocast.density.formats.field import CHUNK_SHAPE, create_density, create_field, field_bytes
from rhocast.density.refine import refine
from rhocast.density.zero_bound import Bound
from rhocast.errors import ConfigError, FileFormatError
from rhocast.fields import DENSITY_FIELDS
from rhocast.files import owned
from rhocast.inference.shards import Shard
from rhocast.inference.spacing import asked_mesh
from rhocast.parallel.ranks import first_alone, from_first, on_all, rank_of


def merge(
    shard_paths: Sequence[str | Path],
    out: str | Path,
    scale_to_electrons: bool = True,
    virtual: bool = False,
    comm: Any = None,
) -> None:
    """Make one density-field file of all shards of a field, on the mesh that was asked for.

    Parameters
    ----------
    shard_paths
        All shards of the field, in any order.
    out
        The file to write.
    scale_to_electrons
        Multiply the density, and its standard deviations, so that it integrates to the valence
        electrons of the structure.
    virtual
        Write a file that refers to the shards instead of copying them: at once, but the shards
        must stay where they are, the mesh is the evaluated one, and nothing can be scaled.
    comm
        Communicator of `rhocast.parallel.ranks.find_communicator`. Rank 0 copies; all that see
        its files interpolate.

    Raises
    ------
    FileFormatError
        If a shard is truncated, incomplete, missing, or belongs to another prediction.
    ModelError
        If the density is to be scaled and the model does not know the valence electrons.
    ParallelError
        If the disk is too small.
    ConfigError
        If a virtual file is to be scaled.
    """
    out = Path(out)
    if virtual and scale_to_electrons:
        raise ConfigError(
            f"{out}: a virtual file refers to the shards as they are and cannot be scaled; merge "
            "by copying, or without scaling"
        )
    if not shard_paths:
        raise FileFormatError(f"{out}: no shards to merge, expected at least one")
    with ExitStack() as stack:  # of rank 0, which writes the file that the others read
        first_alone(comm, lambda: stack.enter_context(owned(out, "merge")))
        _merge([Path(path) for path in shard_paths], out, scale_to_electrons, virtual, comm)


def _merge(
    shard_paths: list[Path], out: Path, scale_to_electrons: bool, virtual: bool, comm: Any
) -> None:
    evaluated = out.with_name(out.name + ".evaluated")

    def begin() -> dict[str, Any] | None:
        with ExitStack() as stack:
            opened = [stack.enter_context(Shard(path)) for path in shard_paths]
            shards = sorted(opened, key=lambda shard: shard.header.shard)
            _check_set(shards)
            record = _record(shards, scale_to_electrons, str(out))
            if virtual:
                _refer(out, shards, record)
                return None
            mesh = asked_mesh(shards[0].mesh, record.get("asked_mesh_spacing_bohr"))
            check_disk(out, field_bytes(shards[0].header.fields) * mesh.n_points, mesh.shape)
            if mesh.shape == shards[0].header.mesh_shape:
                _copy(out, shards, record)
                return None
            _check_numbers(shards)
            _refer(evaluated, shards, record | {"scale": 1.0})
            return record

    record = from_first(comm, first_alone(comm, begin))
    if record is not None:
        _interpolate(evaluated, out, record, comm)


def _check_set(shards: list[Shard]) -> None:
    """Check that these are all shards of one field."""
    first = shards[0]
    n_shards = first.header.n_shards
    for shard in shards:
        if (shard.header.field_hash, shard.header.n_shards) != (first.header.field_hash, n_shards):
            raise FileFormatError(
                f"{shard.path}: shard of another prediction than {first.path} (model, structure, "
                "mesh, options or number of shards differ); predict it again"
            )
    found = [shard.header.shard for shard in shards]
    if found != list(range(n_shards)):
        raise FileFormatError(
            f"{first.path} and the others: expected each of the shards 0 to {n_shards - 1} once, "
            f"found {', '.join(map(str, found))}"
        )


def _record(shards: list[Shard], scale_to_electrons: bool, where: str) -> dict[str, Any]:
    """Attributes of the merged file, with the scale."""
    first, *others = (shard.header.record for shard in shards)
    record, mesh = first.joined(others), shards[0].mesh
    # Exactly rounded, so that the count does not depend on how the blocks were shared out.
    count = math.fsum(value for shard in shards for value in shard.block_sums) * mesh.voxel_volume
    scale = 1.0
    if scale_to_electrons:
        scale = scale_factor(count, record.n_electrons, where)
        warn_of_scaling(scale, where, float(mesh.spacing.max()))
    bounds = [bound for shard in shards if (bound := shard.bound) is not None]
    known = Bound.of_all(bounds).attributes if len(bounds) == len(shards) else {}
    return (
        record.attributes
        | known
        | {
            "mesh_spacing_bohr": mesh.spacing.tolist(),
            "electron_count_before_scaling": count,
            "scale": scale,
        }
    )


def _copy(out: Path, shards: list[Shard], record: dict[str, Any]) -> None:
    scale = record["scale"]
    with create_density(out, shards[0].structure, record) as file:
        for name in shards[0].header.fields:
            target = create_field(file, name, shards[0].header.mesh_shape)
            for shard in shards:
                for box, values in _columns(shard, name, target.chunks):
                    if scale != 1.0:
                        density = _at(shard, box) if name == "epistemic_std" else values
                        scaled = scaled_values(name, values, density, scale)
                        values = rounded(scaled, target.dtype)
                    target[box] = values
        seal_chunks(file, shards[0].header.fields)


def _interpolate(evaluated: Path, out: Path, record: dict[str, Any], comm: Any) -> None:
    """Interpolate to the mesh that was asked for, from a virtual file of the shards."""
    options = {"mesh_spacing_bohr": record["asked_mesh_spacing_bohr"], "scale": record["scale"]}
    try:
        if on_all(comm, evaluated.exists()):
            refine(evaluated, out, comm=comm, **options)
        else:  # it lies on a disk of rank 0's own machine
            first_alone(comm, lambda: refine(evaluated, out, **options))
    finally:
        if rank_of(comm) == 0:
            evaluated.unlink()


def _check_numbers(shards: list[Shard]) -> None:
    """Tell damage before the long work, and of which shard."""
    for name, shard in product(shards[0].header.fields, shards):
        for _ in _columns(shard, name, CHUNK_SHAPE):
            pass


def _columns(
    shard: Shard, name: str, chunks: tuple[int, int, int]
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    """Read a shard in columns of chunks along z: whole chunks, and a small part of a layer.

    Yields where in the whole field they lie, along x and y, and the values.
    """
    rows, (_, ny, _), (cx, cy, _) = shard.header.rows, shard.header.mesh_shape, chunks
    for x, y in product(range(rows.start, rows.stop, cx), range(0, ny, cy)):
        end = min(x + cx, rows.stop)
        values = shard.fields[name][x - rows.start : end - rows.start, y : y + cy]
        if not np.isfinite(values).all():
            raise FileFormatError(
                f"{shard.path}: {name} holds NaN or infinity; the file is damaged, move "
                "it elsewhere and predict this shard again"
            )
        yield (slice(x, end), slice(y, y + cy)), values


def _at(shard: Shard, box: tuple[slice, slice]) -> np.ndarray:
    """Read the density of a shard in a box of the whole field."""
    x, y = box
    first = shard.header.rows.start
    return shard.fields["density"][x.start - first : x.stop - first, y]


def _refer(out: Path, shards: list[Shard], record: dict[str, Any]) -> None:
    header = shards[0].header
    with create_density(out, shards[0].structure, record) as file:
        for name in header.fields:
            entry = DENSITY_FIELDS[name]
            layout = h5py.VirtualLayout(header.mesh_shape, dtype=entry.dtype)
            for shard in shards:
                rows = shard.header.rows
                if rows.start < rows.stop:
                    source = os.path.relpath(shard.path, out.parent)
                    shape = (rows.stop - rows.start, *header.mesh_shape[1:])
                    layout[rows] = h5py.VirtualSource(source, name, shape)
            file.create_virtual_dataset(name, layout, fillvalue=np.nan)
            file[name].attrs["unit"] = entry.unit
        file.attrs["mesh_shape"] = header.mesh_shape
