"""Checksums of what HDF5 files hold: written with the numbers, verified by the readers.

A field has one sum for each of its chunks, in the dataset ``checksums/NAME``: ranks write them as
they write the chunks, and a reader of a part verifies that part. A dataset in one piece has one sum
as its attribute ``checksum`` (snapshots: ``sha256``). The attributes of the file have one, too.
The words of 64 bits are added up in columns before CRC-32 is taken of the sums. It finds each
flipped bit, lost page and exchanged page, as CRC-32 alone does, in a tenth of its time where the
bytes are in the processor's cache, and in a fifth where they are not.
"""

import hashlib
import logging
import os
import zlib
from collections.abc import Iterable
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
        places = places_of_chunks(file[name])
        for number in np.ndindex(*sums.shape):
            read_chunk(file.id.get_vfd_handle(), int(places[number]), chunk)
            found[number] = sum_of(chunk)
        sums[()] = found


def counts_of(dataset: h5py.Dataset) -> tuple[int, ...]:
    """Return the number of chunks along each axis."""
    return tuple(-(-n // c) for n, c in zip(dataset.shape, dataset.chunks, strict=True))


def places_of_chunks(dataset: h5py.Dataset) -> np.ndarray:
    """Return where each chunk begins in the file, bytes; -1 for one that is not there."""
    if not hasattr(dataset.id, "chunk_iter"):
        return places_one_by_one(dataset)
    places = np.full(counts_of(dataset), -1, dtype=np.int64)
    sides = dataset.chunks

    def note(chunk: Any) -> None:
        number = tuple([i // c for i, c in zip(chunk.chunk_offset, sides, strict=True)])
        places[number] = chunk.byte_offset

    dataset.id.chunk_iter(note)
    return places


def places_one_by_one(dataset: h5py.Dataset) -> np.ndarray:
    """Do as `places_of_chunks`, where HDF5 is older than 1.12.3; ten times as slow."""
    places = np.full(counts_of(dataset), -1, dtype=np.int64)
    for number in np.ndindex(*places.shape):
        corner = tuple(i * c for i, c in zip(number, dataset.chunks, strict=True))
        place = dataset.id.get_chunk_info_by_coord(corner).byte_offset
        places[number] = -1 if place is None else place
    return places


def read_chunk(file: int, place: int, chunk: np.ndarray) -> None:
    """Read the bytes of a chunk as they are stored; OSError if they are not all there."""
    if place < 0 or os.preadv(file, [chunk.data], place) != chunk.nbytes:
        raise OSError("a chunk is not in the file")


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
        log.info(
            "%s: is of an earlier version or another program: its arrays are verified where they "
            "have checksums, its attributes (settings, energies) are read as they are",
            path,
        )
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
        log.info("%s: %s has no checksum, damage to it cannot be detected", path, name)
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


def _sum_of_attributes(file: h5py.File) -> int:
    found = 0
    for name in sorted(file.attrs):
        if name != OF_ATTRIBUTES:
            value = file.attrs[name]
            text = value if isinstance(value, str) else np.asarray(value).tolist()
            found = zlib.crc32(f"{name}={text!r}\n".encode("utf-8", "surrogateescape"), found)
    return found
