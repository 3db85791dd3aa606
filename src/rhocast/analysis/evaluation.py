"""Evaluation of a model on snapshot files, over all their mesh points."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from rhocast.analysis.defects import (
    Surroundings,
    contrast,
    distances_from_void,
    join,
    write_profile,
)
from rhocast.analysis.figures import draw_errors
from rhocast.analysis.kpoint_error import shares_labels
from rhocast.analysis.metrics import ErrorSums, compare, pool, rank_correlations
from rhocast.analysis.verdict import percent
from rhocast.density import Density, Snapshot, read_density, read_snapshot
from rhocast.density.electrons import explain_electrons
from rhocast.density.formats import format_to_read
from rhocast.density.quantity import check_whole
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.inference import PredictionOptions, predict_on_mesh
from rhocast.model import DensityModel

log = logging.getLogger(__name__)

#: ∫ρ of a density to compare with may differ from its electrons by this share.
MAX_ELECTRON_ERROR = 1e-2


@dataclass(frozen=True)
class Comparison:
    """One snapshot as predicted and as computed.

    Attributes
    ----------
    path
        The snapshot file.
    field
        The prediction before scaling, with both standard deviations.
    reference : (nx, ny, nz) float32 array
        The DFT density, e/Bohr³.
    sums
        The errors.
    kpoints
        Of the DFT density, in words; empty if not known.
    settings
        What the file of the DFT density says of its calculation.
    """

    path: Path
    field: Density
    reference: np.ndarray
    sums: ErrorSums
    kpoints: str
    settings: Mapping[str, Any]

    @property
    def density(self) -> np.ndarray:
        """Predicted density (nx, ny, nz), e/Bohr³."""
        return self.field.density

    @property
    def total_std(self) -> np.ndarray:
        """Its standard deviation, both kinds together, (nx, ny, nz), e/Bohr³."""
        return cast(np.ndarray, self.field.std)  # always asked for here


def compare_snapshots(
    model: DensityModel,
    paths: Sequence[str | Path],
    samples: int = 0,
    seed: int = 0,
    uncertainty: str = "sampled",
) -> list[Comparison]:
    """Predict snapshots on their own meshes, with uncertainty; rejected ones are left out.

    σ is that of `rhocast predict`, but for snapshots with cell and k-points of the model's data: of
    these the model has learnt the k-points' error, and σ_r is left out.

    Parameters
    ----------
    model
        The model.
    paths
        Snapshot files, or densities of other formats.
    samples
        N_s, weight samples, of ``sampled`` uncertainty.
    seed
        Of the samples.
    uncertainty
        ``fast`` or ``sampled``.

    Raises
    ------
    FileFormatError
        If a file cannot be read or none of them is accepted.
    ModelError
        If a snapshot holds an element that the model has never seen, or the model has no fast
        uncertainty.
    """
    comparisons = []
    for path in dict.fromkeys(map(Path, paths)):  # a file that is named twice counts once
        found = _reference(path)
        if isinstance(found, Snapshot) and not found.accepted:
            log.warning("%s is left out, it was rejected: %s", path, found.reason)
        else:
            comparisons.append(_compare_one(model, path, found, samples, seed, uncertainty))
    if not comparisons:
        raise FileFormatError(f"no accepted snapshot among {[str(path) for path in paths]}")
    return comparisons


def error_report(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Return the figures of all snapshots together, of each kind and of each snapshot.

    See `rhocast.analysis.metrics.ErrorSums.figures` and `rank_correlations`. Under ``snapshots``
    these are keyed by the names of their files; where two are the same, by their paths. Under
    ``kinds`` they are keyed by the two folders that hold the snapshot, system and temperature.
    ``nmae_of_snapshots``, of all and of each kind, tells how NMAE is distributed over so many
    snapshots.
    """
    names = names_of([c.path for c in comparisons])
    each = {name: _figures([c]) for name, c in zip(names, comparisons, strict=True)}
    kinds: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        kinds.setdefault("/".join(comparison.path.resolve().parts[-3:-1]), []).append(comparison)
    of_kinds = {kind: _figures(some) | _spread(some) for kind, some in kinds.items()}
    return {
        **_figures(comparisons),
        **_spread(comparisons),
        "kinds": of_kinds,
        "snapshots": each,
    }


def names_of(paths: Sequence[str | Path]) -> dict[str, Path]:
    """Return what snapshots are called in a report: their file's name, or path if two share it."""
    names = [Path(path).name for path in paths]
    return {
        name if names.count(name) == 1 else str(Path(path)): Path(path)
        for name, path in zip(names, paths, strict=True)
    }


def _figures(comparisons: Sequence[Comparison]) -> dict[str, float]:
    density, total_std, reference = joined(comparisons)
    ranks = rank_correlations(np.abs(density - reference), total_std)
    return pool(c.sums for c in comparisons).figures() | ranks


def _spread(comparisons: Sequence[Comparison]) -> dict[str, dict[str, float]]:
    """Tell how NMAE is distributed over snapshots."""
    each = [c.sums.figures()["nmae"] for c in comparisons]
    quantiles = {"median": 0.5, "p90": 0.9, "p99": 0.99}
    spread = {name: float(np.quantile(each, share)) for name, share in quantiles.items()}
    mean = float(np.mean(each))
    return {"nmae_of_snapshots": {"snapshots": len(each), "mean": mean, **spread}}


def joined(comparisons: Sequence[Comparison]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Put predicted density, standard deviation and DFT density of all mesh points together."""
    density, total_std, reference = (
        np.concatenate([getattr(c, array).ravel() for c in comparisons])
        for array in ("density", "total_std", "reference")
    )
    return density, total_std, reference


def around_vacancies(comparisons: Sequence[Comparison]) -> Surroundings:
    """Put the mesh points of snapshots together, with the distance from the vacancy of each."""
    return join(
        [
            Surroundings(
                distances_from_void(c.field.structure, c.field.mesh),
                c.density.ravel(),
                cast(np.ndarray, c.field.epistemic_std).ravel(),
                np.abs(c.density - c.reference).ravel(),
            )
            for c in comparisons
        ]
    )


def study_vacancies(
    comparisons: Sequence[Comparison], table: str | Path, picture: str | Path
) -> float:
    """Write and draw the epistemic deviation around the vacancies of snapshots that have one.

    Returns
    -------
    float
        `rhocast.analysis.defects.contrast`.
    """
    around = around_vacancies(comparisons)
    write_profile(around, table, picture)
    return contrast(around)


def compare_models(
    models: Mapping[str, str | Path],
    paths: Sequence[str | Path],
    *,
    errors: str | Path,
    picture: str | Path,
    uncertainty: str = "sampled",
    samples: int = 10,
    seed: int = 0,
) -> None:
    """Measure the errors of several models on the same snapshots; draw a row for each.

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
    uncertainty
        ``fast`` or ``sampled``.
    """
    reports, drawn = {}, {}
    for name, path in models.items():
        model = DensityModel.load(path)
        comparisons = compare_snapshots(model, paths, samples, seed, uncertainty)
        reports[name] = error_report(comparisons)
        log.info("%s: NMAE %.2f %%", name, 100 * reports[name]["l1_per_electron"])
        drawn[title_of(name, reports[name])] = joined(comparisons)
    draw_errors(drawn, picture)
    with replacing(errors) as partial:
        partial.write_text(json.dumps(reports, indent=2) + "\n", encoding="utf-8")


def title_of(name: str, report: Mapping[str, Any]) -> str:
    """Return the title of the errors of a model in a figure."""
    return f"{name} model: NMAE {percent(report['nmae'], 3)}"


def _reference(path: Path) -> Density:
    """Read the density to compare with; of a rejected snapshot whatever there is."""
    if format_to_read(path).name == "snapshot":
        return read_snapshot(path)
    return read_density(path)


def _compare_one(
    model: DensityModel,
    path: Path,
    found: Density,
    samples: int,
    seed: int,
    uncertainty: str,
) -> Comparison:
    if isinstance(found, Snapshot) and shares_labels(model, found):
        model = model.without_reference()
    check_whole(found.record, str(path))
    start = time.perf_counter()
    field = predict_on_mesh(
        model,
        found.structure,
        found.mesh,
        PredictionOptions(uncertainty=uncertainty, samples=samples, seed=seed, where=str(path)),
    )
    seconds = time.perf_counter() - start
    reference = found.density.astype(np.float32, copy=False)
    expected = field.record.get("n_electrons")
    count = found.electron_count
    wrong = expected is not None and abs(count - expected) > MAX_ELECTRON_ERROR * expected
    if wrong and expected is not None and not isinstance(found, Snapshot):  # those were checked
        raise FileFormatError(
            f"{path}: the density integrates to {count:.6g} electrons, expected {expected:g} of "
            f"the model's elements; {explain_electrons(found, expected)} (options are those of "
            "`rhocast convert`)"
        )
    # `sampled` always brings both standard deviations
    total_std = cast(np.ndarray, field.std)
    volume = found.mesh.voxel_volume
    sums = compare(field.density, total_std, reference, volume, seconds)
    kpoints = found.kpoints if isinstance(found, Snapshot) else ""
    return Comparison(path, field, reference, sums, kpoints, found.record)
