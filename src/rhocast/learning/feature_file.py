"""The feature file: sampled mesh points of a dataset, the only thing that training sees.

HDF5; see `rhocast.fields.FEATURE_FIELDS` for the arrays. Attributes: ``format_version``,
``descriptor``, ``valence``, ``records`` and ``provenance`` (JSON).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast import config
from rhocast.errors import FileFormatError
from rhocast.fields import FEATURE_FIELDS, check_shapes
from rhocast.files import replacing

FORMAT_VERSION = 1
_ATTRIBUTES = ("descriptor", "valence", "records", "provenance")


@dataclass(frozen=True)
class SnapshotRecord:
    """What a feature file remembers of a snapshot.

    Attributes
    ----------
    source
        The file with the two folders it lies in, so that moving a project changes nothing.
    group
        Trajectory that it comes from.
    temperature_K
        Of the ions.
    formula
        Such as ``Al32``.
    n_atoms
        Atoms in the cell.
    volume_per_atom_bohr3
        Bohr³.
    sha256
        Of the file.
    """

    source: str
    group: str
    temperature_K: float
    formula: str
    n_atoms: int
    volume_per_atom_bohr3: float
    sha256: str


@dataclass(frozen=True)
class FeatureSet:
    """What a feature file holds.

    Attributes
    ----------
    features : (p, d) float32 array
    target : (p,) float32 array
        e/Bohr³.
    snapshot : (p,) int32 array
        Index into ``records``.
    records
        Where the points come from.
    descriptor
        What the features are.
    valence
        Valence electrons by chemical symbol, in the order of the descriptor's blocks.
    provenance
        How the densities were computed; the same for all snapshots.
    sha256
        Of the file.
    """

    features: np.ndarray
    target: np.ndarray
    snapshot: np.ndarray
    records: tuple[SnapshotRecord, ...]
    descriptor: config.Descriptor
    valence: dict[str, float]
    provenance: dict[str, Any]
    sha256: str

    def __len__(self) -> int:
        return len(self.target)

    def subset(self, rows: np.ndarray) -> "FeatureSet":
        """Return the given points."""
        return replace(
            self,
            features=self.features[rows],
            target=self.target[rows],
            snapshot=self.snapshot[rows],
        )


class FeatureWriter:
    """Fills a feature file snapshot by snapshot; see `create_features`."""

    def __init__(self, file: h5py.File, n_features: int) -> None:
        self._file = file
        self._records: list[SnapshotRecord] = []
        for name, width in {"features": (n_features,), "target": (), "snapshot": ()}.items():
            dataset = file.create_dataset(
                name,
                shape=(0, *width),
                maxshape=(None, *width),
                chunks=(4096, *width),
                dtype=FEATURE_FIELDS[name].dtype,
            )
            dataset.attrs["unit"] = FEATURE_FIELDS[name].unit

    def append(self, record: SnapshotRecord, features: np.ndarray, target: np.ndarray) -> None:
        """Add points of one snapshot: features (p, d) and target (p,)."""
        index = np.full(len(target), len(self._records))
        for name, rows in {"features": features, "target": target, "snapshot": index}.items():
            dataset = self._file[name]
            dataset.resize(len(dataset) + len(rows), axis=0)
            dataset[len(dataset) - len(rows) :] = rows
        self._records.append(record)

    def describe(
        self,
        descriptor: config.Descriptor,
        valence: Mapping[str, float],
        provenance: Mapping[str, Any],
    ) -> None:
        """Write what the points are and where they come from; without it the file is no good."""
        self._file.attrs["format_version"] = FORMAT_VERSION
        self._file.attrs["descriptor"] = descriptor.model_dump_json()
        self._file.attrs["valence"] = json.dumps(dict(valence))
        self._file.attrs["records"] = json.dumps([asdict(record) for record in self._records])
        self._file.attrs["provenance"] = json.dumps(dict(provenance))


@contextmanager
def create_features(path: str | Path, n_features: int) -> Iterator[FeatureWriter]:
    """Write a feature file, beside ``path`` until the block has ended well.

    Parameters
    ----------
    path
        The feature file.
    n_features
        Length d of the feature vector.
    """
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        yield FeatureWriter(file, n_features)


def read_features(path: str | Path) -> FeatureSet:
    """Read a feature file.

    Raises
    ------
    FileFormatError
        If the file is missing, truncated, of another format or holds NaN.
    """
    path = Path(path)
    try:
        with h5py.File(path, "r") as file:
            arrays, attributes = _contents(path, file)
    except FileNotFoundError:
        raise FileFormatError(f"{path}: no such file; `rhocast features` writes one") from None
    except OSError as error:
        raise FileFormatError(
            f"{path}: cannot be read as HDF5 ({error}); remove it and run `features` again"
        ) from error
    check_shapes(arrays, FEATURE_FIELDS, str(path))
    records = tuple(SnapshotRecord(**entry) for entry in json.loads(attributes["records"]))
    for name in ("features", "target"):
        bad = np.flatnonzero(~np.isfinite(arrays[name].reshape(len(arrays[name]), -1)).all(axis=1))
        if len(bad):
            source = records[arrays["snapshot"][bad[0]]].source
            raise FileFormatError(
                f"{path}: {name} holds NaN or infinity at point {bad[0]}, which comes from "
                f"{source}; remove that snapshot or compute it again"
            )
    return FeatureSet(
        features=arrays["features"],
        target=arrays["target"],
        snapshot=arrays["snapshot"],
        records=records,
        descriptor=config.Descriptor.model_validate_json(attributes["descriptor"]),
        valence=json.loads(attributes["valence"]),
        provenance=json.loads(attributes["provenance"]),
        sha256=file_sha256(path),
    )


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _contents(path: Path, file: h5py.File) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    missing = [name for name in FEATURE_FIELDS if name not in file]
    missing += [name for name in _ATTRIBUTES if name not in file.attrs]
    if missing:
        raise FileFormatError(
            f"{path}: no feature file, it lacks {', '.join(missing)}; run `features` again"
        )
    found = file.attrs.get("format_version")
    if found != FORMAT_VERSION:
        raise FileFormatError(
            f"{path}: feature format {found}, this program reads {FORMAT_VERSION}; run `features` "
            "again"
        )
    arrays = {name: file[name][()] for name in FEATURE_FIELDS}
    return arrays, {key: file.attrs[key] for key in _ATTRIBUTES}
