"""Whether densities are comparable: the k-points of a model's data, and another computation."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.analysis.evaluation import Comparison
from rhocast.density import Density, read_density
from rhocast.density.difference import difference
from rhocast.errors import RhocastError
from rhocast.grid.kpoints import spacing_of
from rhocast.model import DensityModel

#: Relative difference of two spacings that a strain of the cell makes.
_SAME_SPACING = 0.08
#: With more shifts than this in the data, shifts were drawn at random.
_FEW_SHIFTS = 4


def kpoint_difference(model: DensityModel, comparison: Comparison) -> str:
    """Tell in what the k-points of a snapshot differ from those of the model's data.

    Returns
    -------
    str
        A sentence; empty where they agree. It says so where either is not known.
    """
    parts = [model.metadata[part] for part in ("training", "transfer") if part in model.metadata]
    known = [(mesh, spacing) for part in parts for mesh, spacing in part.get("kpoints", ())]
    words = comparison.kpoints
    own = spacing_of(words, comparison.field.cell)
    if not own:
        return "its k-points are not known"
    if not known:
        return "the model does not know the k-points of its data, it comes from an earlier version"
    told = ", ".join(sorted({mesh for mesh, _ in known}))
    if not any(_close(own, spacing) for _, spacing in known):
        return (
            f"k-points {words} lie {max(own):.3g} per Bohr apart at most, other than in the "
            f"model's data ({told}): the error holds the difference of the two meshes too"
        )
    shifts = {_shift(mesh) for mesh, _ in known}
    if len(shifts) <= _FEW_SHIFTS and _shift(words) not in shifts:
        return f"k-points {words} are shifted otherwise than in the model's data ({told})"
    return ""


def _close(own: tuple[float, ...], known: list[float]) -> bool:
    pairs = zip(sorted(own), sorted(known), strict=True)
    return all(abs(a - b) <= _SAME_SPACING * b for a, b in pairs)


def _shift(words: str) -> tuple[str, ...]:
    return tuple(sorted(words.split("shift")[-1].split()))


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
    RhocastError
        If there are several.
    """
    if len(comparisons) != 1:
        raise RhocastError(
            f"--against: expected one snapshot to compare with it, found {len(comparisons)}"
        )
    return comparisons[0]
