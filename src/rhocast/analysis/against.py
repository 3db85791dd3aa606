"""Another density of the same atoms: how far a snapshot and the prediction are from it."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.analysis.evaluation import Comparison
from rhocast.density import Density, read_density
from rhocast.density.difference import difference
from rhocast.errors import ConfigError


def judge_against(comparison: Comparison, other: str | Path) -> dict[str, Any]:
    """Compare a snapshot, and the prediction for it, with another density of the same atoms.

    Returns
    -------
    dict
        ``label``: `rhocast.density.difference.Difference` of the snapshot from the other density;
        ``model``: that of the prediction, as the model gives it.

    Raises
    ------
    StructureError
        If it is of other atoms.
    """
    judge = read_density(other)
    judge.check_atoms(comparison.field.structure)
    label = Density(comparison.field.structure, comparison.reference, source=str(comparison.path))
    return {
        "file": str(other),
        "label": asdict(difference(judge, label)),
        "model": asdict(difference(judge, comparison.field)),
    }


def only_one(comparisons: list[Comparison]) -> Comparison:
    """Return the snapshot that is to be compared with another density.

    Raises
    ------
    ConfigError
        If there are several.
    """
    if len(comparisons) != 1:
        raise ConfigError(
            f"--against: expected one snapshot to compare with it, found {len(comparisons)}"
        )
    return comparisons[0]
