"""Closest atoms of each pair of elements, in cells of any size."""

from itertools import product

import numpy as np
from ase.data import chemical_symbols

from rhocast.grid.binned_atoms import BinnedAtoms, Neighbourhood, between
from rhocast.structures import Structure
from rhocast.structures.pairs import pair_name

#: Distances are looked for in one box after the other, of about this side, Bohr.
_BOX_BOHR = 120.0

#: Of so many pairs all distances are worked out.
_FEW_PAIRS = 500_000

#: A distance in Bohr and the numbers of two atoms that are so far apart.
Pair = tuple[float, tuple[int, int]]


def closest_pairs(structure: Structure, cutoff_bohr: float) -> dict[str, Pair]:
    """Find the closest atoms of each pair of elements, images included.

    Parameters
    ----------
    structure
        Of any size: the time grows as the number of atoms, the memory as that of `BinnedAtoms`.
    cutoff_bohr
        Pairs of elements that are nowhere closer than this are left out.

    Returns
    -------
    dict
        By `rhocast.structures.pairs.pair_name`: the distance in Bohr, and the numbers of two atoms
        that are so close.
    """
    atoms = BinnedAtoms.of(structure)
    planes = 1.0 / np.linalg.norm(np.linalg.inv(structure.cell), axis=0)
    counts = np.maximum(1, planes // _BOX_BOHR).astype(int)
    found: dict[str, Pair] = {}
    for place in product(*map(range, counts)):
        lower, upper = place / counts, np.add(place, 1) / counts
        around = atoms.around(lower, upper, cutoff_bohr)
        for name, pair in _closest_in(around, cutoff_bohr).items() if around else ():
            found[name] = min(pair, found.get(name, pair))
    return found


def _closest_in(around: Neighbourhood, cutoff_bohr: float) -> dict[str, Pair]:
    """Find the closest atoms of each pair of elements, one of the two inside the box."""
    positions, numbers = around.structure.positions, around.structure.numbers
    scaled = positions @ np.linalg.inv(around.structure.cell)
    inside = np.flatnonzero(between(scaled, around.lower - 1e-9, around.upper + 1e-9))
    first, second, distances = _near(positions[inside], positions, cutoff_bohr)
    first = inside[first]
    other = first != second
    first, second, distances = first[other], second[other], distances[other]
    lighter, heavier = np.sort([numbers[first], numbers[second]], axis=0)
    kinds = lighter.astype(np.int64) * len(chemical_symbols) + heavier
    found = {}
    for kind in np.unique(kinds):
        of_kind = np.flatnonzero(kinds == kind)
        closest = of_kind[np.argmin(distances[of_kind])]
        name = pair_name(chemical_symbols[lighter[closest]], chemical_symbols[heavier[closest]])
        low, high = sorted(int(around.origins[atom[closest]]) for atom in (first, second))
        found[name] = (float(distances[closest]), (low, high))
    return found


def _near(
    points: np.ndarray, images: np.ndarray, cutoff_bohr: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return point, image and distance of all pairs within the cutoff.

    Of few atoms all pairs are looked at: a tree takes longer to import than to search.
    """
    if len(points) * len(images) <= _FEW_PAIRS:
        distances = np.linalg.norm(points[:, None] - images, axis=2)
        first, image = np.nonzero(distances <= cutoff_bohr)
        return first, image, distances[first, image]
    from scipy.spatial import cKDTree

    found = cKDTree(points).sparse_distance_matrix(
        cKDTree(images), cutoff_bohr, output_type="ndarray"
    )
    return found["i"], found["j"], found["v"]
