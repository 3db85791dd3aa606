"""What follows from predicted densities by way of an engine: energies, equations of state."""

from rhocast.properties.energies import EnergyComparison, compare_energies, write_energies
from rhocast.properties.equation_of_state import (
    EquationOfState,
    equation_of_state,
    write_equation_of_state,
)

__all__ = [
    "EnergyComparison",
    "EquationOfState",
    "compare_energies",
    "equation_of_state",
    "write_energies",
    "write_equation_of_state",
]
