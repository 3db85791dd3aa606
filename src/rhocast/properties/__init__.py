"""What follows from a density: charges of atoms and, by an engine, energies, bands."""

from rhocast.inference.atomic_charges import AtomicCharges
from rhocast.properties.bands import (
    BandError,
    ElectronicStructure,
    compare_bands,
    electronic_structure,
)
from rhocast.properties.bands_file import BandsFile, read_bands, write_bands
from rhocast.properties.energies import (
    EnergyComparison,
    compare_energies,
    read_energies,
    write_energies,
)
from rhocast.properties.equation_of_state import EquationOfState, VolumeEnergies, volume_energies
from rhocast.properties.equation_of_state_table import (
    fit_and_write,
    read_equation_of_state,
    read_volume_energies,
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
    "BandsFile",
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
    "fit_and_write",
    "hirshfeld_charges",
    "read_bands",
    "read_energies",
    "read_equation_of_state",
    "read_volume_energies",
    "volume_energies",
    "write_bands",
    "write_charges",
    "write_energies",
    "write_equation_of_state",
    "write_volume_energies",
]
