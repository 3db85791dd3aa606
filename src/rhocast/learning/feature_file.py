"""The feature file: sampled mesh points of a dataset, which are the input of the training.

HDF5; see `rhocast.fields.FEATURE_FIELDS` and, where there is a baseline to fit, `BASELINE_FIELDS`
for the arrays. Those that are long and wide are mapped into memory and read where they are needed:
a dataset may be larger than the machine. The baseline is not fitted here but where the file is
used: on those snapshots that are trained on, or, in a transfer, not at all. Attributes:
``format_version``, ``descriptor``, ``baseline``, ``valence``, ``records`` and ``provenance``
(JSON).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast import config
from rhocast.checksums import check_array, check_attributes
from rhocast.errors import FileFormatError
from rhocast.fields import BASELINE_FIELDS, FEATURE_FIELDS, check_shapes
from rhocast.hdf5 import open_hdf5, plain, reading

#: Points that are looked through at a time.
_BLOCK = 65_536

FORMAT_VERSION = 4
REMEDY = "run `rhocast features` again"
FIELDS = FEATURE_FIELDS | BASELINE_FIELDS
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
    kpoints
        Mesh and shift, such as ``3 3 3 shift 0 0 0``; empty in files of earlier versions, and where
        another program has not told.
    kpoint_spacing_per_bohr
        Distance of the k-points along each reciprocal vector, 2π included; empty likewise.
    closest_bohr
        Distance of the closest atoms, by pair of elements; empty in files of earlier versions.
    """

    source: str
    group: str
    temperature_K: float
    formula: str
    n_atoms: int
    volume_per_atom_bohr3: float
    sha256: str
    kpoints: str = ""
    kpoint_spacing_per_bohr: tuple[float, ...] = ()
    closest_bohr: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BaselineData:
    """What a feature file holds for the baseline; see `rhocast.learning.baseline`.

    Attributes
    ----------
    parameters
        Of the pseudo-atoms.
    sums : (p, b) float32 array
        What the coefficients multiply at every point; mapped from the file.
    """

    parameters: config.Baseline
    sums: np.ndarray


@dataclass(frozen=True)
class FeatureSet:
    """What a feature file holds.

    Attributes
    ----------
    features : (p, d) float32 array
        Mapped from the file.
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
    path
        The file.
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
    path: Path
    baseline: BaselineData | None = None

    def __len__(self) -> int:
        return len(self.target)

    def source(self, row: int) -> str:
        """Return the snapshot file that a point comes from."""
        return self.records[self.snapshot[row]].source

    def of_snapshots(self, numbers: Sequence[int]) -> "FeatureSet":
        """Return the points of some snapshots, as a dataset of its own."""
        rows = np.flatnonzero(np.isin(self.snapshot, numbers))
        renumbered = np.full(len(self.records), -1, dtype=self.snapshot.dtype)
        renumbered[np.sort(numbers)] = np.arange(len(numbers))
        baseline = self.baseline and replace(self.baseline, sums=self.baseline.sums[rows])
        return replace(
            self,
            features=self.features[rows],
            target=self.target[rows],
            snapshot=renumbered[self.snapshot[rows]],
            records=tuple(self.records[number] for number in np.sort(numbers)),
            baseline=baseline,
        )


def read_features(path: str | Path) -> FeatureSet:
    """Open a feature file: look through it once, and leave the features where they are.

    The file has to stay as it is for as long as the set is used.

    Raises
    ------
    FileFormatError
        If the file is missing, truncated, of another format or holds NaN.
    """
    path = Path(path)
    with open_hdf5(path, REMEDY) as file, reading(path, REMEDY):
        arrays, attributes = _contents(path, file)
        return _assemble(path, arrays, attributes)


def _assemble(
    path: Path, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> FeatureSet:
    check_shapes(arrays, FIELDS, str(path))
    records = tuple(SnapshotRecord(**entry) for entry in json.loads(attributes["records"]))
    for name in arrays.keys() & {"features", "target", "baseline_sums"}:
        if (bad := _first_not_finite(arrays[name])) is not None:
            source = records[arrays["snapshot"][bad]].source
            raise FileFormatError(
                f"{path}: {name} holds NaN or infinity at point {bad}, which comes from "
                f"{source}; compute that snapshot again, or leave it out"
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
        path=path,
        baseline=_baseline(arrays, attributes),
    )


def _baseline(
    arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> BaselineData | None:
    parameters = json.loads(attributes["baseline"])
    if parameters is None:
        return None
    return BaselineData(config.Baseline.model_validate(parameters), arrays["baseline_sums"])


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _contents(path: Path, file: h5py.File) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    found = plain(file.attrs.get("format_version", FORMAT_VERSION))
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
    check_attributes(path, file, REMEDY)
    arrays = {name: _array(path, file[name]) for name in FIELDS if name in file}
    for name, array in arrays.items():
        check_array(path, file[name], array, REMEDY)
    return arrays, {key: plain(file.attrs[key]) for key in _ATTRIBUTES}


def _array(path: Path, dataset: h5py.Dataset) -> np.ndarray:
    """Return what a dataset holds: mapped where it is long and wide."""
    offset = dataset.id.get_offset()
    if FIELDS[dataset.name[1:]].shape[0] != "p" or dataset.ndim == 1 or offset is None:
        return dataset[()]  # an offset is lacking where an earlier version has written chunks
    return np.memmap(path, dataset.dtype, "r", offset, dataset.shape)


def _first_not_finite(array: np.ndarray) -> int | None:
    """Return the first row that holds NaN or infinity, a block at a time; None if none does."""
    for start in range(0, len(array), _BLOCK):
        block = array[start : start + _BLOCK]
        bad = np.flatnonzero(~np.isfinite(block.reshape(len(block), -1)).all(axis=1))
        if len(bad):
            return start + int(bad[0])
    return None
