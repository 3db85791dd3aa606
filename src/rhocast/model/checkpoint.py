"""One safetensors file holds arrays and metadata; no pickle anywhere."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from rhocast.errors import ModelError
from rhocast.files import replacing

FORMAT_VERSION = 1
_KIND = "rhocast model"


def content_hash(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> str:
    """SHA-256 of the arrays and the metadata, whatever the layout of the file."""
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]  # torch, which wrote the first files, has its own names of types
        digest.update(f"{name} torch.{array.dtype} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def write_checkpoint(
    path: str | Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> None:
    """Write a model file, beside first and then renamed.

    Parameters
    ----------
    path
        Where to.
    arrays
        Weights and normalisation.
    metadata
        Anything that JSON can hold.
    """
    header = {
        "kind": _KIND,
        "format_version": str(FORMAT_VERSION),
        "metadata": json.dumps(metadata, sort_keys=True),
        "sha256": content_hash(arrays, metadata),
    }
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with replacing(path) as partial:  # save_file would leave a file that its owner alone can read
        partial.write_bytes(safetensors_bytes(contiguous, header))


def safetensors_bytes(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file, the same bytes for the same content.

    The library writes the entries of the metadata in a random order.
    """
    plain = save(dict(arrays))
    end = 8 + int.from_bytes(plain[:8], "little")
    header = {"__metadata__": dict(sorted(metadata.items())), **json.loads(plain[8:end])}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of 8 bytes
    return len(text).to_bytes(8, "little") + text + plain[end:]


def read_checkpoint(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays and the metadata of a model file.

    Raises
    ------
    ModelError
        If the file cannot be read, is truncated, damaged, of another format version or no Rhocast
        model.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            _check_header(path, header)
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path}: cannot be read as a model file ({error}); if it is truncated, copy it or "
            "train it again"
        ) from error
    try:
        metadata = json.loads(header["metadata"])
        intact = content_hash(arrays, metadata) == header["sha256"]
    except (KeyError, ValueError):  # damaged so that it is no JSON any more
        intact = False
    if not intact:
        raise ModelError(
            f"{path}: the content does not match its checksum; the file is damaged, copy it or "
            "train it again"
        )
    return arrays, metadata


def _check_header(path: str | Path, header: Mapping[str, str]) -> None:
    if header.get("kind") != _KIND:
        raise ModelError(
            f"{path}: no Rhocast model, its metadata hold {sorted(header) or 'nothing'}; expected "
            "a file written by `rhocast train` or `rhocast transfer`"
        )
    found = header.get("format_version")
    if found != str(FORMAT_VERSION):
        raise ModelError(
            f"{path}: model format {found}, this program reads {FORMAT_VERSION}; use the version "
            "of rhocast that wrote it, or train it again"
        )
