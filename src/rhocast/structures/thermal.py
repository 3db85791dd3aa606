"""Thermal disorder without dynamics: displacements that neighbours share, as phonons make them.

The atoms are held by springs (`rhocast.structures.springs`) of mean stiffness κ. Displacements are
drawn from the classical harmonic ensemble, which molecular dynamics with classical ions samples:
normal, of covariance kT/κ Λ⁻¹, so that each of the 3n − 3 modes holds kT/2. Λ is the matrix K of
the springs in units of κ. In close-packed crystals it is K + γK²: the forces reach beyond the
nearest neighbours there, which makes slow modes slower compared with fast ones.

κ follows from the Debye temperature θ, so that an infinite perfect crystal has the mean square
displacement of the Debye model in its classical limit, ⟨u²⟩ = 3 ħ² T / (m k θ²) for each
component (Ashcroft and Mermin, Solid State Physics, appendix N), m the mean mass: masses do not
matter to classical atoms otherwise. A small periodic cell lacks the longest waves and has less.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from ase.data import atomic_masses, atomic_numbers
from numpy.polynomial.chebyshev import chebinterpolate

from rhocast.structures.own_lattices import common_lattice
from rhocast.structures.springs import Bonds, Springs, find_bonds, make_springs
from rhocast.structures.structure import Structure
from rhocast.units import ELECTRON_MASS_PER_DALTON, HARTREE_PER_KELVIN

#: γ, in close-packed crystals: harmonic aluminium of EMT and of DFT forces needs 0.3.
_REACH = 0.3
#: Mean of 1/Λ over the modes of an infinite crystal: of fcc (hcp has 1.434, bcc 1.335), of diamond.
_CLOSE_PACKED, _OPEN = 1.445, 3.19
#: Modes softer than this are left out, in units of κ, however large the cell: 1 % of ⟨u²⟩.
_SOFTEST = 8e-4
#: Relative error of the amplitude of the stiffest modes.
_TOLERANCE = 3e-3


def displace(
    structure: Structure,
    temperature_K: float,
    debye_temperature_K: float,
    rng: np.random.Generator,
) -> Structure:
    """Displace the atoms of a crystal, perfect or not, as at a temperature.

    Atoms without neighbours stay where they are: they have no potential energy. The time and the
    memory grow as the number of atoms.

    Parameters
    ----------
    structure
        Atoms where they are at rest.
    temperature_K
        Of the classical harmonic ensemble.
    debye_temperature_K
        Sets the stiffness of the springs.
    rng
        Decides the displacements.
    """
    drawn = rng.standard_normal((len(structure), 3), dtype=np.float32)
    bonds = find_bonds(structure)
    if not len(bonds.first):
        return Structure(structure.positions, structure.cell, structure.numbers)
    springs = make_springs(structure, bonds)
    stiffness = _stiffness(structure, springs, debye_temperature_K)
    amplitude = np.sqrt(temperature_K * HARTREE_PER_KELVIN / stiffness)
    compliance = _compliance(springs, _softest(structure, bonds))
    steps = amplitude * _apply(springs, lambda x: np.sqrt(compliance(x)), drawn)
    held = _have_neighbours(bonds, len(structure))
    steps[held] -= steps[held].mean(axis=0, dtype=np.float64)
    steps[~held] = 0.0
    return Structure(structure.positions + steps, structure.cell, structure.numbers)


def settle(structure: Structure) -> Structure:
    """Move the atoms of an alloy on an ideal lattice to where unlike atoms leave each other room.

    Bonds tend to the mean of what they are in crystals of either element, scaled to the lattice
    of the alloy. Nothing moves where the elements' own crystals differ in more than their size.
    """
    sizes = _sizes(structure)
    bonds = find_bonds(structure)
    if sizes is None or not len(bonds.first):
        return structure
    springs = make_springs(structure, bonds)
    lengths = sizes[bonds.first] + sizes[bonds.second]
    excess = bonds.distance_bohr * (lengths / np.average(lengths, weights=bonds.weights) - 1.0)
    forces = springs.push(excess)
    compliance = _compliance(springs, _softest(structure, bonds))
    steps = _apply(springs, compliance, forces)
    return Structure(structure.positions + steps, structure.cell, structure.numbers)


def _stiffness(structure: Structure, springs: Springs, debye_temperature_K: float) -> float:
    """Return κ, Ha/Bohr²."""
    mass = float(atomic_masses[structure.numbers].mean()) * ELECTRON_MASS_PER_DALTON
    mean_compliance = _OPEN if springs.bending else _CLOSE_PACKED
    return mean_compliance * mass * (debye_temperature_K * HARTREE_PER_KELVIN) ** 2 / 3.0


def _softest(structure: Structure, bonds: Bonds) -> float:
    """Return the stiffness, κ = 1, below which modes are left out: softer than all of small cells.

    The longest wave in the cell has the wave number q. The softest one of fcc has (q d)² / 16.
    """
    longest = 2.0 * np.pi * np.linalg.norm(np.linalg.inv(structure.cell), axis=0).min()
    return max(_SOFTEST, (longest * bonds.distance_bohr) ** 2 / 150.0)


def _compliance(springs: Springs, softest: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return 1/Λ as a function of an eigenvalue of K; it stays finite at 0."""
    reach = 0.0 if springs.bending else _REACH
    return lambda x: -np.expm1(-x / softest) / (x * (1.0 + reach * x))


def _apply(
    springs: Springs, function: Callable[[np.ndarray], np.ndarray], vectors: np.ndarray
) -> np.ndarray:
    """Multiply displacements (n, 3) by a function of the matrix of the springs.

    By Chebyshev polynomials, as many as it takes.
    """
    half = springs.highest / 2.0
    least = float(function(np.array(2.0 * half)))
    coefficients = _coefficients(lambda t: function(half * (t + 1.0)), least)
    before, now = vectors, springs(vectors) / np.float32(half) - vectors
    total = np.float32(coefficients[0]) * before + np.float32(coefficients[1]) * now
    for coefficient in coefficients[2:]:
        following = springs(now)
        following *= np.float32(2.0 / half)
        following -= 2.0 * now
        following -= before
        before, now = now, following
        total += np.float32(coefficient) * now
    return total


def _coefficients(function: Callable[[Any], Any], least: float) -> np.ndarray:
    """Chebyshev coefficients of a function on [-1, 1], to the tolerance of its least value."""
    degree = 16
    while True:
        coefficients = chebinterpolate(function, degree)
        rest = np.abs(coefficients)[::-1].cumsum()[::-1]
        if rest[3 * degree // 4] < _TOLERANCE * least:
            return coefficients[: np.argmax(rest < _TOLERANCE * least)]
        degree *= 2


def _have_neighbours(bonds: Bonds, n_atoms: int) -> np.ndarray:
    """Tell which atoms springs hold; (n,) bool."""
    held = np.zeros(n_atoms, dtype=bool)
    held[bonds.first] = held[bonds.second] = True
    return held


def _sizes(structure: Structure) -> np.ndarray | None:
    """Lattice constants of the atoms' elements in crystals of their own, Bohr; (n,) array.

    None if all are of one element, or the crystals are of different lattices.
    """
    species = structure.species
    lattice = common_lattice(species) if len(species) > 1 else None
    if lattice is None:
        return None
    constants = np.zeros(structure.numbers.max() + 1)
    for element, constant in lattice.constants_bohr.items():
        constants[atomic_numbers[element]] = constant
    return constants[structure.numbers]
