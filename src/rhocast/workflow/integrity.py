"""Whether files are whole: structure and checksums of every kind of file that a campaign holds."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from rhocast.density import reduction
from rhocast.density.formats.field import KIND as FIELD
from rhocast.density.formats.field import open_field
from rhocast.density.formats.snapshot import read_snapshot
from rhocast.dynamics import read_trajectory
from rhocast.errors import FileFormatError, RhocastError
from rhocast.fields import DENSITY_FIELDS
from rhocast.hdf5 import open_hdf5, plain, reading
from rhocast.inference.shards import KIND as SHARD
from rhocast.inference.shards import Shard
from rhocast.learning.feature_file import read_features
from rhocast.model import DensityModel
from rhocast.structures import read_structure

#: Suffixes of the files that can be verified. Tables and pictures carry no checksums; what an
#: interrupted run has left is verified by the run that goes on with it.
SUFFIXES = (".h5", ".hdf5", ".extxyz", ".safetensors", ".json")


def files_in(paths: Iterable[Path]) -> list[Path]:
    """Return files as they are and, for folders, those below that can be verified, in order.

    Raises
    ------
    FileFormatError
        If there is no such path, or a file is of no kind that can be verified.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix in SUFFIXES and _own(p, path))
        elif not path.exists():
            raise FileFormatError(f"{path}: no such file or folder")
        elif path.suffix not in SUFFIXES:
            raise FileFormatError(
                f"{path}: expected a file named {', '.join(SUFFIXES)}, others carry no checksums"
            )
        else:
            found.append(path)
    return found


def faults_in(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each file with what is wrong with it, in a sentence; empty if it is whole."""
    for path in paths:
        try:
            _verify(path)
        except RhocastError as error:
            yield path, str(error)
        else:
            yield path, ""


def _own(path: Path, folder: Path) -> bool:
    """Say whether a file is a result: not hidden, and not in the folder of a run."""
    parts = path.relative_to(folder).parts
    return path.is_file() and not any(p.startswith(".") or p.endswith(".work") for p in parts)


def _verify(path: Path) -> None:
    """Read a file whole; RhocastError if it is damaged."""
    if path.suffix in (".h5", ".hdf5"):
        _verify_hdf5(path)
    elif path.suffix == ".safetensors":
        DensityModel.load(path)
    elif path.suffix == ".json":
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise FileFormatError(f"{path}: no JSON ({error})") from error
    elif path.stem == "trajectory":
        read_trajectory(path)
    else:
        read_structure(path)


def _verify_hdf5(path: Path) -> None:
    with (
        open_hdf5(path, "make it again", virtual=DENSITY_FIELDS) as file,
        reading(path, "make it again"),
    ):
        kind, names = plain(file.attrs.get("kind")), set(file)
    if kind == FIELD:
        with open_field(path) as field:
            field.structure.check_distances(str(path))
            for name in field.fields:
                for _ in field.layers(name):
                    pass
    elif kind == SHARD:
        with Shard(path) as shard:
            for values in shard.fields.values():
                values.verify()
            if shard.header.shard == 0:
                shard.structure.check_distances(str(path))
    elif kind == reduction.KIND:
        reduction.read_reduction(path)
    elif "features" in names:
        read_features(path)
    elif "density" in names:
        read_snapshot(path)
    else:
        read_structure(path)
