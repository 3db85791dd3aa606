"""Writing the fields of a density-field file from several ranks or threads, each its own boxes.

HDF5 writes the file once, with all but its fields and a place for every number of those. Boxes are
then written to their byte ranges, past HDF5.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.checksums import create_sums, seal_attributes
from rhocast.density.chunks import ChunkedArray, preallocate
from rhocast.density.density import MESH_FIELDS
from rhocast.density.formats.field import chunks_of, describe
from rhocast.errors import ParallelError
from rhocast.fields import DENSITY_FIELDS
from rhocast.files import replacing
from rhocast.structures import Structure


@contextmanager
def allocate_density(
    path: str | Path,
    structure: Structure,
    record: Mapping[str, Any],
    shape: tuple[int, int, int],
    fields: Iterable[str],
) -> Iterator[Path]:
    """Create a density-field file with a place for every number, for `FieldWriter`.

    It gets its name when the block ends well.

    Parameters
    ----------
    path, structure, record
        As in `create_density`.
    shape
        Of the mesh.
    fields
        Names of the arrays over it.

    Yields
    ------
    Path
        Where it is until then.

    Raises
    ------
    ParallelError
        If the disk is too small.
    """
    with replacing(path) as partial:
        with h5py.File(partial, "w", libver="v110") as file:
            describe(file, structure, record)
            for name in fields:
                entry = DENSITY_FIELDS[name]
                preallocate(file, name, shape, entry.dtype, chunks_of(shape))
                file[name].attrs["unit"] = entry.unit
                create_sums(file, name)
            file.attrs["mesh_shape"] = shape
            seal_attributes(file)
        with _explaining_failure(partial), partial.open("r+b") as raw:
            os.posix_fallocate(raw.fileno(), 0, partial.stat().st_size)
        yield partial


class FieldWriter:
    """Writes to a file of `allocate_density`, past HDF5: on any rank, on any thread.

    Parameters
    ----------
    path
        Where the file is.

    Raises
    ------
    ParallelError
        Also later on: if the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with h5py.File(path, "r", locking=False) as file:
            names = [name for name in MESH_FIELDS if name in file]
            self._arrays = {name: ChunkedArray.of(file[name]) for name in names}
        with _explaining_failure(path):
            self._file = os.open(path, os.O_WRONLY)

    def __enter__(self) -> "FieldWriter":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def write(self, name: str, box: tuple[slice, slice, slice], values: np.ndarray) -> None:
        """Write whole chunks of a field, as `ChunkedArray.write` does."""
        with _explaining_failure(self._path):
            self._arrays[name].write(self._file, box, values)


@contextmanager
def _explaining_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ParallelError(
            f"{path}: cannot be written ({error.strerror or error}); make room on the disk, or "
            "whatever is needed, and run the same command again"
        ) from error
