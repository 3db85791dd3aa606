"""Fields whose chunks are verified when they are read, past HDF5.

HDF5 only tells where the chunks lie. Each is read, summed up while it is in the processor's cache,
and copied to where it belongs: by `src/native/chunks.cpp`, or by NumPy where the package was
installed without a compiler. `benchmarks/reading.py` compares the time with that of HDF5 alone.
"""

import importlib
import logging
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.checksums import GROUP, counts_of, damaged, places_of_chunks, read_chunk, sum_of
from rhocast.errors import FileFormatError

log = logging.getLogger(__name__)


def native() -> Any:
    """Return the extension module; None where it was not built."""
    try:
        return importlib.import_module("rhocast._chunks")
    except ImportError:
        return None


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
            log.info("%s: %s has no checksums, damage to it cannot be detected", path, name)
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
        if values.size:
            self._read_into(values, sides)
        whole = [slice(None) if isinstance(s, slice) else 0 for s in given]
        return values[tuple(whole)]

    def verify(self) -> None:
        """Read and verify all chunks."""
        if self._sums is not None:
            sides = zip(self._dataset.shape, self._dataset.chunks, strict=True)
            for corner in product(*(range(0, n, c) for n, c in sides)):
                self[tuple(slice(i, i + 1) for i in corner)]

    @cached_property
    def _places(self) -> np.ndarray:
        return places_of_chunks(self._dataset)

    def _read_into(self, values: np.ndarray, sides: list[range]) -> None:
        """Read the chunks that a box touches and copy what the box takes of each."""
        compiled = native() if values.ndim == 3 else None
        try:
            if compiled is None:
                intact = self._read_by_numpy(values, sides)
            else:
                start = tuple(side.start for side in sides)
                out = values.view(np.uint8)
                intact = compiled.read_box(
                    self._file, self._places, self._sums, self._dataset.chunks,
                    values.itemsize, start, out,
                )  # fmt: skip
        except (OSError, RuntimeError, ValueError) as error:
            raise FileFormatError(
                f"{self._path}: {self._name} cannot be read ({error}); {self._remedy}"
            ) from error
        if not intact:
            raise damaged(self._path, self._name, self._remedy)

    def _read_by_numpy(self, values: np.ndarray, sides: list[range]) -> bool:
        """Do as ``read_box`` in `src/native/chunks.cpp`."""
        assert self._sums is not None
        chunk = np.empty(self._dataset.chunks, dtype=self._dataset.dtype)
        axes = (_cuts(side, c) for side, c in zip(sides, chunk.shape, strict=True))
        for parts in product(*axes):
            number, inside, target = zip(*parts, strict=True)
            read_chunk(self._file, int(self._places[number]), chunk)
            if sum_of(chunk) != self._sums[number]:
                return False
            values[target] = chunk[inside]
        return True


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
