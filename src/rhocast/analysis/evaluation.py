"""Evaluation of a model on snapshot files, over all their mesh points."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from rhocast.analysis.figures import draw_errors
from rhocast.analysis.metrics import ErrorSums, compare, pool
from rhocast.dft.snapshot import Snapshot, read_snapshot
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.inference import predict_on_mesh
from rhocast.model import DensityModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Comparison:
    """One snapshot as predicted and as computed.

    Attributes
    ----------
    path
        The snapshot file.
    density, total_std, reference : (nx, ny, nz) float32 arrays
        Prediction before scaling, its standard deviation, the DFT density; e/Bohr³.
    sums
        The errors.
    """

    path: Path
    density: np.ndarray
    total_std: np.ndarray
    reference: np.ndarray
    sums: ErrorSums


def compare_snapshots(
    model: DensityModel, paths: Sequence[str | Path], samples: int, seed: int = 0
) -> list[Comparison]:
    """Predict snapshots on their own meshes, with sampled uncertainty; rejected ones are left out.

    Parameters
    ----------
    model
        The model.
    paths
        Snapshot files.
    samples
        N_s, weight samples.
    seed
        Of the samples.

    Raises
    ------
    FileFormatError
        If a file cannot be read or none of them is accepted.
    ModelError
        If a snapshot holds an element that the model has never seen.
    """
    comparisons = []
    for path in dict.fromkeys(map(Path, paths)):  # a file that is named twice counts once
        snapshot = read_snapshot(path)
        if snapshot.accepted:
            comparisons.append(_compare_one(model, path, snapshot, samples, seed))
        else:
            log.warning("%s is left out, it was rejected: %s", path, snapshot.reason)
    if not comparisons:
        raise FileFormatError(f"no accepted snapshot among {[str(path) for path in paths]}")
    return comparisons


def error_report(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return the figures of all snapshots together and, under ``snapshots``, of each one.

    See `rhocast.analysis.metrics.ErrorSums.figures`. Snapshots are keyed by the names of their
    files; where two are the same, by their paths.
    """
    names = [c.path.name for c in comparisons]
    keys = [c.path.name if names.count(c.path.name) == 1 else str(c.path) for c in comparisons]
    each = {key: c.sums.figures() for key, c in zip(keys, comparisons, strict=True)}
    return {**pool(c.sums for c in comparisons).figures(), "snapshots": each}


def compare_models(
    models: Mapping[str, str | Path],
    paths: Sequence[str | Path],
    samples: int,
    seed: int,
    errors: str | Path,
    picture: str | Path,
) -> None:
    """Measure the errors of several models on the same snapshots; draw those of the last.

    Parameters
    ----------
    models
        Model files by name.
    paths
        Snapshot files.
    samples
        N_s, weight samples.
    seed
        Of the samples.
    errors
        JSON file to write: the report of each model, by name.
    picture
        PNG to write.
    """
    reports = {}
    for name, path in models.items():
        comparisons = compare_snapshots(DensityModel.load(path), paths, samples, seed)
        reports[name] = error_report(comparisons)
        log.info(
            "%s: %.2f %% of the electrons misplaced",
            name,
            100 * reports[name]["l1_per_electron"],
        )
    density, total_std, reference = (
        np.concatenate([getattr(c, array).ravel() for c in comparisons])
        for array in ("density", "total_std", "reference")
    )
    draw_errors(density, total_std, reference, picture)
    with replacing(errors) as partial:
        partial.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


def _compare_one(
    model: DensityModel, path: Path, snapshot: Snapshot, samples: int, seed: int
) -> Comparison:
    start = time.perf_counter()
    field = predict_on_mesh(
        model,
        snapshot.structure,
        snapshot.mesh,
        uncertainty="sampled",
        samples=samples,
        seed=seed,
        where=str(path),
    )
    seconds = time.perf_counter() - start
    # `sampled` always brings both standard deviations
    total_std = cast(np.ndarray, field.total_std)
    volume = snapshot.mesh.voxel_volume
    sums = compare(field.density, total_std, snapshot.density, volume, seconds)
    return Comparison(path, field.density, total_std, snapshot.density, sums)
