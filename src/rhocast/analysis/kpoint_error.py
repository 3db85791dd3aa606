"""The error that labels have by their k-points: whether a density shares it with a model's data."""

import numpy as np

from rhocast.density import Snapshot
from rhocast.grid.kpoints import spacing_of
from rhocast.inference.outside import trained_on
from rhocast.model import DensityModel

#: Relative difference of two spacings that a strain of the cell makes.
_SAME_SPACING = 0.08
#: With more shifts than this in the data, shifts were drawn at random.
_FEW_SHIFTS = 4


def kpoint_difference(model: DensityModel, words: str, cell: np.ndarray) -> str:
    """Tell in what the k-points of a density differ from those of the model's data.

    Parameters
    ----------
    model
        The model.
    words
        Mesh and shift of the density, such as ``3 3 3 shift 0 0 0``; empty if not known.
    cell : (3, 3) array
        Its lattice vectors, Bohr.

    Returns
    -------
    str
        A sentence; empty where they agree. It says so where either is not known.
    """
    known = [
        (mesh, spacing) for part in trained_on(model) for mesh, spacing in part.get("kpoints", ())
    ]
    own = spacing_of(words, cell)
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


def shares_labels(model: DensityModel, snapshot: Snapshot) -> bool:
    """Tell whether a snapshot has the k-points and the atoms of one that a model was trained on.

    Strain moves k-points with the reciprocal lattice. The model has then learnt the error of these
    k-points, and σ_r of method.md, Eq. 33, is no part of its difference from the snapshot.
    """
    cells = {cell for part in trained_on(model) for cell in part.get("cells", ())}
    structure = snapshot.structure
    alike = not kpoint_difference(model, snapshot.kpoints, structure.cell)
    return structure.formula in cells and alike


def _close(own: tuple[float, ...], known: list[float]) -> bool:
    pairs = zip(sorted(own), sorted(known), strict=True)
    return all(abs(a - b) <= _SAME_SPACING * b for a, b in pairs)


def _shift(words: str) -> tuple[str, ...]:
    return tuple(sorted(words.split("shift")[-1].split()))
