"""Lattices that elements crystallise in, for alloys on a common lattice.

Lattice constants at room temperature: `ase.data.reference_states`; grey tin, which mixes with
silicon and germanium: CRC Handbook of Chemistry and Physics, 97th edition.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ase.data import atomic_numbers, reference_states

from rhocast.units import ANGSTROM_PER_BOHR

#: Lattices of one kind of sites, of which the lattice constant is the only parameter.
_CUBIC = ("fcc", "bcc", "diamond")

#: Further forms of elements: lattice and lattice constant, Å.
_OTHER_FORMS = {"Sn": ("diamond", 6.489)}


@dataclass(frozen=True)
class CommonLattice:
    """A cubic lattice that some elements share.

    Attributes
    ----------
    name
        ``fcc``, ``bcc`` or ``diamond``.
    constants_bohr
        Lattice constant of each element's own crystal, Bohr.
    """

    name: str
    constants_bohr: Mapping[str, float]

    def constant_bohr(self, shares: Mapping[str, float]) -> float:
        """Return the lattice constant of an alloy by Vegard's rule: the mean of the elements'."""
        return sum(share * self.constants_bohr[element] for element, share in shares.items())


def own_lattice(element: str) -> tuple[str, float] | None:
    """Return the lattice of an element and its constant a in Bohr; None if neither is known."""
    if element in _OTHER_FORMS:
        lattice, constant = _OTHER_FORMS[element]
        return lattice, constant / ANGSTROM_PER_BOHR
    crystal: Any = reference_states[atomic_numbers[element]]
    if not crystal or crystal.get("a") is None:
        return None
    return crystal["symmetry"], crystal["a"] / ANGSTROM_PER_BOHR


def common_lattice(elements: Collection[str]) -> CommonLattice | None:
    """Return the cubic lattice that all of the elements crystallise in; None without one."""
    found = {element: own_lattice(element) for element in elements}
    lattices = {own and own[0] for own in found.values()}
    for name in _CUBIC:
        if lattices == {name}:
            return CommonLattice(name, {e: own[1] for e, own in found.items() if own})
    return None
