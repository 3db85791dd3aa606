"""The choices of a first campaign, one function each: a value and the reason for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, pi, sqrt
from typing import Generic, TypeVar

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from rhocast.drafting.elements import DEBYE_K, MELTING_K, NONMETALS
from rhocast.structures import Structure

T = TypeVar("T")

#: Distance of k-points, 1/Bohr, that left an error of 0.2 to 0.3 % of the electrons in aluminium
#: (docs/convergence.md) and in silicon-germanium (benchmarks/demo_convergence.py).
_METAL_SPACING, _INSULATOR_SPACING = 0.137, 0.2

#: Valence electrons of the cell of training, about, where eight atoms do not have more.
_TRAINING_ELECTRONS = 32

#: Electron temperature, K: the paper's, and one that leaves a gap of some tenths of an eV empty.
_METAL_SMEARING_K, _INSULATOR_SMEARING_K = 631.554, 300.0


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A value and why it was chosen."""

    value: T
    reason: str


Repeat = tuple[int, int, int]


def name_of(structure: Structure) -> str:
    """Return a short name: the elements of the structure, in lower case."""
    return "".join(structure.species).lower()


def is_metal(structure: Structure, told: bool | None) -> Choice[bool]:
    """Choose between a metal and an insulator; ``told`` is what the user knows."""
    if told is not None:
        return Choice(told, "as given")
    nonmetals = sorted(NONMETALS & set(structure.species))
    if nonmetals:
        return Choice(False, f"a guess: {', '.join(nonmetals)} is no metal; --metal says otherwise")
    return Choice(True, "a guess: all elements are metals; --insulator says otherwise")


def debye_temperature_K(structure: Structure, told: float | None) -> Choice[float]:
    """Choose the Debye temperature: of an element from a table, of a compound as a mean."""
    if told is not None:
        return Choice(told, "as given")
    known = {e: float(DEBYE_K[e]) for e in structure.species if e in DEBYE_K}
    if len(structure.species) == len(known) == 1:
        return Choice(next(iter(known.values())), "of the element (Kittel, 8th edition)")
    counts = structure.counts
    atoms = sum(counts[e] for e in known)
    mean = sum(counts[e] * value for e, value in known.items()) / atoms if atoms else 350.0
    return Choice(
        float(round(mean, -1)),
        "a guess from the elements; it only sets how far atoms are displaced at first",
    )


def temperatures_K(structure: Structure, melting_K: float | None) -> Choice[tuple[int, int, int]]:
    """Choose the temperatures of training, cold, warm and hot, below the melting point.

    The one in the middle is held out to judge by.
    """
    reason = "0.25, 0.5 and 0.75 of the melting point as given"
    if melting_K is None:
        known = [float(MELTING_K[e]) for e in structure.species if e in MELTING_K]
        elemental = len(structure.species) == len(known) == 1
        melting_K = known[0] if elemental else max([1200.0, *known]) * 0.8
        reason = (
            f"0.25, 0.5 and 0.75 of the melting point, {melting_K:.0f} K"
            if elemental
            else f"a guess: the melting point of the compound is taken as {melting_K:.0f} K; "
            "--melting-K gives it"
        )
    cold, warm, hot = (int(round(share * melting_K, -1)) for share in (0.25, 0.5, 0.75))
    return Choice((cold, warm, hot), reason)


def supercell(structure: Structure, atoms: int) -> Repeat:
    """Choose how often to repeat a cell: about so many atoms, edges about equally long."""
    lengths = np.linalg.norm(structure.cell, axis=1)
    counts = np.array([1, 1, 1])
    while True:
        grown = counts.copy()
        grown[int(np.argmin(lengths * counts))] += 1
        before, after = (len(structure) * int(np.prod(c)) for c in (counts, grown))
        if abs(np.log(before / atoms)) <= abs(np.log(after / atoms)):
            n1, n2, n3 = counts.tolist()
            return n1, n2, n3
        counts = grown


def training_cells(structure: Structure, n_electrons: float) -> Choice[tuple[Repeat, Repeat]]:
    """Choose the cells of training and of transfer by their electrons, which set the cost.

    Parameters
    ----------
    structure
        The cell of the crystal.
    n_electrons
        Its valence electrons.
    """
    atoms_per_electron = len(structure) / n_electrons
    small = supercell(structure, max(8, round(_TRAINING_ELECTRONS * atoms_per_electron)))
    large = supercell(structure, 2 * len(structure) * int(np.prod(small)))
    count = [len(structure) * int(np.prod(cell)) for cell in (small, large)]
    return Choice((small, large), f"{count[0]} and {count[1]} atoms, edges about equally long")


def kpoint_spacing_per_bohr(structure: Structure, small: Repeat, metal: bool) -> Choice[float]:
    """Choose the distance of k-points so that the cell of training holds whole steps."""
    wanted = _METAL_SPACING if metal else _INSULATOR_SPACING
    edge = float((np.linalg.norm(structure.cell, axis=1) * np.array(small)).min())
    steps = ceil(2.0 * pi / (edge * wanted) - 0.5)
    spacing = 2.0 * pi / (edge * steps)
    kind = "a metal" if metal else "a semiconductor or insulator"
    return Choice(round(spacing, 4), f"what suffices for {kind}; the study `converge` checks it")


def cutoff_ha(core_radii_bohr: Mapping[str, float | None]) -> Choice[float]:
    """Choose the plane-wave cutoff from the smallest core radius of the pseudopotentials.

    50 Ha Bohr² over its square is 14 Ha for aluminium and silicon (1.9 Bohr) and 35 Ha for carbon
    (1.2 Bohr).
    """
    known = {element: radius for element, radius in core_radii_bohr.items() if radius}
    if not known:
        return Choice(20.0, "a guess; the study `converge` checks it")
    element, radius = min(known.items(), key=lambda item: item[1])
    return Choice(
        float(ceil(50.0 / radius**2)),
        f"from the core radius of {element}, {radius:.2f} Bohr; the study `converge` checks it",
    )


def mesh_spacing_bohr(cutoff: float) -> float:
    """Choose the spacing of the stored density: three quarters of what the waves resolve."""
    return round(0.75 * pi / sqrt(2.0 * cutoff), 2)


def smearing_K(metal: bool) -> float:
    """Choose the electron temperature."""
    return _METAL_SMEARING_K if metal else _INSULATOR_SMEARING_K


def timestep_fs(structure: Structure) -> Choice[float]:
    """Choose the time step of the dynamics by the lightest atom."""
    lightest = min(structure.species, key=lambda e: atomic_masses[atomic_numbers[e]])
    mass = float(atomic_masses[atomic_numbers[lightest]])
    step = min(4.0, max(0.5, round(2.0 * sqrt(mass / 28.0) * 2) / 2))
    return Choice(step, f"for {lightest}, the lightest atom")
