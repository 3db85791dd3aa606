"""Results say what determined them: the stamp that a file carries.

A stamp holds `Determinants` as JSON: in HDF5 an attribute, in extended XYZ a key of the record in
the comment line, in safetensors an entry of the header, in JSON a key, in a table the first line.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import h5py
from ase.io.extxyz import key_val_str_to_dict
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file

from rhocast.checksums import OF_ATTRIBUTES, seal_attributes
from rhocast.density.density import MESH_FIELDS
from rhocast.dynamics import Trajectory
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.hdf5 import open_hdf5, plain, reading
from rhocast.model.checkpoint import safetensors_bytes
from rhocast.structures import Structure
from rhocast.structures.structure_file import RECORD

#: The name of the stamp, wherever it stands.
STAMP = "determined_by"

Recorded = TypeVar("Recorded", Structure, Trajectory)

_TABLE = "# determined by "


def write_stamp(path: str | Path, determinants: dict[str, Any]) -> None:
    """Add a stamp to a finished file: HDF5, safetensors, JSON or a table.

    Extended XYZ gets it from its writer, as part of the record.
    """
    path = Path(path)
    text = json.dumps(determinants, ensure_ascii=False)
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file.attrs[STAMP] = text
            if OF_ATTRIBUTES in file.attrs:
                seal_attributes(file)
        return
    with replacing(path) as partial:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="numpy") as file:
                header = file.metadata() or {}
            partial.write_bytes(safetensors_bytes(load_file(path), {**header, STAMP: text}))
        elif path.suffix == ".json":
            content = json.loads(path.read_text(encoding="utf-8"))
            stamped = {**content, STAMP: determinants}
            partial.write_text(json.dumps(stamped, indent=2) + "\n", encoding="utf-8")
        else:
            table = path.read_text(encoding="utf-8")
            partial.write_text(f"{_TABLE}{text}\n{table}", encoding="utf-8")


def with_stamp(made: Recorded, determinants: dict[str, Any], **told: Any) -> Recorded:
    """Return a structure or trajectory whose record holds a stamp, and what else is to be told."""
    return replace(made, record={**made.record, **told, STAMP: determinants})


def read_record(path: str | Path) -> dict[str, Any] | None:
    """Return what a file says of how it was made, the stamp included; None if it is unreadable."""
    path = Path(path)
    try:
        if path.suffix == ".h5":
            return _of_hdf5(path)
        if path.suffix == ".extxyz":
            return _of_extxyz(path)
        if path.suffix == ".safetensors":
            with safe_open(path, framework="numpy") as file:
                return _decoded(file.metadata() or {})
        if path.suffix == ".json":
            return dict(json.loads(path.read_text(encoding="utf-8")))
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        return {STAMP: json.loads(first.removeprefix(_TABLE))} if _TABLE in first else {}
    except (OSError, ValueError, SafetensorError, FileFormatError):
        return None


def stamp_of(record: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the stamp in a record, or None if it carries none."""
    found = (record or {}).get(STAMP)
    return found if isinstance(found, dict) else None


def _of_hdf5(path: Path) -> dict[str, Any]:
    with (
        open_hdf5(path, "make it again", virtual=MESH_FIELDS) as file,
        reading(path, "make it again"),
    ):
        record = _decoded({key: plain(value) for key, value in file.attrs.items()})
    return {**record, **record.get(RECORD, {})}


def _of_extxyz(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8") as file:
        file.readline()
        info = key_val_str_to_dict(file.readline().strip())
    return dict(info.get(RECORD, {}))


def _decoded(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with those that are JSON objects decoded."""
    return {
        key: json.loads(value) if isinstance(value, str) and value.startswith("{") else value
        for key, value in attributes.items()
    }
