"""Checksums of what HDF5 files hold: written with the numbers, verified by whoever reads them.

A field has one sum for each of its chunks, in the dataset ``checksums/NAME``: ranks write them as
they write the chunks, and a reader of a part verifies that part. A dataset in one piece has one sum
as its attribute ``checksum`` (snapshots: ``sha256``). The attributes of the file have one, too.
The words of 64 bits are added up in columns before CRC-32 is taken of the sums. It finds each
flipped bit, lost page and exchanged page, as CRC-32 alone does, in a tenth of its time where the
bytes are in the processor's cache, and in a fifth where they are not. Chunks are therefore read one
by one, verified while they are in the cache, and copied to where they belong; HDF5 only tells where
they lie (`benchmarks/reading.py` compares both ways).
"""

import hashlib
import logging
import os
import zlib
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.errors import FileFormatError
from rhocast.hdf5 import reading

log = logging.getLogger(__name__)

#: Group of the sums of chunks.
GROUP = "checksums"

#: Attribute of a dataset in one piece.
ATTRIBUTE = "checksum"

#: Attribute of a file: the sum of its other attributes.
OF_ATTRIBUTES = "attributes_checksum"

#: Columns that words are added up in; a prime number, so that exchanged pages change the sums.
_COLUMNS = 251

#: Bytes of a dataset that are summed up at a time.
_PART = 1 << 22


def sum_of(data: Any, start: int = 0) -> int:
    """Return the checksum of some bytes, 32 bits.

    Parameters
    ----------
    data
        Bytes, or an array whose numbers lie one after the other.
    start
        Sum of what comes before, for data in several parts.
    """
    flat = np.frombuffer(data, dtype=np.uint8)
    row = 8 * _COLUMNS
    whole = len(flat) // row * row
    sums = flat[:whole].view(np.uint64).reshape(-1, _COLUMNS).sum(axis=0, dtype=np.uint64)
    return zlib.crc32(flat[whole:].tobytes(), zlib.crc32(sums.tobytes(), start))


def sum_of_array(array: np.ndarray | h5py.Dataset) -> int:
    """Return the checksum of an array of any size, in memory or not, looked at in parts."""
    rows = max(1, _PART // max(1, array.dtype.itemsize * int(np.prod(array.shape[1:]))))
    found = 0
    for start in range(0, len(array), rows):
        found = sum_of(np.ascontiguousarray(array[start : start + rows]), found)
    return found


def seal_dataset(dataset: h5py.Dataset) -> None:
    """Give a finished dataset in one piece its checksum."""
    dataset.attrs[ATTRIBUTE] = np.uint32(sum_of_array(dataset))


def seal_chunks(file: h5py.File, names: Iterable[str]) -> None:
    """Give finished fields, written by HDF5, the sums of their chunks."""
    file.flush()
    for name in names:
        sums = create_sums(file, name)
        found = np.zeros(sums.shape, dtype=np.uint32)
        chunk = np.empty(file[name].chunks, dtype=file[name].dtype)
        for place in np.ndindex(*sums.shape):
            _read_chunk(file.id.get_vfd_handle(), file[name], place, chunk)
            found[place] = sum_of(chunk)
        sums[()] = found


def counts_of(dataset: h5py.Dataset) -> tuple[int, ...]:
    """Return the number of chunks along each axis."""
    return tuple(-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True))


def create_sums(file: h5py.File, name: str) -> h5py.Dataset:
    """Create the sums of a field's chunks, with a place on the disk for each."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_ALLOC)
    shape = counts_of(file[name])
    return file.create_dataset(f"{GROUP}/{name}", shape=shape, dtype="u4", dcpl=properties)


def seal_attributes(file: h5py.File) -> None:
    """Give the attributes of a file their checksum; again after one is added."""
    file.attrs[OF_ATTRIBUTES] = np.uint32(_sum_of_attributes(file))


def check_attributes(path: Path, file: h5py.File, remedy: str) -> None:
    """Raise FileFormatError if the attributes of a file do not have their checksum."""
    if OF_ATTRIBUTES not in file.attrs:
        log.info("%s: attributes have no checksum, damage to them cannot be told", path)
    elif file.attrs[OF_ATTRIBUTES] != _sum_of_attributes(file):
        raise damaged(path, "what it says of itself", remedy)


def check_array(path: Path, dataset: h5py.Dataset, array: np.ndarray, remedy: str) -> None:
    """Raise FileFormatError if an array that was read does not have the dataset's checksum."""
    name = str(dataset.name).lstrip("/")
    if ATTRIBUTE in dataset.attrs:
        same = int(dataset.attrs[ATTRIBUTE]) == sum_of_array(array)
    elif "sha256" in dataset.attrs:
        same = dataset.attrs["sha256"] == sha256_of(array)
    else:
        log.info("%s: %s has no checksum, damage to it cannot be told", path, name)
        return
    if not same:
        raise damaged(path, name, remedy)


def read_checked(
    path: Path, file: h5py.File, names: Iterable[str], remedy: str = "make it again"
) -> dict[str, Any]:
    """Read datasets in one piece and verify them."""
    with reading(path, remedy):
        arrays = {name: file[name][()] for name in names}
        for name, array in arrays.items():
            check_array(path, file[name], array, remedy)
    return arrays


def sha256_of(array: np.ndarray) -> str:
    """Return the SHA-256 of the numbers of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def damaged(path: Path, what: str, remedy: str) -> FileFormatError:
    """Return the error that a checksum does not agree."""
    return FileFormatError(
        f"{path}: {what} does not match its checksum; the file is damaged: {remedy}"
    )


class CheckedField:
    """A dataset in chunks whose chunks are verified when they are read.

    Parameters
    ----------
    path
        Of the file, for messages.
    file, name
        The open file and the dataset. One without sums is read as it is, which is logged once.
    remedy
        What to do about damage.
    """

    def __init__(self, path: Path, file: h5py.File, name: str, remedy: str) -> None:
        self._path, self._name, self._remedy = path, name, remedy
        self._file, self._dataset = file.id.get_vfd_handle(), file[name]
        self._sums: np.ndarray | None = None
        dataset = self._dataset
        if dataset.chunks is None or dataset.id.get_create_plist().get_nfilters():
            return
        if f"{GROUP}/{name}" not in file:
            log.info("%s: %s has no checksums, damage to it cannot be told", path, name)
            return
        self._sums = file[f"{GROUP}/{name}"][()]
        if self._sums.shape != counts_of(dataset):
            raise damaged(path, name, remedy)

    def __getitem__(self, box: Any) -> np.ndarray:
        """Read a box of numbers and slices with step 1, as stored.

        FileFormatError if a chunk is damaged.
        """
        dataset = self._dataset
        if self._sums is None:
            return dataset[box]
        given = box if isinstance(box, tuple) else (box,)
        sides = _sides(tuple(slices_of(given, dataset.shape)), dataset.shape)
        values = np.empty([len(side) for side in sides], dtype=dataset.dtype)
        self._read_into(values, sides)
        whole = [slice(None) if isinstance(s, slice) else 0 for s in given]
        return values[tuple(whole)]

    def verify(self) -> None:
        """Read and verify all chunks."""
        if self._sums is not None:
            chunk = np.empty(self._dataset.chunks, dtype=self._dataset.dtype)
            for place in np.ndindex(*self._sums.shape):
                self._read_verified(place, chunk)

    def _read_into(self, values: np.ndarray, sides: list[range]) -> None:
        """Read the chunks that a box touches and copy what the box takes of each."""
        chunk = np.empty(self._dataset.chunks, dtype=self._dataset.dtype)
        axes = (_cuts(side, c) for side, c in zip(sides, chunk.shape, strict=True))
        for parts in product(*axes):
            place, inside, target = zip(*parts, strict=True)
            self._read_verified(place, chunk)
            values[target] = chunk[inside]

    def _read_verified(self, place: tuple[int, ...], chunk: np.ndarray) -> None:
        assert self._sums is not None
        try:
            _read_chunk(self._file, self._dataset, place, chunk)
        except (OSError, RuntimeError, ValueError) as error:
            raise FileFormatError(
                f"{self._path}: {self._name} cannot be read ({error}); {self._remedy}"
            ) from error
        if sum_of(chunk) != self._sums[place]:
            raise damaged(self._path, self._name, self._remedy)


def _cuts(side: range, length: int) -> list[tuple[int, slice, slice]]:
    """Return the chunks that a box touches along an axis, with what it takes of each and where to.

    Parameters
    ----------
    side
        The box along the axis.
    length
        Of a chunk.
    """
    found = []
    for number in range(side.start // length, -(-side.stop // length)) if side else ():
        corner = number * length
        low, high = max(side.start, corner), min(side.stop, corner + length)
        inside, target = (
            slice(low - corner, high - corner),
            slice(low - side.start, high - side.start),
        )
        found.append((number, inside, target))
    return found


def slices_of(box: tuple[Any, ...], shape: tuple[int, ...]) -> list[slice]:
    """Return a box of numbers and slices as slices."""
    return [
        s if isinstance(s, slice) else slice(range(n)[s], range(n)[s] + 1)
        for s, n in zip(box, shape, strict=False)
    ]


def _sides(box: tuple[slice, ...], shape: tuple[int, ...]) -> list[range]:
    """Return what a box takes of each axis; all of those that it does not name."""
    filled = (*box, *[slice(None)] * (len(shape) - len(box)))
    return [range(n)[s] for n, s in zip(shape, filled, strict=True)]


def _read_chunk(
    file: int, dataset: h5py.Dataset, place: tuple[int, ...], chunk: np.ndarray
) -> None:
    """Read the bytes of a chunk as they are stored, by the file's descriptor, past HDF5.

    Raises
    ------
    OSError
        If the file has no bytes for the chunk, or not all of them.
    """
    corner = tuple(i * c for i, c in zip(place, chunk.shape, strict=True))
    info = dataset.id.get_chunk_info_by_coord(corner)
    if info.byte_offset is None or os.preadv(file, [chunk.data], info.byte_offset) != chunk.nbytes:
        raise OSError(f"chunk {place} is not in the file")


def _sum_of_attributes(file: h5py.File) -> int:
    found = 0
    for name in sorted(file.attrs):
        if name != OF_ATTRIBUTES:
            value = file.attrs[name]
            text = value if isinstance(value, str) else np.asarray(value).tolist()
            found = zlib.crc32(f"{name}={text!r}\n".encode("utf-8", "surrogateescape"), found)
    return found
