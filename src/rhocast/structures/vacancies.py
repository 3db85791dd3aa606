"""Vacancies: single atoms and pairs of nearest neighbours taken out of a crystal."""

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers
from scipy.spatial import cKDTree

from rhocast.errors import StructureError
from rhocast.structures.structure import Structure, periodic_images

#: Farther than this many times the shortest distance, an atom is no nearest neighbour.
NEIGHBOUR_SHELL = 1.15


def remove_atoms(structure: Structure, n_vacancies: int, rng: np.random.Generator) -> Structure:
    """Take out ``n_vacancies`` atoms chosen at random.

    Raises
    ------
    StructureError
        If no atom would remain.
    """
    if n_vacancies >= len(structure):
        raise StructureError(
            f"vacancies: expected fewer than the cell's {len(structure)} atoms, found {n_vacancies}"
        )
    kept = np.sort(rng.permutation(len(structure))[n_vacancies:])
    return Structure(structure.positions[kept], structure.cell, structure.numbers[kept])


def remove_vacancy(
    structure: Structure, elements: Sequence[str], rng: np.random.Generator
) -> Structure:
    """Take out one atom, or two nearest neighbours (a di-vacancy), of chosen elements.

    Parameters
    ----------
    structure
        A crystal, not yet displaced.
    elements
        One chemical symbol or two; the order of two does not matter.
    rng
        Chooses among the atoms or pairs of these elements.

    Raises
    ------
    StructureError
        If the cell holds no such atom or pair, or nothing else.
    """
    numbers = [atomic_numbers[element] for element in elements]
    first = rng.permutation(np.flatnonzero(structure.numbers == numbers[0]))
    removed = first[:1] if len(numbers) == 1 else _neighbours(structure, first, numbers[1], rng)
    if len(removed) == 0 or len(structure) <= len(numbers):
        wanted = "an atom " if len(numbers) == 1 else "neighbours "
        raise StructureError(
            f"vacancies: expected a cell with {wanted}{' and '.join(elements)} to take out and "
            f"other atoms besides, found {structure.formula}; enlarge `repeat` or name others"
        )
    kept = np.delete(np.arange(len(structure)), removed)
    return Structure(structure.positions[kept], structure.cell, structure.numbers[kept])


def _neighbours(
    structure: Structure, first: np.ndarray, number: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the foremost atom of ``first`` that has a nearest neighbour ``number``, and that."""
    reach = NEIGHBOUR_SHELL * structure.minimum_distance()
    images, owners = periodic_images(structure, reach)
    tree = cKDTree(images, balanced_tree=False, compact_nodes=False)
    sites = structure.fractional @ structure.cell
    for atom in first:
        near = np.unique(owners[tree.query_ball_point(sites[atom], reach)])
        partners = near[(near != atom) & (structure.numbers[near] == number)]
        if len(partners):
            return np.array([atom, rng.choice(partners)])
    return np.empty(0, dtype=int)
