"""Where the numbers of an HDF5 dataset lie in its file, to write them without HDF5.

HDF5 keeps metadata in memory while a file is open for writing, and a kill leaves it broken. A file
that HDF5 has closed, with a place for every number, can be written to at any time.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import h5py
import numpy as np

from rhocast.checksums import GROUP, sum_of

#: Larger numbers are infinity in half precision.
_HALF_LIMIT = 65520.0

#: Longest side of a chunk.
LONGEST_SIDE = 32


def chunk_shape(shape: tuple[int, ...], block_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the chunks of a field: blocks cut into equal parts that are neither long nor flat.

    Short sides read well in any direction, and little is wasted where the mesh ends. Every block
    begins with a chunk.
    """
    sides = (max(d for d in range(1, LONGEST_SIDE + 1) if b % d == 0) for b in block_shape)
    return tuple(min(n, side) for n, side in zip(shape, sides, strict=True))


def preallocate(
    file: h5py.File,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    chunks: tuple[int, ...] | None,
    fill_time: int = h5py.h5d.FILL_TIME_NEVER,
) -> None:
    """Create a dataset with a place in the file for each of its numbers.

    The file must have been opened with ``libver="v110"``: chunks then lie in order.
    """
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(fill_time)
    file.create_dataset(
        name, shape=shape, dtype=dtype, chunks=chunks, fillvalue=np.nan, dcpl=properties
    )


@dataclass(frozen=True)
class ChunkedArray:
    """A dataset whose chunks lie one after the other, in C order.

    Attributes
    ----------
    offset
        Of the first byte in the file.
    chunk_shape, counts
        Numbers of a chunk, and chunks, along each axis.
    dtype
        Of the numbers.
    sums_offset
        Of the first checksum of a chunk, 32 bits each; None where there are none.
    """

    offset: int
    chunk_shape: tuple[int, ...]
    counts: tuple[int, ...]
    dtype: np.dtype
    sums_offset: int | None = None

    @classmethod
    def of(cls, dataset: h5py.Dataset) -> "ChunkedArray":
        """Describe a dataset; RuntimeError if its chunks do not lie in order."""
        chunks = dataset.chunks
        counts = tuple(-(-n // c) for n, c in zip(dataset.shape, chunks, strict=True))
        offset = dataset.id.get_chunk_info_by_coord((0, 0, 0)).byte_offset
        name = f"{GROUP}/{dataset.name.lstrip('/')}"
        sums = dataset.file[name].id.get_offset() if name in dataset.file else None
        array = cls(offset, chunks, counts, dataset.dtype, sums)
        last = tuple((n - 1) * c for n, c in zip(counts, chunks, strict=True))
        expected = array.place(*(n - 1 for n in counts))
        if dataset.id.get_chunk_info_by_coord(last).byte_offset != expected:
            raise RuntimeError(f"{dataset.name}: HDF5 has not laid out its chunks in order")
        return array

    def place(self, i: int, j: int, k: int) -> int:
        """Return where a chunk begins, bytes."""
        return self.offset + self._number(i, j, k) * self._chunk_bytes

    def _number(self, i: int, j: int, k: int) -> int:
        _, ny, nz = self.counts
        return (i * ny + j) * nz + k

    @property
    def _chunk_bytes(self) -> int:
        return int(np.prod(self.chunk_shape)) * self.dtype.itemsize

    def intact(self, file: int, box: tuple[slice, slice, slice]) -> bool:
        """Say whether the chunks of a box that was written match their checksums."""
        if self.sums_offset is None:
            return True
        for chunk in self._chunks(box):
            data = os.pread(file, self._chunk_bytes, self.place(*chunk))
            found = os.pread(file, 4, self.sums_offset + 4 * self._number(*chunk))
            if len(data) != self._chunk_bytes or found != np.uint32(sum_of(data)).tobytes():
                return False
        return True

    def _chunks(self, box: tuple[slice, slice, slice]) -> Iterator[tuple[int, ...]]:
        """Return the numbers along each axis of the chunks that a box touches."""
        sides = zip(box, self.chunk_shape, strict=True)
        return product(*(range(s.start // c, -(-s.stop // c)) for s, c in sides))

    def write(self, file: int, box: tuple[slice, slice, slice], values: np.ndarray) -> None:
        """Write whole chunks.

        Parameters
        ----------
        file
            Descriptor.
        box
            Where; it begins with a chunk, and ends with one or where the dataset does.
        values
            Of the shape of the box.

        Raises
        ------
        OSError
            If the disk is full, for one.
        ValueError
            If the box does not begin with a chunk.
        """
        if any(s.start % c for s, c in zip(box, self.chunk_shape, strict=True)):
            raise ValueError(f"the box {box} does not begin with a chunk of {self.chunk_shape}")
        cx, cy, cz = self.chunk_shape
        first = [s.start // c for s, c in zip(box, self.chunk_shape, strict=True)]
        for chunk in self._chunks(box):
            i, j, k = (number - start for number, start in zip(chunk, first, strict=True))
            part = values[i * cx : (i + 1) * cx, j * cy : (j + 1) * cy, k * cz : (k + 1) * cz]
            padded = np.zeros(self.chunk_shape, dtype=self.dtype)
            padded[*map(slice, part.shape)] = rounded(part, self.dtype)
            write_all(file, padded, self.place(*chunk))
            if self.sums_offset is not None:
                place = self.sums_offset + 4 * self._number(*chunk)
                write_all(file, np.array([sum_of(padded)], dtype="u4"), place)


def rounded(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Round to a type that is stored, as NumPy does, but half precision several times as fast."""
    single = values.astype(np.float32, copy=False)
    if dtype == np.float16 and values.size and single.min() >= 0.0 and single.max() < _HALF_LIMIT:
        return _half(single)
    return values.astype(dtype, copy=False)


def _half(values: np.ndarray) -> np.ndarray:
    """Round float32 values from 0 to below 65520 to half precision, ties to even.

    Above 2⁻¹⁴ by integers: half of the last bit that is kept is added, one less where that bit is
    even, and the exponent's bias changed. Below, where half precision has steps of 2⁻²⁴, as
    single precision has from 0.5 to 1: 0.5 is added, and the processor rounds.
    """
    bits = values.view(np.uint32)
    normal = bits >> 13
    normal &= 1
    normal += bits
    normal += 0x0FFF
    normal >>= 13
    normal -= 112 << 10
    small = (values + np.float32(0.5)).view(np.uint32)
    small -= 0x3F000000
    np.copyto(normal, small, where=bits < 0x38800000)
    return normal.astype(np.uint16).view(np.float16)


def write_all(file: int, array: np.ndarray, offset: int) -> None:
    """Write the bytes of a contiguous array to a place in a file."""
    rest = array.data.cast("B")
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
