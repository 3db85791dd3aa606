"""Writing a shard block by block, resumed after a kill.

While it is written it is called ``*.partial``. HDF5 is not safe against SIGKILL, so all its
metadata is on the disk before the first block, and blocks only overwrite the NaN that fills the
datasets. Beside it lies ``*.journal``: the hash of the request, then the number of each block that
is certain to be on the disk.
"""

import json
import logging
import os
import time
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np

from rhocast.fields import DENSITY_FIELDS
from rhocast.inference.journal import Journal
from rhocast.inference.shards import FORMAT_VERSION, KIND, ShardHeader
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: Finished blocks are made certain at this interval: what a kill costs at most.
SECONDS_BETWEEN_COMMITS = 1.0


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
        self._header = header
        self._journal = Journal(path.with_name(path.name + ".journal"), self._identity)
        self._uncertain: list[int] = []
        self.finished = self._left_by_earlier_run()
        if self.finished:
            self._journal.restart(sorted(self.finished))
        else:
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
        self._journal.add(self._uncertain)
        self.finished.update(self._uncertain)
        self._uncertain.clear()
        self._last_commit = time.monotonic()

    def finish(self) -> None:
        """Give the complete file its name and remove the journal.

        Raises
        ------
        RuntimeError
            If blocks have not been written: a defect of the caller.
        """
        self.commit()
        if self.pending:
            raise RuntimeError(f"{self._partial}: blocks {self.pending} were never written")
        self._file.close()
        self._partial.replace(self._path)
        self._journal.remove()

    @property
    def _identity(self) -> str:
        header = self._header
        return f"{header.field_hash} {header.shard}/{header.n_shards} {FORMAT_VERSION}"

    def _left_by_earlier_run(self) -> set[int]:
        try:
            identity, finished = self._journal.read()
            with h5py.File(self._partial, "r") as file:
                same = identity == self._identity == file.attrs["identity"]
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, KeyError) as error:
            log.warning("%s: cannot be resumed (%s), starting afresh", self._partial, error)
            return set()
        if not same:
            log.warning("%s: left by another request, starting afresh", self._partial)
            return set()
        foreign = finished.difference(self._header.own_blocks)
        if foreign:
            log.warning(
                "%s: the journal is damaged, it lists block %d, which is not of this shard; "
                "starting afresh",
                self._partial,
                min(foreign),
            )
            return set()
        log.info(
            "%s: resumed, %d of %d blocks are there",
            self._partial,
            len(finished),
            len(self._header.own_blocks),
        )
        return finished

    def _start_afresh(self, structure: Structure) -> None:
        self._journal.remove()
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
        self._journal.restart()


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
