"""Writing a feature file, snapshot by snapshot; see `rhocast.learning.feature_file`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast import config
from rhocast.checksums import seal_attributes, seal_dataset
from rhocast.fields import Field
from rhocast.files import replacing
from rhocast.learning.feature_file import FIELDS, FORMAT_VERSION, SnapshotRecord


class FeatureWriter:
    """Fills a feature file snapshot by snapshot; see `create_features`."""

    def __init__(self, file: h5py.File, n_points: int) -> None:
        self._file = file
        self._n_points = n_points
        self._done = 0
        self._records: list[SnapshotRecord] = []

    def append(
        self,
        record: SnapshotRecord,
        features: np.ndarray,
        target: np.ndarray,
        baseline_sums: np.ndarray | None = None,
    ) -> None:
        """Add points of one snapshot.

        Parameters
        ----------
        record
            The snapshot.
        features : (p, d) array
        target : (p,) array
        baseline_sums : (p, b) array
            What the coefficients of the baseline multiply, for all snapshots or for none.
        """
        arrays = {"features": features, "target": target}
        arrays["snapshot"] = np.full(len(target), len(self._records))
        if baseline_sums is not None:
            arrays["baseline_sums"] = baseline_sums
        end = self._done + len(target)
        for name, rows in arrays.items():
            self._dataset(FIELDS[name], rows.shape[1:])[self._done : end] = rows
        self._done = end
        self._records.append(record)

    def _dataset(self, field: Field, width: tuple[int, ...]) -> h5py.Dataset:
        """Return a dataset in one piece, without chunks; the first time, make it."""
        if field.name not in self._file:
            shape = (self._n_points, *width)
            dataset = self._file.create_dataset(field.name, shape=shape, dtype=field.dtype)
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
def create_features(path: str | Path, n_points: int) -> Iterator[FeatureWriter]:
    """Write a feature file of given length, beside ``path`` until the block has ended well."""
    with replacing(path) as partial, h5py.File(partial, "w", libver="v110") as file:
        yield FeatureWriter(file, n_points)
        for dataset in file.values():
            seal_dataset(dataset)
        seal_attributes(file)
