"""Closest pairs of atoms, by their elements."""

from collections.abc import Mapping

import numpy as np
from ase.data import atomic_numbers, chemical_symbols, covalent_radii

from rhocast.structures.structure import Structure, periodic_images
from rhocast.units import ANGSTROM_PER_BOHR

#: Of the sum of covalent radii: no bond under moderate pressure is shorter.
_SHORTEST_BOND = 0.6

#: Of so many pairs all distances are worked out.
_FEW_PAIRS = 500_000


def pair_name(first: str, second: str) -> str:
    """Name a pair of elements, the lighter first: ``Si-Ge``."""
    return "-".join(sorted((first, second), key=lambda symbol: atomic_numbers[symbol]))


def closest_pairs(
    structure: Structure, cutoff_bohr: float
) -> dict[str, tuple[float, tuple[int, int]]]:
    """Find the closest atoms of each pair of elements, images included.

    Parameters
    ----------
    structure
        Of any size: the time grows as the number of atoms.
    cutoff_bohr
        Pairs of elements that are nowhere closer than this are left out.

    Returns
    -------
    dict
        By `pair_name`: the distance in Bohr, and the numbers of two atoms that are so close.
    """
    wrapped = (structure.positions @ np.linalg.inv(structure.cell)) % 1.0 @ structure.cell
    images, indices = periodic_images(structure, cutoff_bohr)
    first, image, distances = _near(wrapped, images, cutoff_bohr)
    other = distances > 1e-6  # an atom is no neighbour of itself
    first, second, distances = first[other], indices[image[other]], distances[other]
    lighter, heavier = np.sort([structure.numbers[first], structure.numbers[second]], axis=0)
    kinds = lighter.astype(np.int64) * len(chemical_symbols) + heavier
    found = {}
    for kind in np.unique(kinds):
        of_kind = np.flatnonzero(kinds == kind)
        closest = of_kind[np.argmin(distances[of_kind])]
        name = pair_name(chemical_symbols[lighter[closest]], chemical_symbols[heavier[closest]])
        low, high = sorted((int(first[closest]), int(second[closest])))
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


def shortest_bonds(structure: Structure, known: Mapping[str, float]) -> dict[str, float]:
    """Return what the atoms of each pair of elements should at least be apart, Bohr.

    Parameters
    ----------
    structure
        Its elements matter alone.
    known
        Distances by `pair_name`; for other pairs 0.6 times the sum of their covalent radii stands.
    """
    species = structure.species
    return {
        name: known.get(name, _from_radii(first, second))
        for i, first in enumerate(species)
        for second in species[i:]
        for name in (pair_name(first, second),)
    }


def _from_radii(first: str, second: str) -> float:
    radii = covalent_radii[[atomic_numbers[first], atomic_numbers[second]]]
    return _SHORTEST_BOND * float(radii.sum()) / ANGSTROM_PER_BOHR
