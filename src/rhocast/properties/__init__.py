"""What follows from a density: charges of atoms and, by an engine, energies, equations of state."""

from rhocast.properties.energies import EnergyComparison, compare_energies, write_energies
from rhocast.properties.equation_of_state import (
    EquationOfState,
    equation_of_state,
    write_equation_of_state,
)
from rhocast.properties.hirshfeld import charges_by_element, hirshfeld_charges, write_charges

__all__ = [
    "EnergyComparison",
    "EquationOfState",
    "charges_by_element",
    "compare_energies",
    "equation_of_state",
    "hirshfeld_charges",
    "write_charges",
    "write_energies",
    "write_equation_of_state",
]
