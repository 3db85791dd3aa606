"""What the measured errors of a campaign say, in words."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: The models of a campaign, in the order in which they are made.
MODELS = ("base", "transferred")

#: By parameter of the convergence study: its name, and what makes the reference better.
_REMEDIES = {
    "kpoints": ("k-points", "use more k-points"),
    "resolution": ("cutoff", "raise the cutoff"),
    "smearing": ("smearing", "lower the electron temperature"),
    "scf_tolerance": ("SCF tolerance", "lower the SCF tolerance"),
}

#: A reference that is uncertain by so much of the error is to be improved before data are added.
_LARGE_SHARE = 0.5

#: So many formulas of cells are written out.
_FEW_CELLS = 4

#: Smaller errors of a setting of `dft` are not written out.
_TINY = 1e-4


@dataclass(frozen=True)
class Reference:
    """How uncertain the densities are that errors are measured against.

    Attributes
    ----------
    shares
        By parameter of the convergence study: ∫|Δρ|/∫ρ between the setting of `dft` and the finest
        value tried.
    """

    shares: Mapping[str, float]

    @classmethod
    def read(cls, table: str | Path) -> "Reference":
        """Read ``convergence.tsv``; parameters without a finer value are left out."""
        with Path(table).open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            own = [row for row in rows if float(row["fineness"]) == 1.0 and row["density_share"]]
        return cls({row["parameter"]: float(row["density_share"]) for row in own})

    @property
    def share(self) -> float:
        """All parameters together, as independent errors: the root of the sum of squares."""
        return math.hypot(*self.shares.values())

    @property
    def remedy(self) -> str:
        """What lowers the largest of them."""
        return _REMEDIES[max(self.shares, key=lambda name: self.shares[name])][1]

    def __str__(self) -> str:
        parts = sorted(self.shares.items(), key=lambda item: -item[1])
        return ", ".join(
            f"{_REMEDIES[name][0]} {percent(share) if share > _TINY else 'below 0.01 %'}"
            for name, share in parts
        )


def read_errors(path: str | Path) -> dict[str, dict[str, Any]]:
    """Read ``evaluation/{dataset}.json``: the report of each model, by name."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    return {model: content[model] for model in MODELS if model in content}


def better(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the model with the smaller NMAE; of equal ones the first."""
    return min(reports, key=lambda model: float(reports[model]["nmae"]))


def judge_error(nmae: float, reference: Reference | None) -> str:
    """Say how large an error is, how much of it the reference leaves uncertain, what to do first.

    Parameters
    ----------
    nmae
        On held-out snapshots.
    reference
        None or one without a share if it is not known.
    """
    said = f"held-out error {percent(nmae)}"
    if reference is None or not reference.shares:
        return f"{said}; how uncertain the reference is has not been computed (`convergence`)"
    if reference.share > nmae:
        said += f", while the reference itself is uncertain by {percent(reference.share)}"
    else:
        said += f", of which the reference leaves {percent(reference.share)} uncertain"
    if reference.share >= _LARGE_SHARE * nmae:
        return f"{said}: {reference.remedy} first"
    return f"{said}: more data can lower it"


def describe_transfer(
    reports: Mapping[str, Mapping[str, Any]], learnt: Mapping[str, Any] | None = None
) -> str:
    """Say what transfer did to the error, and which model predicts the cells.

    With the metadata of the transferred model, ``learnt``, also what both have learnt from: few
    points of the larger cells are why transfer may raise the error.
    """
    if len(reports) < len(MODELS):
        return f"the {better(reports)} model predicts the cells"
    base, transferred = (float(reports[model]["nmae"]) for model in MODELS)
    did = "lowered" if transferred < base else "raised"
    said = f"transfer {did} the error from {percent(base, 3)} to {percent(transferred, 3)}"
    if learnt is not None and {"training", "transfer"} <= learnt.keys():
        data = f"{_data_of(learnt['training'])}; transfer retrained it on"
        said += f": the base model was trained on {data} {_data_of(learnt['transfer'])}"
    return f"{said}; the {better(reports)} model predicts the cells"


def _data_of(part: Mapping[str, Any]) -> str:
    """Say what a model was trained on, by its metadata."""
    number = len(part["snapshots"])
    snapshots = f"{number} snapshot{'s' if number != 1 else ''}"
    cells = part.get("cells", ())
    named = f" of {', '.join(cells)}" if 0 < len(cells) <= _FEW_CELLS else ""
    return f"{part['points']:,} points of {snapshots}{named}"


def describe_scaling(report: Mapping[str, Any]) -> str:
    """Say what scaling to the number of electrons does to the error of a model."""
    errors = float(report["nmae"]), float(report["l1_per_electron_scaled"])
    before, after = (percent(error, 3) for error in errors)
    if before == after:
        return f"scaling to the number of electrons leaves it at {after}"
    did = "lowers" if errors[1] < errors[0] else "raises"
    return f"scaling to the number of electrons {did} it from {before} to {after}"


def sentence_of(said: str) -> str:
    """Return words as a sentence: with a capital letter and a full stop."""
    return f"{said[0].upper()}{said[1:]}."


def percent(share: float, significant: int = 2) -> str:
    """Write a share with so many significant digits: ``1.5 %``, ``0.032 %``."""
    digits = significant - 1 - math.floor(math.log10(100.0 * share)) if share > 0.0 else 0
    return f"{100.0 * share:.{max(0, digits)}f} %"
