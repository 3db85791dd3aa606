"""A random alloy for a crystal of which elements share sites."""

from dataclasses import dataclass

import numpy as np

from rhocast.drafting.choices import Repeat, supercell
from rhocast.errors import StructureError
from rhocast.structures import Structure
from rhocast.structures.shared_sites import SharedSites

#: Atoms, about, of the cells that are tried for the smallest one that holds each element.
_ATOMS = (8, 16, 32)


@dataclass(frozen=True)
class Alloy:
    """A crystal with shared sites and its smallest cell of whole atoms.

    Attributes
    ----------
    sites
        The crystal of the file.
    repeat
        How often its cell is repeated, so that each element has an atom.
    arrangement
        That cell with one arrangement of the elements.
    """

    sites: SharedSites
    repeat: Repeat
    arrangement: Structure

    def times(self, repeat: Repeat) -> Repeat:
        """Return how often the cell of the file is repeated, given that of the arrangement."""
        n1, n2, n3 = (int(n) for n in np.array(self.repeat) * np.array(repeat))
        return n1, n2, n3

    def formula(self, repeat: Repeat) -> str:
        """Return the formula of so many arrangements as one cell, with its own nearest shares."""
        return self.sites.occupied(self.times(repeat), np.random.default_rng(0)).formula


def find_alloy(sites: SharedSites) -> Alloy | None:
    """Choose the cell that stands for a crystal with shared sites; None if elements share none.

    Raises
    ------
    StructureError
        If an element is so rare that no small cell holds an atom of it.
    """
    if not sites.sites:
        return None
    for atoms in _ATOMS:
        repeat = supercell(sites.structure, atoms)
        arrangement = sites.occupied(repeat, np.random.default_rng(0))
        if arrangement.species == sites.species:
            return Alloy(sites, repeat, arrangement)
    rare = ", ".join(sorted(set(sites.species) - set(arrangement.species)))
    raise StructureError(
        f"{sites}: a cell of {len(arrangement)} atoms holds no {rare}, and larger ones cost too "
        f"much to learn from; leave {rare} out of the file, or give a larger share"
    )
