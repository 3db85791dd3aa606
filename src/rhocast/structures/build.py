"""Cells from the configuration: lattices, random alloys, vacancies, strain, thermal disorder."""

import logging

import ase.build
import numpy as np
from ase.data import atomic_masses, atomic_numbers

from rhocast import config
from rhocast.errors import StructureError
from rhocast.structures.structure import Structure, read_structure
from rhocast.units import ANGSTROM_PER_BOHR, ELECTRON_MASS_PER_DALTON, HARTREE_PER_KELVIN

log = logging.getLogger(__name__)


def build_system(system: config.System, debye_temperature_K: float, seed: int) -> Structure:
    """Build one cell of the configuration and check its interatomic distances.

    Parameters
    ----------
    system
        The cell's section of the configuration.
    debye_temperature_K
        Sets the size of thermal displacements, K.
    seed
        Decides occupation, vacancies and displacements.

    Raises
    ------
    StructureError
        If a file cannot be read, more atoms are taken out than there are, or atoms coincide.
    """
    rng = np.random.default_rng(seed)
    structure = _lattice(system, rng) if system.file is None else read_structure(system.file)
    structure = remove_atoms(structure, system.vacancies, rng)
    structure = scale(structure, 1.0 + system.strain)
    if system.temperature_K is not None:
        structure = displace(structure, system.temperature_K, debye_temperature_K, rng)
    structure.check_distances()
    log.info(
        "%s, %d atoms, cell volume %.6g Bohr^3, shortest distance %.4g Bohr",
        structure.formula,
        len(structure),
        structure.volume,
        structure.minimum_distance(),
    )
    return structure


def occupy(n_sites: int, composition: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """Distribute elements over sites at random.

    Counts are exact where ``n_sites`` allows it, else the nearest (largest remainders), with a
    warning.

    Returns
    -------
    (n_sites,) int array
        Atomic numbers.
    """
    wanted = np.array(list(composition.values())) * n_sites
    counts = np.floor(wanted + 1e-9).astype(int)
    short = n_sites - counts.sum()
    counts[np.argsort(counts - wanted, kind="stable")[:short]] += 1
    if short:
        log.warning(
            "%d sites cannot hold the composition %s exactly; taken: %s",
            n_sites,
            composition,
            dict(zip(composition, counts.tolist(), strict=True)),
        )
    numbers = np.repeat([atomic_numbers[element] for element in composition], counts)
    return rng.permutation(numbers)


def remove_atoms(structure: Structure, n_vacancies: int, rng: np.random.Generator) -> Structure:
    """Take out ``n_vacancies`` atoms chosen at random."""
    if n_vacancies >= len(structure):
        raise StructureError(
            f"vacancies: expected fewer than the cell's {len(structure)} atoms, found {n_vacancies}"
        )
    kept = np.sort(rng.permutation(len(structure))[n_vacancies:])
    return Structure(structure.positions[kept], structure.cell, structure.numbers[kept])


def scale(structure: Structure, factor: float) -> Structure:
    """Scale the lattice vectors and the atoms in them by ``factor``."""
    return Structure(structure.positions * factor, structure.cell * factor, structure.numbers)


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


def _lattice(system: config.System, rng: np.random.Generator) -> Structure:
    # `config.System` has checked that a lattice comes with its constant and composition.
    composition = dict(system.composition or {})
    constant = system.lattice_constant_bohr or 0.0
    first = next(iter(composition))
    atoms = ase.build.bulk(first, system.lattice, a=constant * ANGSTROM_PER_BOHR, cubic=True)
    atoms = atoms.repeat(system.repeat)
    atoms.numbers[:] = occupy(len(atoms), composition, rng)
    return Structure.from_ase(atoms)
