"""The choices of a first campaign, one function each: a value and the reason for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, gcd, pi, sqrt
from typing import Generic, TypeVar

import numpy as np
from ase.data import atomic_masses, atomic_numbers

from rhocast.drafting.cutoffs import sufficient_cutoff_ha
from rhocast.drafting.elements import (
    ALKALI,
    D_OR_F_METALS,
    ELECTRONEGATIVITY,
    NARROWING,
    NONMETALS,
    OFTEN_WIDE_GAP,
    TETRAHEDRAL,
    WIDE_GAP,
)
from rhocast.drafting.geometry import edges_bohr, is_fourfold, vacuum_axes
from rhocast.engines import Psp8
from rhocast.grid.kpoints import SPACING_TOLERANCE
from rhocast.structures import Structure

T = TypeVar("T")

#: Valence electrons of the smallest cell, about, where eight atoms do not have more.
_UNIT_ELECTRONS = 32

#: Share of the electrons that the plane-wave cutoff may misplace.
_MISPLACED = 5e-3

#: Electron temperature, K: the paper's, and one that leaves a gap of some tenths of an eV empty.
_METAL_SMEARING_K, _INSULATOR_SMEARING_K = 631.554, 300.0


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A value and why it was chosen."""

    value: T
    reason: str


Repeat = tuple[int, int, int]


def name_of(structure: Structure, alloy: bool = False) -> str:
    """Return a short name: the formula in lower case; of an alloy its elements alone."""
    return ("".join(by_electronegativity(structure)) if alloy else formula_of(structure)).lower()


def formula_of(structure: Structure) -> str:
    """Return the empirical formula with the most electropositive element first: ``SiC``."""
    counts = structure.counts
    divisor = gcd(*counts.values())
    numbers = {element: counts[element] // divisor for element in by_electronegativity(structure)}
    return "".join(f"{element}{n if n > 1 else ''}" for element, n in numbers.items())


def by_electronegativity(structure: Structure) -> list[str]:
    """Return the elements in the order of formulas, the most electropositive first."""
    return sorted(structure.species, key=lambda element: ELECTRONEGATIVITY.get(element, 0.0))


def is_metal(structure: Structure, told: bool | None) -> Choice[bool]:
    """Choose between a metal and an insulator; ``told`` is what the user knows.

    A compound of a transition metal, a lanthanide or an actinide may be either: the settings of a
    metal give the right density in both cases.
    """
    if told is not None:
        return Choice(told, "as given")
    if structure.species in TETRAHEDRAL and not is_fourfold(structure):
        return Choice(
            True,
            f"undecided: {structure.species[0]} that is not in the diamond structure may be a "
            "metal; a metal's settings also suit an insulator; --insulator needs fewer k-points",
        )
    nonmetals = sorted(NONMETALS & set(structure.species))
    if nonmetals and (undecided := sorted(D_OR_F_METALS & set(structure.species))):
        return Choice(
            True,
            f"undecided: compounds of {', '.join(undecided)} may be metals or insulators; a "
            "metal's settings also suit an insulator; --insulator needs fewer k-points",
        )
    if nonmetals:
        return Choice(
            False, f"a guess, for it holds {', '.join(nonmetals)}; --metal says otherwise"
        )
    return Choice(True, "a guess: all elements are metals; --insulator says otherwise")


def supercell(structure: Structure, atoms: int) -> Repeat:
    """Choose how often to repeat a cell for about so many atoms: the shortest edge grows first.

    A slab does not grow into its vacuum.
    """
    lengths = edges_bohr(structure)
    counts = np.array([1, 1, 1])
    while True:
        grown = counts.copy()
        grown[int(np.argmin(lengths * counts))] += 1
        before, after = (len(structure) * int(np.prod(c)) for c in (counts, grown))
        if abs(np.log(before / atoms)) <= abs(np.log(after / atoms)):
            n1, n2, n3 = counts.tolist()
            return n1, n2, n3
        counts = grown


def training_cells(structure: Structure, n_electrons: float) -> Choice[tuple[Repeat, ...]]:
    """Choose the cells of convergence, training and transfer by their electrons: they set the cost.

    The first has about eight atoms, or about 32 electrons where atoms have fewer than four each.
    The second is twice the first, the third twice the second. In a cell of eight atoms an atom and
    its images move together, so that little is learnt of how each acts: models of 8 atoms of
    silicon carbide misplaced 40 % of the electrons of 16.

    Parameters
    ----------
    structure
        The cell of the crystal.
    n_electrons
        Its valence electrons.
    """
    atoms_per_electron = len(structure) / n_electrons
    cells = [supercell(structure, max(8, round(_UNIT_ELECTRONS * atoms_per_electron)))]
    for _ in ("training", "transfer"):
        cells.append(_doubled(structure, cells[-1]))
    counts = [len(structure) * int(np.prod(cell)) for cell in cells]
    told = (
        f"{counts[0]}, {counts[1]} and {counts[2]} atoms, no edge shorter than "
        f"{_shortest_edge_bohr(structure, cells[0]):.1f} Bohr"
    )
    if axes := vacuum_axes(structure):
        told += f"; vacuum lies along {', '.join(axes)}"
    return Choice(tuple(cells), told)


def _shortest_edge_bohr(structure: Structure, repeat: Repeat) -> float:
    """Return the length of the shortest edge of a supercell."""
    return float((edges_bohr(structure) * np.array(repeat)).min())


def _doubled(structure: Structure, repeat: Repeat) -> Repeat:
    """Return twice the cell, along its shortest edge, so that both hold whole steps in k."""
    n = np.array(repeat)
    n[np.argmin(edges_bohr(structure) * n)] *= 2
    return int(n[0]), int(n[1]), int(n[2])


def kpoint_spacing_per_bohr(
    structure: Structure, unit: Repeat, metal: bool, many_alloys: bool = False
) -> Choice[float]:
    """Choose the distance of k-points so that the smallest cell holds whole steps.

    It exceeds what is wanted by at most the share that k-meshes tolerate.

    The distances left errors of 0.2 to 0.3 % of the electrons in aluminium (docs/convergence.md)
    and silicon-germanium (benchmarks/demo_convergence.py), 0.22 % in lithium, 0.03 % in lithium
    fluoride (docs/my-material.md). The 0.4 of wide gaps is too coarse for semiconductors: it left
    0.35 % in silicon carbide.

    Random alloys have no symmetry that makes k-points cheap. For alloys over their compositions
    (`many_alloys`) of semiconductors, 0.3 makes two steps of the cubic cell of Si, Ge and Sn where
    0.2 makes three: cells of twice that length hold the same k-points, at a fifth of the cost. It
    leaves 0.64 % in Si0.5Ge0.5 of four electrons an atom (docs/notebook/compositions.md).
    """
    if metal and has_simple_fermi_surface(structure):
        wanted, kind = 0.24, "an alkali metal"
    elif metal:
        wanted, kind = 0.137, "a metal"
    elif has_wide_gap(structure):
        wanted, kind = 0.4, "a wide gap"
    elif many_alloys:
        wanted, kind = 0.3, "semiconductors of many compositions, a fifth of the cost of 0.2"
    else:
        wanted, kind = 0.2, "a semiconductor or insulator"
    whole = 2.0 * pi / _shortest_edge_bohr(structure, unit)
    steps = ceil(whole / (wanted * (1.0 + SPACING_TOLERANCE)))
    return Choice(
        round(whole / steps, 4),
        f"about {wanted:g} for {kind}; this follows from metal or insulator, see `smearing_K`; "
        "adjusted so that the shortest edge of `unit` gets a whole number of k-points; the section "
        "`convergence` checks it",
    )


def has_wide_gap(structure: Structure) -> bool:
    """Say whether an insulator's gap is likely to be 2 eV or more, in PBE.

    Bonds are ionic then, or it is diamond. Carbides, borides, phosphides and arsenides (SiC, BP)
    are semiconductors.
    """
    elements = set(structure.species)
    if elements == {"C"} or not WIDE_GAP.isdisjoint(elements):
        return True
    return not OFTEN_WIDE_GAP.isdisjoint(elements) and NARROWING.isdisjoint(elements)


def cutoff_ha(files: Mapping[str, Psp8], counts: Mapping[str, int]) -> Choice[float]:
    """Choose the plane-wave cutoff from the pseudopotentials' densities and core radii.

    50 Ha Bohr² over the square of the smallest core radius is 14 Ha for aluminium and silicon (1.9
    Bohr). It is enough unless valence electrons lie within the core radius, as those of the first
    row and of semicore shells do.
    """
    radii = [file.core_radius_bohr for file in files.values() if file.core_radius_bohr]
    by_radius = ceil(50.0 / min(radii) ** 2) if radii else 0
    by_density = sufficient_cutoff_ha(files, counts, _MISPLACED) or 0
    reason = "a guess"
    if by_density > by_radius:
        reason = f"misplaces {100 * _MISPLACED:g} % of the electrons of the free atoms"
    elif radii:
        reason = f"from the smallest core radius, {min(radii):.2f} Bohr"
    return Choice(
        float(max(by_density, by_radius) or 20),
        f"{reason}; the section `convergence` checks it",
    )


def mesh_spacing_bohr(cutoff: float) -> float:
    """Choose the spacing of the stored density: three quarters of what the waves resolve."""
    return round(0.75 * pi / sqrt(2.0 * cutoff), 2)


def kpoint_shift(structure: Structure, metal: bool) -> Choice[str]:
    """Choose the shift of the k-mesh: half a step, except where Fermi surfaces are complicated."""
    if metal and not has_simple_fermi_surface(structure):
        return Choice("gamma", "a point at Γ, as for metals except alkali metals")
    return Choice(
        "half",
        "half a step off Γ: fewer points suffice where there is a gap, or one simple Fermi surface",
    )


def has_simple_fermi_surface(structure: Structure) -> bool:
    """Say whether all atoms are of alkali metals, whose valence electrons are nearly free."""
    return ALKALI.issuperset(structure.species)


def smearing_K(metal: bool) -> float:
    """Choose the electron temperature."""
    return _METAL_SMEARING_K if metal else _INSULATOR_SMEARING_K


def sampler(dynamics: bool) -> Choice[str]:
    """Choose what displaces the atoms: dynamics of the DFT engine, or phonons of springs."""
    if dynamics:
        return Choice("aimd", "atoms are moved by molecular dynamics, as given")
    return Choice(
        "springs",
        "atoms are displaced by phonons of springs between neighbours, which costs no DFT; a "
        "liquid, or a crystal that is far from harmonic, needs --aimd",
    )


def timestep_fs(structure: Structure) -> Choice[float]:
    """Choose the time step of the dynamics by the lightest atom."""
    lightest = min(structure.species, key=lambda e: atomic_masses[atomic_numbers[e]])
    mass = float(atomic_masses[atomic_numbers[lightest]])
    step = min(4.0, max(0.5, round(2.0 * sqrt(mass / 28.0) * 2) / 2))
    return Choice(step, f"for {lightest}, the lightest atom")
