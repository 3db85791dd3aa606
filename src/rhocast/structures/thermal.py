"""Thermal disorder without dynamics: atoms displaced independently of each other."""

import numpy as np
from ase.data import atomic_masses

from rhocast.structures.structure import Structure
from rhocast.units import ELECTRON_MASS_PER_DALTON, HARTREE_PER_KELVIN


def displace(
    structure: Structure,
    temperature_K: float,
    debye_temperature_K: float,
    rng: np.random.Generator,
) -> Structure:
    """Displace every atom independently as at a temperature.

    Each Cartesian component is Gaussian with the mean square of the Debye model in its classical
    limit, ⟨u²⟩ = 3 ħ² T / (m k θ²) (Ashcroft and Mermin, Solid State Physics, appendix N).
    """
    masses = atomic_masses[structure.numbers] * ELECTRON_MASS_PER_DALTON
    thermal = temperature_K * HARTREE_PER_KELVIN
    debye = debye_temperature_K * HARTREE_PER_KELVIN
    rms = np.sqrt(3.0 * thermal / (masses * debye**2))
    steps = rng.standard_normal((len(structure), 3)) * rms[:, None]
    return Structure(structure.positions + steps, structure.cell, structure.numbers)
