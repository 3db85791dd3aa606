"""What an interrupted reduction goes on from: a file to which each store adds what has changed.

Its first line says what is reduced. Records follow: their length in eight bytes, then a NumPy
archive that holds, for each array of the `Reduction`, the columns that have changed and what they
hold now; of an array with several axes, a column is a place along all but the first. A block
changes the sums of the atoms in and near it alone: each atom is written a few times in all, however
often is stored.
"""

import logging
import os
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np

from rhocast.density.reduction import Reduction
from rhocast.files import explaining
from rhocast.grid import Mesh

log = logging.getLogger(__name__)

#: What an atom takes in a record: its number and two sums.
BYTES_PER_ATOM = 12

_LENGTH_BYTES = 8


class ReductionState:
    """The file beside a reduction; on rank 0 alone.

    Parameters
    ----------
    path
        The file. One of another prediction is removed.
    request
        Hash of what is predicted.
    reduction
        An empty one; it gets what an interrupted run of the same request has stored.
    """

    def __init__(self, path: Path, request: str, reduction: Reduction) -> None:
        self._path, self._arrays = path, reduction.arrays
        shapes = {name: array.shape for name, array in self._arrays.items()}
        self._identity = f"{request} {shapes}\n".encode("ascii")
        self._touched = [np.zeros(0, dtype=np.int32)]
        if path.exists():
            self._resume()
        self._stored = {n: array.copy() for n, array in self._arrays.items() if n != "atoms"}

    def touch(self, atoms: np.ndarray) -> None:
        """Note atoms, (m,) int32, whose sums a block has changed."""
        self._touched.append(atoms)

    def save(self) -> None:
        """Append what has changed since the last time; it is on the disk afterwards."""
        record: dict[str, Any] = {}
        for name, array in self._arrays.items():
            now = _columns(array)
            changed: np.ndarray
            if name == "atoms":  # no second copy of so many
                changed = np.unique(np.concatenate(self._touched))
            else:
                stored = _columns(self._stored[name])
                changed = np.flatnonzero((now != stored).any(axis=0))
                stored[:, changed] = now[:, changed]
            record |= {name: now[:, changed], _which(name): changed}
        del self._touched[1:]
        archive = BytesIO()
        np.savez_compressed(archive, **record)
        data = archive.getbuffer()
        with explaining(self._path), self._path.open("ab") as file:
            if file.tell() == 0:
                file.write(self._identity)
            file.write(len(data).to_bytes(_LENGTH_BYTES, "little"))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Remove the file, if it is there."""
        self._path.unlink(missing_ok=True)

    def _resume(self) -> None:
        """Take up what is stored, and cut off a record that a kill has torn."""
        size = self._path.stat().st_size
        with explaining(self._path), self._path.open("r+b") as file:
            if file.readline(len(self._identity)) != self._identity:
                log.info("%s: of another prediction, this one begins anew", self._path)
                self.remove()
                return
            whole = file.tell()
            while whole < size and (record := _read(file, size)) is not None:
                for name, array in self._arrays.items():
                    _columns(array)[:, record[_which(name)]] = record[name]
                whole = file.tell()
            if whole < size:
                log.warning("%s: its end is torn or damaged, and is left out", self._path)
                file.truncate(whole)
        log.info("%s: %d blocks are there", self._path, np.count_nonzero(self._arrays["finished"]))


def state_bytes(reduction: Reduction, between: int, mesh: Mesh, reach_bohr: float) -> int:
    """Estimate the size of the file in the end; 0 where nothing is stored so early.

    Parameters
    ----------
    reduction
        What is stored.
    between
        Blocks between two stores.
    mesh
        Its mesh.
    reach_bohr
        Distance from a block within which the sums of atoms change, Bohr.
    """
    if len(reduction.blocks) < between:
        return 0
    n_atoms = reduction.arrays["atoms"].shape[1]
    margins = 2.0 * reach_bohr * np.linalg.norm(np.linalg.inv(mesh.cell), axis=0)
    times, together = 1.0, float(between)  # blocks that follow each other fill a row along z first
    for axis in (2, 1, 0):
        count = reduction.blocks.counts[axis]
        own = min(count, max(1.0, together))
        side = own * reduction.blocks.block_shape[axis] / mesh.shape[axis]
        times *= min(count / own, 1.0 + margins[axis] / side)
        together /= count
    others = reduction.n_bytes - reduction.arrays["atoms"].nbytes
    return int(2 * others + times * BYTES_PER_ATOM * n_atoms)


def _columns(array: np.ndarray) -> np.ndarray:
    """Return an array with its places in one row, or in rows."""
    return array.reshape(1 if array.ndim == 1 else len(array), -1)


def _which(name: str) -> str:
    return f"{name}.columns"


def _read(file: BinaryIO, size: int) -> dict[str, np.ndarray] | None:
    """Read the next record of a file of a size; None if it is torn or damaged."""
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > size - file.tell():
        return None
    try:
        with np.load(BytesIO(file.read(length))) as archive:
            return {name: archive[name] for name in archive}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
