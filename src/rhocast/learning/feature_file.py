"""The feature file: sampled mesh points of a dataset, the only thing that training sees.

HDF5; see `rhocast.fields.FEATURE_FIELDS` and, where there is a baseline to fit, `BASELINE_FIELDS`
for the arrays. The baseline is not fitted here but where the file is used: on those snapshots that
are trained on, or, in a transfer, not at all. Attributes: ``format_version``, ``descriptor``,
``baseline``, ``valence``, ``records`` and ``provenance`` (JSON).
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
from rhocast.fields import BASELINE_FIELDS, FEATURE_FIELDS, Field, check_shapes
from rhocast.files import replacing

FORMAT_VERSION = 2
_FIELDS = FEATURE_FIELDS | BASELINE_FIELDS
_ATTRIBUTES = ("descriptor", "baseline", "valence", "records", "provenance")


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
class BaselineData:
    """What a feature file holds for the baseline; see `rhocast.learning.baseline`.

    Attributes
    ----------
    parameters
        Of the pseudo-atoms.
    sums : (p, b) float32 array
        Radial functions summed over the atoms.
    matrix : (m, b, b) float64 array
    vector : (m, b) float64 array
        Normal equations of every snapshot.
    """

    parameters: config.Baseline
    sums: np.ndarray
    matrix: np.ndarray
    vector: np.ndarray


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
    baseline
        What the baseline is fitted to and computed from; None without one.
    """

    features: np.ndarray
    target: np.ndarray
    snapshot: np.ndarray
    records: tuple[SnapshotRecord, ...]
    descriptor: config.Descriptor
    valence: dict[str, float]
    provenance: dict[str, Any]
    sha256: str
    baseline: BaselineData | None = None

    def __len__(self) -> int:
        return len(self.target)

    def subset(self, rows: np.ndarray) -> "FeatureSet":
        """Return the given points."""
        baseline = self.baseline and replace(self.baseline, sums=self.baseline.sums[rows])
        return replace(
            self,
            features=self.features[rows],
            target=self.target[rows],
            snapshot=self.snapshot[rows],
            baseline=baseline,
        )


class FeatureWriter:
    """Fills a feature file snapshot by snapshot; see `create_features`."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._records: list[SnapshotRecord] = []

    def append(
        self,
        record: SnapshotRecord,
        features: np.ndarray,
        target: np.ndarray,
        **baseline: np.ndarray,
    ) -> None:
        """Add points of one snapshot.

        Parameters
        ----------
        record
            The snapshot.
        features : (p, d) array
        target : (p,) array
        **baseline
            Its share of `rhocast.fields.BASELINE_FIELDS`, for all snapshots or for none.
        """
        arrays = {"features": features, "target": target}
        arrays["snapshot"] = np.full(len(target), len(self._records))
        for name, rows in (arrays | baseline).items():
            dataset = self._dataset(_FIELDS[name], rows.shape[1:])
            dataset.resize(len(dataset) + len(rows), axis=0)
            dataset[len(dataset) - len(rows) :] = rows
        self._records.append(record)

    def _dataset(self, field: Field, width: tuple[int, ...]) -> h5py.Dataset:
        """Return a dataset that can grow; the first time, make it."""
        if field.name not in self._file:
            rows = 4096 if field.shape[0] == "p" else 1
            dataset = self._file.create_dataset(
                field.name,
                shape=(0, *width),
                maxshape=(None, *width),
                chunks=(rows, *width),
                dtype=field.dtype,
            )
            dataset.attrs["unit"] = field.unit
        return self._file[field.name]

    def describe(
        self,
        descriptor: config.Descriptor,
        baseline: config.Baseline | None,
        valence: Mapping[str, float],
        provenance: Mapping[str, Any],
    ) -> None:
        """Write what the points are and where they come from; without it the file is no good."""
        self._file.attrs["format_version"] = FORMAT_VERSION
        self._file.attrs["descriptor"] = descriptor.model_dump_json()
        self._file.attrs["baseline"] = baseline.model_dump_json() if baseline else "null"
        self._file.attrs["valence"] = json.dumps(dict(valence))
        self._file.attrs["records"] = json.dumps([asdict(record) for record in self._records])
        self._file.attrs["provenance"] = json.dumps(dict(provenance))


@contextmanager
def create_features(path: str | Path) -> Iterator[FeatureWriter]:
    """Write a feature file, beside ``path`` until the block has ended well."""
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        yield FeatureWriter(file)


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
    check_shapes(arrays, _FIELDS, str(path))
    records = tuple(SnapshotRecord(**entry) for entry in json.loads(attributes["records"]))
    for name in arrays.keys() & {"features", "target", "baseline_sums"}:
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
        descriptor=config.parse_descriptor(json.loads(attributes["descriptor"])),
        valence=json.loads(attributes["valence"]),
        provenance=json.loads(attributes["provenance"]),
        sha256=file_sha256(path),
        baseline=_baseline(arrays, attributes),
    )


def _baseline(
    arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> BaselineData | None:
    parameters = json.loads(attributes["baseline"])
    if parameters is None:
        return None
    sums, matrix, vector = (arrays[name] for name in BASELINE_FIELDS)
    return BaselineData(config.Baseline.model_validate(parameters), sums, matrix, vector)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _contents(path: Path, file: h5py.File) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    found = file.attrs.get("format_version", FORMAT_VERSION)
    if "features" in file and found != FORMAT_VERSION:
        raise FileFormatError(
            f"{path}: feature format {found}, this program reads {FORMAT_VERSION}; run `features` "
            "again"
        )
    missing = [name for name in FEATURE_FIELDS if name not in file]
    missing += [name for name in _ATTRIBUTES if name not in file.attrs]
    if missing:
        raise FileFormatError(
            f"{path}: no feature file, it lacks {', '.join(missing)}; run `features` again"
        )
    arrays = {name: file[name][()] for name in _FIELDS if name in file}
    return arrays, {key: file.attrs[key] for key in _ATTRIBUTES}
