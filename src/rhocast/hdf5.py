"""HDF5 files opened with care: faults are reported by name, and nothing is read from elsewhere."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.errors import FileFormatError

#: What h5py and readers of JSON raise about damaged metadata.
_FAULTS = (OSError, KeyError, RuntimeError, ValueError, TypeError, OverflowError, IndexError)

#: Deflate packs no data by more; bytes that matter to nobody.
_MOST_PACKED, _SMALL = 1100, 10_000_000


def open_hdf5(path: Path, remedy: str, virtual: Collection[str] = ()) -> h5py.File:
    """Open a file for reading.

    Parameters
    ----------
    path
        The file.
    remedy
        What messages end with, such as ``predict it again``.
    virtual
        Names of the datasets that may refer to other files; the caller checks to which.

    Raises
    ------
    FileFormatError
        If it is missing, locked, truncated or damaged, or refers to other files.
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise FileFormatError(f"{path}: no such file; {remedy}") from None
    except OSError as error:
        raise FileFormatError(f"{path}: {_reason(error, remedy)}") from error
    try:
        with reading(path, remedy):
            _check_inside(path, file, virtual)
    except FileFormatError:
        file.close()
        raise
    return file


@contextmanager
def reading(path: Path, remedy: str) -> Iterator[None]:
    """Turn what damaged metadata raises into FileFormatError."""
    try:
        yield
    except _FAULTS as error:
        raise FileFormatError(
            f"{path}: cannot be read ({type(error).__name__}: {error}); the file is damaged or of "
            f"other contents: {remedy}"
        ) from error


def plain(value: Any) -> Any:
    """Turn what h5py returns for an attribute into plain Python; one number in an array is one."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.size == 1:
        return plain(value.reshape(-1)[0])
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _reason(error: OSError, remedy: str) -> str:
    text = str(error)
    if "unable to lock file" in text:
        return (
            f"cannot be locked ({text}); another process writes it, wait until it has ended; if "
            "the file system knows no locks, set HDF5_USE_FILE_LOCKING=FALSE"
        )
    if "truncated file" in text:
        return f"cannot be read as HDF5, it is truncated ({text}); remove it and {remedy}"
    return f"cannot be read as HDF5 ({text}); if nothing else is wrong with the file, {remedy}"


def _check_inside(path: Path, file: h5py.File, virtual: Collection[str]) -> None:
    """Refuse links to other files and datasets whose numbers lie in them, in any group."""
    for name, link, item in _members(file):
        if isinstance(link, h5py.ExternalLink):
            raise FileFormatError(
                f"{path}: {name} is a link to the file {link.filename}, expected the data in this "
                "file; copy them into it"
            )
        if not isinstance(item, h5py.Dataset):
            continue
        if item.external or (item.is_virtual and name not in virtual):
            raise FileFormatError(
                f"{path}: the numbers of {name} lie in another file, expected them in this one; "
                "copy them into it"
            )
        announced, held = item.nbytes, item.id.get_storage_size()
        if not item.is_virtual and announced > _MOST_PACKED * held + _SMALL:
            raise FileFormatError(
                f"{path}: {name} announces {announced / 1e6:.3g} MB and holds {held / 1e6:.3g} MB; "
                "the file is damaged or was never written to its end"
            )


def _members(file: h5py.File) -> Iterator[tuple[str, Any, Any]]:
    """Yield path, link and, of hard links, what is there: of all groups, each once."""
    pending: list[tuple[str, h5py.Group]] = [("", file)]
    seen = {h5py.h5o.get_info(file.id).addr}
    while pending:
        prefix, group = pending.pop()
        for name in group:
            link = group.get(name, getlink=True)
            item = group[name] if isinstance(link, h5py.HardLink) else None
            yield prefix + name, link, item
            if isinstance(item, h5py.Group):
                place = h5py.h5o.get_info(item.id).addr
                if place not in seen:
                    pending.append((f"{prefix}{name}/", item))
                seen.add(place)
