"""Writing a shard block by block, resumed after a kill.

While it is written it is called ``*.partial``. HDF5 is not safe against SIGKILL, so it writes the
file once, before the first block, with all its metadata and a place for every number; blocks are
then written to their byte ranges, past HDF5. Beside it lies ``*.journal``: the hash of the request,
then the number of each block that is certain to be on the disk. What counts is ``block_sums``,
NaN until its block is written, and the journal.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import h5py
import numpy as np

from rhocast.checksums import (
    GROUP,
    check_attributes,
    create_sums,
    seal_attributes,
    seal_dataset,
    sum_of,
)
from rhocast.density.chunks import ChunkedArray, chunk_shape, preallocate, write_all
from rhocast.density.zero_bound import Bound
from rhocast.errors import FileFormatError, ParallelError
from rhocast.fields import DENSITY_FIELDS
from rhocast.files import owned
from rhocast.inference.journal import Journal
from rhocast.inference.provenance import Provenance
from rhocast.inference.shards import FORMAT_VERSION, KIND, ShardHeader
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: Finished blocks are made certain at this interval: what a kill costs at most.
SECONDS_BETWEEN_COMMITS = 1.0

#: Of the three numbers of a block in ``block_sums``.
_ROW_BYTES = 24

#: In place of a file descriptor.
_CLOSED = -1


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

    Raises
    ------
    ParallelError
        Also later on: if the file cannot be written, because the disk is full or another process
        writes it.
    """

    def __init__(self, path: Path, header: ShardHeader, structure: Structure) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._header = header
        self._journal = Journal(path.with_name(path.name + ".journal"), self._identity)
        self._uncertain: list[int] = []
        self.finished: set[int] = set()
        self._file = _CLOSED
        self._owned = ExitStack()
        self._owned.enter_context(owned(path))
        try:
            self._open(structure)
        except BaseException:
            self.__exit__()
            raise

    def _open(self, structure: Structure) -> None:
        header = self._header
        with self._explaining_failure():
            self.finished = self._left_by_earlier_run()
            if self.finished:
                self._journal.restart(sorted(self.finished))
                self._file = os.open(self._partial, os.O_RDWR | os.O_NOFOLLOW)
            else:
                self._start_afresh(structure)
        with h5py.File(self._partial, "r", locking=False) as file:
            fields = header.fields if header.own_blocks else ()
            self._arrays = {name: ChunkedArray.of(file[name]) for name in fields}
            self._sums = file["block_sums"].id.get_offset()
            checks = file.get(f"{GROUP}/block_sums")
            self._checks = None if checks is None else checks.id.get_offset()
        resumed = bool(self.finished)
        if resumed:
            self._tell_of_missing_sums()
            self._forget_damaged()
        if resumed and self.pending:
            self._note_who_goes_on()
        self._last_commit = time.monotonic()

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file != _CLOSED:
            os.close(self._file)
            self._file = _CLOSED
        self._owned.close()

    @property
    def pending(self) -> list[int]:
        """Blocks of the shard that are still to be computed, in rising order."""
        return [block for block in self._header.own_blocks if block not in self.finished]

    def write(self, block: int, values: np.ndarray) -> None:
        """Write the values of a block, shape (f, bx, by, bz), fields in the header's order.

        Negative densities are set to zero, in ``values``, too.
        """
        header = self._header
        box = self._box(block)
        density = values[header.fields.index("density")]
        bound = Bound.put_on(density)
        number = block - header.own_blocks.start
        with self._explaining_failure():
            for name, array in zip(header.fields, values, strict=True):
                self._arrays[name].write(self._file, box, array)
            total = density.sum(dtype=np.float64)
            row = np.array([total, bound.points_below_zero, bound.lowest_before_bound])
            write_all(self._file, row, self._sums + _ROW_BYTES * number)
            if self._checks is not None:
                check = np.array([sum_of(row)], dtype="u4")
                write_all(self._file, check, self._checks + 4 * number)
        self._uncertain.append(block)
        if time.monotonic() - self._last_commit > SECONDS_BETWEEN_COMMITS:
            self.commit()

    def _box(self, block: int) -> tuple[slice, slice, slice]:
        """Return where a block lies in the shard."""
        x, y, z = self._header.blocks.box(block)
        first = self._header.rows.start
        return slice(x.start - first, x.stop - first), y, z

    def _tell_of_missing_sums(self) -> None:
        """Name what an earlier version has left without checksums."""
        without = [name for name, array in self._arrays.items() if array.sums_offset is None]
        if self._checks is None:
            without.append("block_sums")
        for name in without:
            log.info(
                "%s: %s has no checksums, damage to it cannot be detected", self._partial, name
            )

    def _forget_damaged(self) -> None:
        """Compute again the blocks of an earlier run that do not match their checksums."""
        damaged = {
            block
            for block in self.finished
            if not self._sum_is_intact(block)
            or not all(a.intact(self._file, self._box(block)) for a in self._arrays.values())
        }
        if damaged:
            log.warning(
                "%s: %d finished blocks do not match their checksums and are computed again",
                self._partial,
                len(damaged),
            )
            self.finished -= damaged
            with self._explaining_failure():
                self._journal.restart(sorted(self.finished))

    def _sum_is_intact(self, block: int) -> bool:
        if self._checks is None:
            return True
        number = block - self._header.own_blocks.start
        row = os.pread(self._file, _ROW_BYTES, self._sums + _ROW_BYTES * number)
        found = os.pread(self._file, 4, self._checks + 4 * number)
        return found == np.uint32(sum_of(row)).tobytes()

    def commit(self) -> None:
        """Bring the blocks to the disk, and only then into the journal."""
        with self._explaining_failure():
            os.fsync(self._file)
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
        self._partial.replace(self._path)
        self._journal.remove()

    @property
    def _identity(self) -> str:
        header = self._header
        return f"{header.field_hash} {header.shard}/{header.n_shards} {FORMAT_VERSION}"

    @contextmanager
    def _explaining_failure(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise ParallelError(
                f"{self._partial}: cannot be written ({error.strerror or error}); "
                f"{len(self.finished)} of {len(self._header.own_blocks)} blocks are kept: make "
                "room on the disk, or whatever is needed, and run the same command again, it goes "
                "on where this one stopped"
            ) from error

    def _left_by_earlier_run(self) -> set[int]:
        try:
            identity, finished = self._journal.read()
            with h5py.File(self._partial, "r", locking=False) as file:
                same = identity == self._identity == file.attrs["identity"]
                check_attributes(self._partial, file, "it is computed anew")
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, KeyError, RuntimeError, FileFormatError) as error:
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

    def _note_who_goes_on(self) -> None:
        """Write into the file that this run, by other kernels perhaps, takes part in it."""
        with h5py.File(self._partial, "r", locking=False) as file:
            header = json.loads(file.attrs["header"])
        begun = Provenance.read(header["record"])
        record = begun.joined([self._header.record])
        if record != begun:
            with h5py.File(self._partial, "r+", libver="v110", locking=False) as file:
                file.attrs["header"] = json.dumps(header | {"record": record.attributes})
                seal_attributes(file)

    def _start_afresh(self, structure: Structure) -> None:
        self._journal.remove()
        self._partial.unlink(missing_ok=True)
        with h5py.File(self._partial, "x", libver="v110") as file:
            _create_datasets(file, self._header)
            file["cell"] = structure.cell
            if self._header.shard == 0:  # once is enough: there may be millions of atoms
                file["positions"] = structure.positions
                file["numbers"] = structure.numbers
            for name in {"positions", "cell", "numbers"} & set(file):
                file[name].attrs["unit"] = DENSITY_FIELDS[name].unit
            file.attrs["kind"] = KIND
            file.attrs["format_version"] = FORMAT_VERSION
            file.attrs["header"] = json.dumps(asdict(self._header))
            file.attrs["identity"] = self._identity
            for name in {"positions", "cell", "numbers"} & set(file):
                seal_dataset(file[name])
            seal_attributes(file)
        self._file = os.open(self._partial, os.O_RDWR)
        os.posix_fallocate(self._file, 0, os.fstat(self._file).st_size)  # a full disk fails here
        os.fsync(self._file)
        self._journal.restart()


def _create_datasets(file: h5py.File, header: ShardHeader) -> None:
    """Create the predicted arrays with a place on the disk, and the sums, full of NaN."""
    rows = header.rows.stop - header.rows.start
    shape = (rows, *header.mesh_shape[1:])
    for name in header.fields:
        entry = DENSITY_FIELDS[name]
        chunks = chunk_shape(shape, header.block_shape) if rows else None
        preallocate(file, name, shape, entry.dtype, chunks)
        file[name].attrs["unit"] = entry.unit
        if chunks is not None:
            create_sums(file, name)
    sums = (len(header.own_blocks),)
    preallocate(file, "block_sums", (*sums, _ROW_BYTES // 8), "f8", None, h5py.h5d.FILL_TIME_ALLOC)
    preallocate(file, f"{GROUP}/block_sums", sums, "u4", None, h5py.h5d.FILL_TIME_ALLOC)
    file["block_sums"].attrs["unit"] = "e/Bohr^3"
