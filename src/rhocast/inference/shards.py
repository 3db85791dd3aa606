"""The shard file: some layers of one field, written block by block, resumed after a kill.

HDF5. Datasets: the predicted arrays of `rhocast.fields.DENSITY_FIELDS`, of shape (rows, ny, nz)
and chunked by blocks; ``block_sums``, the sum of the density over each block; ``positions``,
``cell``, ``numbers``. Attributes: see `ShardHeader`.

While it is written it is called ``*.partial``. HDF5 is not safe against SIGKILL, so all its
metadata is on the disk before the first block, and blocks only overwrite the NaN that fills the
datasets. Beside it lies ``*.journal``: the hash of the request, then the number of each block that
is certain to be on the disk.
"""

import json
import logging
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.errors import FileFormatError
from rhocast.fields import DENSITY_FIELDS
from rhocast.grid import Blocks, Mesh
from rhocast.inference.request import Request
from rhocast.structures import Structure

log = logging.getLogger(__name__)

FORMAT_VERSION = 1
KIND = "rhocast shard"

#: Finished blocks are made certain at this interval: what a kill costs at most.
SECONDS_BETWEEN_COMMITS = 1.0


@dataclass(frozen=True)
class ShardHeader:
    """What a shard is part of.

    Attributes
    ----------
    field_hash
        Of everything that determines the field; the same for all its shards.
    shard, n_shards
        Which part this is; counted from 0.
    mesh_shape, block_shape
        Of the whole field.
    fields
        Names of the predicted arrays.
    record
        `Request.record`: where the numbers come from.
    """

    field_hash: str
    shard: int
    n_shards: int
    mesh_shape: tuple[int, int, int]
    block_shape: tuple[int, int, int]
    fields: tuple[str, ...]
    record: dict[str, Any]

    @classmethod
    def of(cls, request: Request, shard: int, n_shards: int) -> "ShardHeader":
        """Describe one shard of a request."""
        return cls(
            field_hash=request.hash,
            shard=shard,
            n_shards=n_shards,
            mesh_shape=request.mesh.shape,
            block_shape=request.blocks.block_shape,
            fields=request.fields,
            record=request.record,
        )

    @property
    def blocks(self) -> Blocks:
        """Division of the whole mesh."""
        return Blocks(self.mesh_shape, self.block_shape)

    @property
    def own_blocks(self) -> range:
        """Blocks of this shard."""
        return self.blocks.shard_blocks(self.shard, self.n_shards)

    @property
    def rows(self) -> slice:
        """Rows of the mesh along x that lie in this shard."""
        return self.blocks.shard_rows(self.shard, self.n_shards)


class ShardWriter:
    """Writes one shard; on rank 0 alone.

    Opening it takes up what an interrupted run of the same request has left, or starts afresh.

    Parameters
    ----------
    path
        The file as it will be called in the end.
    header
        What it is part of.
    structure
        Atoms and cell, stored with it.

    Attributes
    ----------
    finished : set of int
        Blocks that are on the disk.
    """

    def __init__(self, path: Path, header: ShardHeader, structure: Structure) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._journal = path.with_name(path.name + ".journal")
        self._header = header
        self._uncertain: list[int] = []
        self.finished = self._left_by_earlier_run()
        if not self.finished:
            self._start_afresh(structure)
        self._file = h5py.File(self._partial, "r+")
        self._last_commit = time.monotonic()

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def pending(self) -> list[int]:
        """Blocks of the shard that are still to be computed, in rising order."""
        return [block for block in self._header.own_blocks if block not in self.finished]

    def write(self, block: int, values: np.ndarray) -> None:
        """Write the values of a block, shape (f, bx, by, bz), fields in the header's order."""
        header = self._header
        x, y, z = header.blocks.box(block)
        x = slice(x.start - header.rows.start, x.stop - header.rows.start)
        for name, array in zip(header.fields, values, strict=True):
            self._file[name][x, y, z] = array
        density = values[header.fields.index("density")]
        self._file["block_sums"][block - header.own_blocks.start] = density.sum(dtype=np.float64)
        self._uncertain.append(block)
        if time.monotonic() - self._last_commit > SECONDS_BETWEEN_COMMITS:
            self.commit()

    def commit(self) -> None:
        """Bring the blocks to the disk, and only then into the journal."""
        self._file.flush()
        os.fsync(self._file.id.get_vfd_handle())
        _append(self._journal, "".join(f"{block}\n" for block in self._uncertain))
        self.finished.update(self._uncertain)
        self._uncertain.clear()
        self._last_commit = time.monotonic()

    def finish(self) -> None:
        """Give the complete file its name and remove the journal."""
        self.commit()
        self._file.close()
        self._partial.replace(self._path)
        self._journal.unlink()

    @property
    def _identity(self) -> str:
        header = self._header
        return f"{header.field_hash} {header.shard}/{header.n_shards} {FORMAT_VERSION}"

    def _left_by_earlier_run(self) -> set[int]:
        try:
            identity, *lines = self._journal.read_text(encoding="ascii").split("\n")[:-1]
            with h5py.File(self._partial, "r") as file:
                same = identity == self._identity == file.attrs["identity"]
            finished = {int(line) for line in lines}
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, KeyError) as error:
            log.warning("%s: cannot be resumed (%s), starting afresh", self._partial, error)
            return set()
        if not same:
            log.warning("%s: left by another request, starting afresh", self._partial)
            return set()
        log.info(
            "%s: resumed, %d of %d blocks are there",
            self._partial,
            len(finished),
            len(self._header.own_blocks),
        )
        return finished

    def _start_afresh(self, structure: Structure) -> None:
        self._journal.unlink(missing_ok=True)
        self._partial.unlink(missing_ok=True)
        with h5py.File(self._partial, "w") as file:
            _create_datasets(file, self._header)
            for name in ("positions", "cell", "numbers"):
                file[name] = getattr(structure, name)
                file[name].attrs["unit"] = DENSITY_FIELDS[name].unit
            file.attrs["kind"] = KIND
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["header"] = json.dumps(asdict(self._header))
            file.attrs["identity"] = self._identity
            file.flush()
            os.fsync(file.id.get_vfd_handle())
        _append(self._journal, self._identity + "\n")


class Shard:
    """A finished shard, open for reading.

    Raises
    ------
    FileFormatError
        If it is missing, truncated, incomplete or no shard.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self.file = h5py.File(self.path, "r")
        except OSError as error:
            raise FileFormatError(
                f"{path}: cannot be read as HDF5 ({error}); if the file is truncated, remove it "
                "and predict this shard again"
            ) from error
        try:
            self.header = self._read_header()
            self._check_complete()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> "Shard":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    @property
    def structure(self) -> Structure:
        """Atoms and cell of the whole field."""
        file = self.file
        return Structure(file["positions"][()], file["cell"][()], file["numbers"][()])

    @property
    def mesh(self) -> Mesh:
        """Mesh of the whole field."""
        return Mesh(self.header.mesh_shape, self.file["cell"][()])

    @property
    def block_sums(self) -> np.ndarray:
        """Sum of the density over each block of the shard, float64."""
        return self.file["block_sums"][()]

    def _read_header(self) -> ShardHeader:
        version = self.file.attrs.get("format_version", 0)
        if self.file.attrs.get("kind") != KIND:
            raise FileFormatError(
                f"{self.path}: no shard, it holds {sorted(self.file) or 'nothing'}; expected a "
                "file that `rhocast predict --shard` wrote"
            )
        if version > FORMAT_VERSION:
            raise FileFormatError(
                f"{self.path}: shard format {version}, this program reads up to {FORMAT_VERSION}; "
                "upgrade rhocast"
            )
        values = json.loads(self.file.attrs["header"])
        for name in ("mesh_shape", "block_shape", "fields"):
            values[name] = tuple(values[name])
        return ShardHeader(**values)

    def _check_complete(self) -> None:
        missing = int(np.isnan(self.block_sums).sum())
        if missing:
            raise FileFormatError(
                f"{self.path}: {missing} of {len(self.header.own_blocks)} blocks are missing; run "
                "the prediction of this shard again, it goes on where it stopped"
            )


def _create_datasets(file: h5py.File, header: ShardHeader) -> None:
    """Create the predicted arrays on the disk, full of NaN."""
    rows = header.rows.stop - header.rows.start
    shape = (rows, *header.mesh_shape[1:])
    chunks = tuple(min(b, n) for b, n in zip(header.block_shape, shape, strict=True))
    for name in header.fields:
        entry = DENSITY_FIELDS[name]
        _preallocate(file, name, shape, entry.dtype, chunks if rows else None)
        file[name].attrs["unit"] = entry.unit
    _preallocate(file, "block_sums", (len(header.own_blocks),), "f8", None)
    file["block_sums"].attrs["unit"] = "e/Bohr^3"


def _preallocate(
    file: h5py.File,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    chunks: tuple[int, ...] | None,
) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    file.create_dataset(
        name, shape=shape, dtype=dtype, chunks=chunks, fillvalue=np.nan, dcpl=properties
    )


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="ascii") as journal:
        journal.write(text)
        journal.flush()
        os.fsync(journal.fileno())
