"""A campaign of an alloy over its compositions: which compositions are computed, and their cells.

Training compositions are an even grid drawn towards equal shares, without the pure elements: it
needs fewer snapshots than a grid from the pure elements on (docs/notebook/compositions.md).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from rhocast.drafting.alloy import Alloy, find_alloy
from rhocast.drafting.choices import Choice, Repeat
from rhocast.drafting.elements import DEBYE_K, MELTING_K
from rhocast.drafting.templates import counts
from rhocast.errors import ConfigError
from rhocast.structures.alloys import nearest_counts
from rhocast.structures.lattices import cubic_cell
from rhocast.structures.own_lattices import CommonLattice, common_lattice, own_lattice
from rhocast.structures.shared_sites import SharedSites

#: Shares of the elements.
Shares = tuple[float, ...]

#: Steps of the grids of the first and of the second round, by the number of elements.
_STEPS = {2: (1, 3), 3: (1, 2)}

#: Compositions to judge by, between those of the grids, in sixteenths.
_HELD_OUT = {2: ((5, 11), (11, 5)), 3: ((9, 5, 2), (2, 9, 5), (5, 2, 9))}


@dataclass(frozen=True)
class CompositionRange:
    """Random alloys of some elements on a common lattice.

    Attributes
    ----------
    lattice
        With the lattice constant of each element, in the order of the elements.
    alloy
        The alloy of equal shares.
    """

    lattice: CommonLattice
    alloy: Alloy

    @property
    def elements(self) -> tuple[str, ...]:
        """Chemical symbols in the order given."""
        return tuple(self.lattice.constants_bohr)

    @property
    def constants(self) -> str:
        """The lattice constants of the elements in words."""
        constants = self.lattice.constants_bohr.items()
        *others, last = [f"{element} {constant:.3f}" for element, constant in constants]
        return f"{', '.join(others)} and {last} Bohr"

    @property
    def grids(self) -> list[list[Shares]]:
        """The compositions of the first round, and of the second."""
        n = len(self.elements)
        return [inner_grid(n, steps) for steps in _STEPS[n]]

    @property
    def ends(self) -> list[Shares]:
        """The pure elements."""
        n = len(self.elements)
        return [tuple(float(i == j) for j in range(n)) for i in range(n)]

    @property
    def held_out(self) -> list[Shares]:
        """Compositions to judge by, which are not in the grids."""
        return [tuple(n / 16 for n in shares) for shares in _HELD_OUT[len(self.elements)]]

    def systems(self, compositions: Sequence[Shares], repeat: Repeat) -> dict[str, dict[str, str]]:
        """Return cells of so many arrangements with the nearest compositions, as YAML, by name.

        Parameters
        ----------
        compositions
            Shares of the elements.
        repeat
            How often the arrangement of `alloy` is repeated.
        """
        n_sites = len(self.alloy.arrangement) * int(np.prod(repeat))
        found = {}
        for shares in compositions:
            wanted = dict(zip(self.elements, shares, strict=True))
            atoms = {e: n for e, n in nearest_counts(n_sites, wanted).items() if n}
            held = {element: n / n_sites for element, n in atoms.items()}
            name = "".join(f"{element}{n}" for element, n in atoms.items()).lower()
            found[name] = {
                "repeat": counts(self.alloy.times(repeat)),
                "lattice_constant_bohr": f"{self.lattice.constant_bohr(held):.4f}",
                "composition": _written(held),
            }
        return found

    def equal_shares(self, repeat: Repeat) -> dict[str, str]:
        """Return a cell of about equal shares as YAML."""
        n = len(self.elements)
        (system,) = self.systems([(1.0 / n,) * n], repeat).values()
        return system

    def reason(self, small: Repeat) -> tuple[str, str, str]:
        """Say which compositions are computed; parameters as in `systems`."""
        first, second = (", ".join(self.systems(grid, small)) for grid in self.grids)
        return (
            "Compositions",
            f"{self.lattice.name}: {first}; then {second}",
            "an even grid without the pure elements, which needs less data than one with them; "
            f"lattice constants by Vegard's rule between {self.constants}; to judge by: the pure "
            "elements, and compositions between those of the grid",
        )

    def melting_point_K(self) -> Choice[float] | None:
        """Choose the lowest melting point of the elements; None if one is not known."""
        known = {element: MELTING_K.get(element) for element in self.elements}
        lowest = min(known, key=lambda element: known[element] or 0)
        kelvin = known[lowest]
        if kelvin is None:
            return None
        return Choice(
            float(kelvin),
            f"the melting point of {lowest}, {kelvin} K, the lowest of the elements', so that all "
            "compositions are crystals; --melting-K gives another",
        )

    def debye_temperature_K(self) -> Choice[float] | None:
        """Choose θ from the mean stiffness m θ² of the elements; None if one is not known."""
        if not DEBYE_K.keys() >= set(self.elements):
            return None
        masses = np.array([atomic_masses[atomic_numbers[element]] for element in self.elements])
        stiffness = masses * np.array([DEBYE_K[element] for element in self.elements]) ** 2
        return Choice(
            float(round(sqrt(stiffness.mean() / masses.mean()), -1)),
            "a guess: springs of the elements' mean stiffness at equal shares; it sets how far "
            "atoms are displaced; --debye-K gives it",
        )


def composition_range(words: str) -> CompositionRange:
    """Find the lattice of an alloy from its elements, such as ``Si,Ge``.

    Raises
    ------
    ConfigError
        If these are not two or three elements, or they have no cubic lattice in common.
    """
    given = re.split(r"[\s,-]+", words.strip())
    elements = [word.capitalize() for word in given]
    strange = [word for word in given if not atomic_numbers.get(word.capitalize())]
    if strange:
        raise ConfigError(
            f"--composition: expected chemical symbols, such as Si,Ge; found {', '.join(strange)}"
        )
    if len(set(elements)) != len(elements) or len(elements) not in _STEPS:
        raise ConfigError(
            f"--composition: expected two or three different elements, such as Si,Ge; found {words}"
        )
    lattice = common_lattice(elements)
    if lattice is None:
        raise ConfigError(
            f"--composition: expected elements that all crystallise in the fcc, the bcc or the "
            f"diamond lattice; found {', '.join(map(_crystal_of, elements))}. For an alloy of one "
            "composition, give a CIF file whose sites the elements share, see docs/my-material.md"
        )
    return CompositionRange(lattice, _equal_shares(lattice))


def inner_grid(n_elements: int, steps: int) -> list[Shares]:
    """Return evenly spaced shares, drawn towards equal ones by half a step at the ends."""
    grid = np.array(list(_partitions(n_elements, steps))) / steps
    grid += (1.0 / n_elements - grid) / (steps + 1)
    return [tuple(row) for row in grid.tolist()]


def _written(shares: Mapping[str, float]) -> str:
    """Write shares as YAML."""
    return "{" + ", ".join(f"{element}: {share:.10g}" for element, share in shares.items()) + "}"


def _equal_shares(lattice: CommonLattice) -> Alloy:
    elements = tuple(lattice.constants_bohr)
    shares = dict.fromkeys(elements, 1.0 / len(elements))
    cell = cubic_cell(lattice.name, lattice.constant_bohr(shares), elements[0])
    sites = SharedSites(cell, {tuple(shares.items()): tuple(range(len(cell)))})
    alloy = find_alloy(sites)
    assert alloy is not None  # all sites are shared
    return alloy


def _partitions(parts: int, total: int) -> Iterator[tuple[int, ...]]:
    """Yield all ways to write a number as a sum of so many, the largest first number first."""
    if parts == 1:
        yield (total,)
        return
    for first in range(total, -1, -1):
        for rest in _partitions(parts - 1, total - first):
            yield first, *rest


def _crystal_of(element: str) -> str:
    own = own_lattice(element)
    return f"{element} ({own[0] if own else 'no crystal known'})"
