"""What follows from a density: charges of atoms and, by an engine, energies, bands."""

from rhocast.inference.atomic_charges import AtomicCharges
from rhocast.properties.bands import (
    BandError,
    ElectronicStructure,
    compare_bands,
    electronic_structure,
    write_bands,
)
from rhocast.properties.energies import (
    EnergyComparison,
    compare_energies,
    read_energies,
    write_energies,
)
from rhocast.properties.equation_of_state import EquationOfState, VolumeEnergies, volume_energies
from rhocast.properties.equation_of_state_table import (
    read_equation_of_state,
    write_equation_of_state,
    write_volume_energies,
)
from rhocast.properties.hirshfeld import (
    charges_by_element,
    divide_among_atoms,
    hirshfeld_charges,
    write_charges,
)
from rhocast.properties.kpath import KPath

__all__ = [
    "AtomicCharges",
    "BandError",
    "ElectronicStructure",
    "EnergyComparison",
    "EquationOfState",
    "KPath",
    "VolumeEnergies",
    "charges_by_element",
    "compare_bands",
    "compare_energies",
    "divide_among_atoms",
    "electronic_structure",
    "hirshfeld_charges",
    "read_energies",
    "read_equation_of_state",
    "volume_energies",
    "write_bands",
    "write_charges",
    "write_energies",
    "write_equation_of_state",
    "write_volume_energies",
]
