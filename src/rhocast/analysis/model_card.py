"""The card of a model: what it was made from, how far it can be trusted, how it was measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rhocast.analysis.evaluation import Comparison, error_report
from rhocast.analysis.verdict import sentence_of
from rhocast.files import replacing
from rhocast.model import DensityModel

#: Columns of the table of errors, and how `ErrorSums.figures` fills them.
_COLUMNS = {
    "∫|Δρ|/N_e": ("l1_per_electron", "{:.2%}"),
    "scaled": ("l1_per_electron_scaled", "{:.2%}"),
    "RMSE, e/Bohr³": ("rmse", "{:.2e}"),
    "NRMSE": ("nrmse", "{:.1e}"),
    "N_e off by": ("electron_count_error", "{:.1e}"),
    "1σ": ("coverage_1sigma", "{:.1%}"),
    "2σ": ("coverage_2sigma", "{:.1%}"),
    "3σ": ("coverage_3sigma", "{:.1%}"),
    "calibration error": ("calibration_error", "{:.3f}"),
    "sharpness": ("sharpness", "{:.2f}"),
}


def write_card(
    path: str | Path,
    name: str,
    model: DensityModel,
    comparisons: Sequence[Comparison],
    uncertainty: str,
    unmeasured: Sequence[str] = (),
) -> None:
    """Write the card of a model, Markdown.

    Parameters
    ----------
    path
        The file.
    name
        What the model is called.
    model
        The model.
    comparisons
        Snapshots that it is judged by; those of a trajectory make a row of the table.
    uncertainty
        Kind of their standard deviations, ``fast`` or ``sampled``.
    unmeasured
        Sentences on what the model is to predict and is not judged by.
    """
    stages = [model.metadata.get(stage, {}) for stage in ("training", "transfer")]
    known = {name: sha for stage in stages for name, sha in stage.get("snapshots", {}).items()}
    parts = [
        f"# Model `{name}`",
        _table({"": ""} | _summary(model)),
        "## Errors",
        f"All mesh points of each snapshot, {uncertainty} uncertainty; `scaled`: with the electron "
        "count set right, as `rhocast predict` writes it. Coverage by the calibrated total σ.",
        "\n".join(_errors(comparisons, known)),
        *(
            ["## Errors not measured", "\n".join(f"- {sentence_of(said)}" for said in unmeasured)]
            if unmeasured
            else []
        ),
        "## Trained on",
        "\n".join(f"- {source}, SHA-256 {sha256}" for source, sha256 in known.items()),
    ]
    with replacing(path) as partial:
        partial.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _summary(model: DensityModel) -> dict[str, str]:
    training = model.metadata.get("training", {})
    provenance = model.metadata.get("provenance", {})
    rows = {
        "elements": ", ".join(model.species),
        "network": f"{model.n_features} features, {_plain(model.parameters.model_dump())}",
        "descriptor": _plain(model.descriptor.model_dump()),
        "pseudo-atoms": "none",
        "computed with": _plain(provenance),
        "temperatures, K": _range(training.get("temperatures_K"), ".0f"),
        "volume per atom, Bohr³": _each(training.get("volume_per_atom_bohr3"), ".1f"),
        "cells": ", ".join(training.get("cells", ())) or "not recorded",
        "points": f"{training.get('points', 'not recorded')}",
        "calibration, fast": "none",
        "mesh": "not certified",
        "hash of the model": model.hash,
        "hash of the data": training.get("data_hash", "not recorded"),
        "hash of the settings": model.metadata.get("config_hash", "not recorded"),
        "rhocast": training.get("rhocast_version", "not recorded"),
    }
    if model.baseline is not None:
        rows["pseudo-atoms"] = _plain(model.baseline.parameters.model_dump())
    if model.fading_density:
        rows["correction fades below"] = f"{model.fading_density:.1e} e/Bohr³"
    if factors := model.calibrations.get("fast"):
        held_back = training.get("validation", {}).get("held_back", "points")
        rows["calibration, fast"] = (
            f"aleatoric σ × {factors.aleatoric:.2f}, epistemic σ × {factors.epistemic:.2f}; "
            f"fitted to {held_back} held back"
        )
        if factors.reference:
            rows["calibration, fast"] += f"; in other cells {factors.reference:.1e} e/Bohr³ more"
    if certificate := model.certificate:
        rows["mesh"] = (
            f"{certificate.mesh_spacing_bohr:.3f} Bohr misplaces {certificate.density_error:.1e} "
            f"of the electrons in densities of {', '.join(certificate.densities)}, "
            f"{certificate.model_error:.1e} by the model ({certificate.blocks} blocks of "
            f"{certificate.structure})"
        )
    return rows


def _errors(comparisons: Sequence[Comparison], known: Mapping[str, str]) -> list[str]:
    trajectories: dict[tuple[str, ...], list[Comparison]] = {}
    for comparison in comparisons:
        key = (*comparison.path.absolute().parts[-3:-1], comparison.field.structure.formula)
        trajectories.setdefault(key, []).append(comparison)
    head = ["trajectory", "cell", "snapshots", *_COLUMNS]
    lines = [_row(head), _row(["---"] * len(head))]
    for (system, temperature, formula), group in trajectories.items():
        figures = error_report(group)
        seen = any("/".join(c.path.absolute().parts[-3:]) in known for c in group)
        name = f"{system}/{temperature}" + (" (trained on)" if seen else "")
        values = [form.format(figures[key]) for key, form in _COLUMNS.values()]
        lines.append(_row([name, formula, str(len(group)), *values]))
    return lines


def _table(rows: Mapping[str, str]) -> str:
    first, *rest = (_row(pair) for pair in rows.items())
    return "\n".join([first, _row(["---", "---"]), *rest])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _plain(section: Mapping[str, Any]) -> str:
    """Write a section of the configuration, or any mapping, in one line."""
    parts = (
        f"{key} ({_plain(value)})" if isinstance(value, Mapping) else f"{key} {value}"
        for key, value in section.items()
        if value is not None
    )
    return ", ".join(parts) or "not recorded"


def _each(values: Sequence[float] | None, form: str) -> str:
    listed = list(dict.fromkeys(f"{value:{form}}" for value in values or ()))
    if len(listed) > 8:
        return f"{len(listed)} from {listed[0]} to {listed[-1]}"
    return ", ".join(listed) or "not recorded"


def _range(values: Sequence[float] | None, form: str) -> str:
    return " to ".join(f"{value:{form}}" for value in values) if values else "not recorded"
