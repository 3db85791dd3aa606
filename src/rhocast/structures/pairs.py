"""Pairs of elements, and the shortest bonds that their atoms may have."""

from collections.abc import Mapping

from ase.data import atomic_numbers, covalent_radii

from rhocast.structures.structure import Structure
from rhocast.units import ANGSTROM_PER_BOHR

#: Of the sum of covalent radii: no bond under moderate pressure is shorter.
_SHORTEST_BOND = 0.6


def pair_name(first: str, second: str) -> str:
    """Name a pair of elements, the lighter first: ``Si-Ge``."""
    return "-".join(sorted((first, second), key=lambda symbol: atomic_numbers[symbol]))


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
