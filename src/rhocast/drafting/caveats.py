"""What a draft leaves out or takes for granted, and what may be wrong of it."""

import numpy as np

from rhocast.drafting.elements import MAGNETIC
from rhocast.drafting.geometry import neighbours, vacuum_axes
from rhocast.structures import Structure

#: Cells of fewer atoms may have as many kinds of sites.
_FEW_ATOMS = 16


def warnings_of(structure: Structure) -> list[str]:
    """Return what a draft leaves out or takes for granted that may be wrong, a sentence each."""
    found = [magnetism(structure), motion(structure), vacuum(structure)]
    return [sentence for sentence in found if sentence is not None]


def motion(structure: Structure) -> str | None:
    """Return a warning if hardly two atoms have the same surroundings: a liquid, or a frame."""
    n_atoms = len(structure)
    if n_atoms < _FEW_ATOMS:
        return None
    nearest = np.sort(neighbours(structure, 1)[:, 0])
    kinds = 1 + int((np.diff(nearest) > 1e-3 * nearest[1:]).sum())
    if kinds <= n_atoms / 2:
        return None
    return (
        "hardly two atoms are equally far from their nearest neighbour: if the file holds a liquid "
        "or a frame of dynamics, give --aimd, or the crystal with its atoms at rest"
    )


def vacuum(structure: Structure) -> str | None:
    """Return a warning if the cell holds a molecule, which the draft repeats like a crystal."""
    if len(vacuum_axes(structure)) < 3:
        return None
    return (
        "vacuum surrounds the atoms on all sides: the draft repeats this molecule like a crystal; "
        "cells, temperatures and k-points are to be edited"
    )


def magnetism(structure: Structure) -> str | None:
    """Return a warning if atoms may carry magnetic moments, which the calculations leave out."""
    found = sorted(MAGNETIC & set(structure.species))
    if not found:
        return None
    return (
        f"{', '.join(found)} may carry a magnetic moment, but the calculations are not "
        "spin-polarised: they give the density of the non-magnetic state"
    )
