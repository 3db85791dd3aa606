"""The summary of a run: a verdict in words, data, errors, fields, on one screen."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rhocast.analysis.convergence_report import not_converged
from rhocast.analysis.thermal_energy import ThermalEnergy, thermal_energy
from rhocast.analysis.verdict import (
    Reference,
    better,
    describe_scaling,
    describe_transfer,
    judge_error,
    percent,
    read_errors,
    sentence_of,
)
from rhocast.config import Convergence
from rhocast.datasets.entry import core_hours_of
from rhocast.density import Density, open_density, read_snapshot
from rhocast.density.zero_bound import Bound
from rhocast.files import replacing
from rhocast.model import DensityModel

#: Figures of the error table: key of `rhocast.analysis.metrics`, heading, format.
COLUMNS = (
    ("l1_per_electron", "∫|Δρ|/N_e", "{:.2%}"),
    ("rmse", "RMSE e/Bohr³", "{:.2e}"),
    ("nrmse", "NRMSE", "{:.2e}"),
    ("electron_count_error", "N_e error", "{:.1e}"),
    ("coverage_1sigma", "in 1σ", "{:.0%}"),
    ("coverage_3sigma", "in 3σ", "{:.1%}"),
)


def write_summary(
    out: str | Path,
    engine: str | Path | None,
    snapshots: Sequence[str | Path],
    errors: Sequence[str | Path],
    fields: Sequence[str | Path],
    study: str | Path | None = None,
    verdict: str | Path | None = None,
    worst: str | Path | None = None,
    rest: Sequence[str | Path] = (),
    unmeasured: Sequence[str] = (),
    criteria: Convergence | None = None,
    transferred: str | Path | None = None,
) -> None:
    """Write what was computed and how well it was learnt, as text; the verdict first.

    Parameters
    ----------
    out
        Text file to write.
    engine
        ``engine.json``; None if all densities have been imported.
    snapshots
        All snapshot files of the run.
    errors
        ``evaluation/{dataset}.json`` of `rhocast.analysis.evaluation.compare_models`.
    fields
        Density files.
    study
        ``convergence.tsv``, which says how uncertain the reference is.
    verdict
        Of the last round, of a campaign with a goal.
    worst
        Picture of the held-out snapshot with the largest error.
    rest
        Atoms at rest, ``{system}.extxyz``, of the systems that springs have displaced.
    criteria
        Section `convergence` of the configuration, of a campaign with a study.
    unmeasured
        Sentences on what the cells to predict have that no held-out snapshot has.
    transferred
        The transferred model, which knows what it and the base model have learnt from.
    """
    energy = thermal_energy(snapshots, rest)
    lines = [
        *_verdict(errors, study, verdict, energy, unmeasured, criteria, transferred),
        "",
        _data(engine, snapshots),
        "",
        _errors(errors),
        *([f"  picture of the largest: {worst}"] if worst else []),
        "",
    ]
    lines += [_field(Path(path)) for path in fields]
    with replacing(out) as partial:
        partial.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _verdict(
    errors: Sequence[str | Path],
    study: str | Path | None,
    verdict: str | Path | None,
    energy: ThermalEnergy | None,
    unmeasured: Sequence[str],
    criteria: Convergence | None,
    transferred: str | Path | None,
) -> list[str]:
    """Say in sentences what the errors mean: of the first dataset, which decides on the model."""
    reports = read_errors(errors[0])
    chosen = better(reports)
    report = reports[chosen]
    reference = Reference.read(study) if study else None
    learnt = DensityModel.load(transferred).metadata if transferred else None
    sentences = [judge_error(float(report["nmae"]), reference)]
    sentences += [
        f"on dataset {Path(path).stem} the error is {percent(read_errors(path)[chosen]['nmae'])}"
        for path in errors[1:]
    ]
    sentences += unmeasured
    if reference is not None and reference.shares:
        sentences.append(f"uncertainty of the reference: {reference}")
    if study is not None and criteria is not None:
        sentences += not_converged(study, criteria)
    if verdict is not None:
        sentences += json.loads(Path(verdict).read_text(encoding="utf-8"))["sentences"][1:]
    sentences += [
        describe_transfer(reports, learnt),
        describe_scaling(report),
        f"{percent(report['coverage_1sigma'])} of the errors lie within one standard deviation, "
        f"{100.0 * report['coverage_3sigma']:.1f} % within three (Gaussian errors: 68 and 99.7 %)",
    ]
    if energy is not None:
        sentences.append(str(energy))
    return ["Verdict", *(f"  {sentence_of(said)}" for said in sentences)]


def _data(engine: str | Path | None, snapshots: Sequence[str | Path]) -> str:
    read = [read_snapshot(path) for path in snapshots]
    known = filter(math.isfinite, (core_hours_of(snapshot.record) for snapshot in read))
    origin = "imported"
    if engine is not None:
        record = json.loads(Path(engine).read_text(encoding="utf-8"))
        origin = f"by {record['name']} {record['version']}, {sum(known):.2g} core hours "
        origin += "(wall time × cores) of single points"
    lines = [f"Data: {len(read)} densities {origin}"]
    counts = Counter(s.structure.formula for s in read)
    lines.append("  " + ", ".join(f"{n} of {formula}" for formula, n in counts.items()))
    for path, snapshot in zip(snapshots, read, strict=True):
        if not snapshot.accepted:
            lines.append(f"  rejected: {path}: {snapshot.reason}")
    return "\n".join(lines)


def _errors(paths: Sequence[str | Path]) -> str:
    rows = [("dataset", "model", *(heading for _, heading, _ in COLUMNS))]
    for path in map(Path, paths):
        for model, report in json.loads(path.read_text(encoding="utf-8")).items():
            if model == "determined_by":  # the stamp of a campaign
                continue
            figures = (form.format(report[key]) for key, _, form in COLUMNS)
            rows.append((path.stem, model, *figures))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ["  ".join(f"{c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in rows]
    return "Errors on held-out snapshots, all mesh points, before scaling to N_e:\n" + "\n".join(
        f"  {line}" for line in table
    )


def _field(path: Path) -> str:
    with open_density(path) as stored:
        counted = stored.record["electron_count_before_scaling"]
        wanted = stored.record["n_electrons"]
        mesh = stored.mesh
        return (
            f"Field: {path}\n"
            f"  {stored.structure.formula}, {'×'.join(map(str, mesh.shape))} mesh of "
            f"{mesh.spacing.max():.3f} Bohr: {mesh.n_points:,} points\n"
            f"  electrons as predicted {counted:,.1f} of {wanted:,.0f} "
            f"({counted / wanted - 1:+.2%}), then scaled to them\n"
            f"  {Bound.read(stored.record) or _lowest(stored)}"
            f"{_unlike(stored.record)}"
        )


def _unlike(record: Mapping[str, Any]) -> str:
    """Tell how much of a field is unlike the training data, as far as its record knows."""
    share, places = record.get("outside_training_share"), record.get("unlike_places_bohr")
    told = "" if share is None else f"; {share:.1%} of the points outside the training range"
    if places:
        first = ", ".join(f"{x:.1f}" for x in places[0])
        count = "1 place" if len(places) == 1 else f"{len(places)} places"
        told += (
            f"\n  {count} less like the training data than the rest of the cell, such "
            f"as point defects; the first near ({first}) Bohr"
        )
    return told


def _lowest(field: Density) -> str:
    """Tell the lowest density of a field of an earlier version, read layer by layer."""
    lowest = min(float(layer.min()) for layer in field.layers("density"))
    return f"lowest density, negative ones set to zero, {lowest:.2g} e/Bohr³"
