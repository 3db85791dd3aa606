"""The snapshot file: one Kohn-Sham single point, and the exchange format for densities.

HDF5; see `rhocast.fields.SNAPSHOT_FIELDS` for the arrays. Attributes: ``energy_Ha`` (free energy),
``n_electrons``, ``temperature_K`` (ions), ``kpoints``, and what the project adds:
``format_version``, ``status``, ``reason``, and everything in the record of the snapshot.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.checksums import (
    OF_ATTRIBUTES,
    check_attributes,
    read_checked,
    seal_attributes,
    sha256_of,
)
from rhocast.density.density import Density
from rhocast.density.snapshot import Snapshot
from rhocast.errors import ConfigError, FileFormatError, StructureError
from rhocast.fields import SNAPSHOT_FIELDS, check_shapes
from rhocast.files import replacing
from rhocast.hdf5 import open_hdf5, plain, reading
from rhocast.structures import Structure

FORMAT_VERSION = 1
REMEDY = "run the rule that makes it again"


def write_snapshot(path: str | Path, snapshot: Snapshot) -> None:
    """Write a snapshot file with a checksum of every dataset, beside first and then renamed."""
    with replacing(path) as partial:
        _write(partial, snapshot)


def _write(path: Path, snapshot: Snapshot) -> None:
    arrays = {
        "density": snapshot.density,
        "positions": snapshot.structure.positions,
        "cell": snapshot.structure.cell,
        "numbers": snapshot.structure.numbers,
        "forces": snapshot.forces,
    }
    check_shapes(arrays, SNAPSHOT_FIELDS, str(path))
    with h5py.File(path, "w", libver="v110") as file:
        for name, array in arrays.items():
            entry = SNAPSHOT_FIELDS[name]
            data = np.ascontiguousarray(array, dtype=entry.dtype)
            dataset = file.create_dataset(name, data=data)
            dataset.attrs["unit"] = entry.unit
            dataset.attrs["sha256"] = sha256_of(data)
        file.attrs.update(snapshot.record)
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["energy_Ha"] = snapshot.energy_ha
        file.attrs["n_electrons"] = snapshot.n_electrons
        file.attrs["temperature_K"] = snapshot.temperature_K
        file.attrs["kpoints"] = snapshot.kpoints
        file.attrs["status"] = snapshot.status
        file.attrs["reason"] = snapshot.reason
        seal_attributes(file)


def read(path: Path) -> Snapshot:
    """Read a snapshot as a density: NumPy's NaN and infinity are refused by whoever reads."""
    return read_snapshot(path)


def write(path: Path, density: Density, field: str) -> None:
    """Write a snapshot to ``path``, which is renamed afterwards.

    Raises
    ------
    ConfigError
        If the density is none: ``rhocast import`` makes snapshots.
    """
    if not isinstance(density, Snapshot) or field != "density":
        raise ConfigError(
            f"{path}: a snapshot holds a DFT density with its electrons and temperature, which "
            "this density lacks; make one with `rhocast import`"
        )
    _write(path, density)


def read_snapshot(path: str | Path) -> Snapshot:
    """Read a snapshot file and check what it holds.

    Files without ``status`` or checksums (written by other programs) are taken as accepted.

    Raises
    ------
    FileFormatError
        If the file is missing, truncated, corrupt, of a newer format or lacks an array.
    """
    path = Path(path)
    with open_hdf5(path, REMEDY) as file, reading(path, REMEDY):
        missing = [name for name in SNAPSHOT_FIELDS if name not in file]
        if missing:
            raise FileFormatError(
                f"{path}: no snapshot file, it lacks {', '.join(missing)}; found "
                f"{sorted(file) or 'nothing'}"
            )
        check_attributes(path, file, REMEDY)
        arrays = read_checked(path, file, SNAPSHOT_FIELDS, REMEDY)
        units = {name: file[name].attrs.get("unit") for name in SNAPSHOT_FIELDS}
        attributes = {key: plain(value) for key, value in file.attrs.items()}
        attributes.pop(OF_ATTRIBUTES, None)
        _check_units(path, units)
        _check(path, arrays, attributes)
        return _assemble(path, arrays, attributes)


def _check_units(path: Path, units: Mapping[str, Any]) -> None:
    """Refuse arrays that say that they are of another unit; those that say nothing are ours."""
    for name, found in units.items():
        expected = SNAPSHOT_FIELDS[name].unit
        if found is not None and plain(found) != expected:
            raise FileFormatError(
                f"{path}: {name} is in {plain(found)}, expected {expected}; convert it"
            )


def _check(
    path: Path,
    arrays: dict[str, np.ndarray],
    attributes: dict[str, Any],
) -> None:
    version = attributes.get("format_version", 0)
    if version > FORMAT_VERSION:
        raise FileFormatError(
            f"{path}: snapshot format {version}, this program reads up to {FORMAT_VERSION}; "
            "upgrade rhocast"
        )
    check_shapes(arrays, SNAPSHOT_FIELDS, str(path))
    for name in ("energy_Ha", "n_electrons", "temperature_K"):
        if name not in attributes:
            raise FileFormatError(f"{path}: attribute {name} is missing")
    if (
        attributes.get("status", "accepted") == "accepted"
        and not np.isfinite(arrays["density"]).all()
    ):
        raise FileFormatError(f"{path}: the density holds NaN or infinity")


def _assemble(path: Path, arrays: dict[str, np.ndarray], attributes: dict[str, Any]) -> Snapshot:
    try:
        structure = Structure(arrays["positions"], arrays["cell"], arrays["numbers"])
    except StructureError as error:
        raise FileFormatError(f"{path}: {error}") from None
    own = ("energy_Ha", "n_electrons", "temperature_K", "kpoints", "status", "reason")
    return Snapshot(
        structure=structure,
        density=arrays["density"].astype(np.float32, copy=False),
        source=str(path),
        forces=arrays["forces"],
        energy_ha=float(attributes["energy_Ha"]),
        n_electrons=float(attributes["n_electrons"]),
        temperature_K=float(attributes["temperature_K"]),
        kpoints=str(attributes.get("kpoints", "unknown")),
        status=str(attributes.get("status", "accepted")),
        reason=str(attributes.get("reason", "")),
        record={key: value for key, value in attributes.items() if key not in own},
    )
