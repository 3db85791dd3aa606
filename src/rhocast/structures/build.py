"""Cells from the configuration: a lattice, a defect or a file, then vacancies, strain, heat."""

import logging
from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np

from rhocast import config
from rhocast.structures.alloys import occupy
from rhocast.structures.dislocations import dislocation_pair
from rhocast.structures.grain_boundaries import tilt_boundaries
from rhocast.structures.lattices import compound_cell, cubic_cell, hcp_cell, repeat, scale
from rhocast.structures.shared_sites import read_shared_sites
from rhocast.structures.structure import Structure
from rhocast.structures.structure_file import read_structure
from rhocast.structures.thermal import displace, settle
from rhocast.structures.vacancies import remove_atoms, remove_vacancy

log = logging.getLogger(__name__)


def build_system(system: config.System, debye_temperature_K: float, seed: int) -> Structure:
    """Build one cell of the configuration and check its interatomic distances.

    Parameters
    ----------
    system
        The cell's section of the configuration.
    debye_temperature_K
        Sets the stiffness of the springs between the atoms, and so the size of thermal
        displacements, K.
    seed
        Decides the occupation of sites, vacancies and displacements.

    Returns
    -------
    Structure
        Its record says what it is, with what was measured: formula, composition, shortest distance,
        Burgers vectors or misorientation (both before strain and displacements).

    Raises
    ------
    StructureError
        If a file cannot be read, more atoms are taken out than there are, atoms coincide, or a
        defect is not in the cell as it was meant.
    """
    rng = np.random.default_rng(seed)
    structure = _crystal(system, rng) if system.file is None else _from_file(system, rng)
    record = dict(structure.record)
    structure = _with_vacancies(structure, system, rng)
    structure = scale(structure, 1.0 + np.array(system.strain))
    if system.temperature_K is not None:
        if system.has_ideal_sites:
            structure = settle(structure)
        structure = displace(structure, system.temperature_K, debye_temperature_K, rng)
    structure.check_distances()
    structure = replace(structure, record=record | _changes(system) | _survey(structure))
    log.info("%s", "; ".join(f"{key} {value}" for key, value in structure.record.items()))
    return structure


def _from_file(system: config.System, rng: np.random.Generator) -> Structure:
    if system.shared_sites is not None:
        return read_shared_sites(str(system.file)).occupied(system.repeat, rng)
    structure = read_structure(str(system.file))
    if system.repeat == (1, 1, 1):
        return structure
    return replace(repeat(structure, system.repeat), record=structure.record)


def _crystal(system: config.System, rng: np.random.Generator) -> Structure:
    # `config.System` has checked that a lattice comes with its constant and composition.
    lattice, constant = str(system.lattice), system.lattice_constant_bohr or 0.0
    composition = dict(system.composition or {})
    element = next(iter(composition))
    if system.is_compound:
        sites = repeat(compound_cell(lattice, constant, list(composition)), system.repeat)
        return replace(sites, record={"lattice": lattice})
    if system.dislocation is not None:
        sites = dislocation_pair(lattice, constant, system.dislocation, system.repeat, element)
    elif system.grain_boundary is not None:
        sites = tilt_boundaries(lattice, constant, system.grain_boundary, system.repeat, element)
    elif lattice == "hcp":
        cell = hcp_cell(constant, system.c_over_a or sqrt(8 / 3), system.axes, element)
        sites = repeat(cell, system.repeat)
    else:
        sites = repeat(cubic_cell(lattice, constant, element), system.repeat)
    record = {"lattice": lattice, **sites.record}
    return replace(sites, numbers=occupy(len(sites), composition, rng), record=record)


def _with_vacancies(
    structure: Structure, system: config.System, rng: np.random.Generator
) -> Structure:
    if isinstance(system.vacancies, int):
        return remove_atoms(structure, system.vacancies, rng)
    for elements in system.vacancies:
        structure = remove_vacancy(structure, elements, rng)
    return structure


def _changes(system: config.System) -> dict[str, Any]:
    """Return what has been done to the crystal, as far as it is not the default."""
    keys = {"vacancies", "strain", "temperature_K"}
    return system.model_dump(include=keys, exclude_defaults=True, mode="json")


def _survey(structure: Structure) -> dict[str, Any]:
    """Measure what can be said of any cell."""
    n_atoms = len(structure)
    return {
        "formula": structure.formula,
        "atoms": n_atoms,
        "composition": {s: round(n / n_atoms, 6) for s, n in structure.counts.items()},
        "volume_bohr3": round(structure.volume, 6),
        "minimum_distance_bohr": round(structure.minimum_distance(), 6),
    }
