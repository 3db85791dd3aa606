"""The density of superposed free atoms: what a density is compared with to see its bonds.

The atoms are those of the pseudopotential files, from which the engines begin their SCF cycles.
"""

from collections.abc import Callable, Mapping

import numpy as np
from ase.data import atomic_numbers
from scipy.optimize import brentq

from rhocast.density import Density
from rhocast.density.electrons import check_electrons
from rhocast.density.quantity import check_density, check_whole
from rhocast.density.spheres import RadialDensity, superposed
from rhocast.engines.psp8 import Psp8, valence_density
from rhocast.errors import EngineError, ModelError

#: A density holds the electrons of the pseudopotentials within this share.
_SAME_COUNT = 0.02

#: Where the tail of an atom ends, e/Bohr³, and the decays that are looked for, 1/Bohr.
_END_OF_TAIL, _DECAYS = 1e-7, (0.3, 20.0)


def superposed_atoms(density: Density, pseudopotentials: Mapping[str, Psp8]) -> Density:
    """Return the density of free atoms at the places of a density's atoms, in memory.

    Parameters
    ----------
    density
        Its atoms and its mesh are taken.
    pseudopotentials
        By element; their files hold the density of the free atom's valence electrons.

    Returns
    -------
    Density
        On the same mesh, e/Bohr³, scaled to the valence electrons of all atoms. ρ minus this is
        the deformation density.

    Raises
    ------
    ModelError
        As `electrons_of_atoms`.
    EngineError
        If a file holds no density of the atom.
    """
    structure = density.structure
    valence = electrons_of_atoms(density, pseudopotentials)
    atoms = {atomic_numbers[s]: free_atom(pseudopotentials[s]) for s in structure.species}
    values = superposed(structure, density.mesh, atoms)
    found = Density(
        structure,
        values,
        source=f"superposed atoms of {density.source}",
        record={"n_electrons": float(valence.sum())},
    )
    return found.scaled_to_electrons()


def electrons_of_atoms(density: Density, pseudopotentials: Mapping[str, Psp8]) -> np.ndarray:
    """Return the valence electrons of each atom of a density, (n,).

    Raises
    ------
    FileFormatError
        If it is a difference of densities, of a part of a cell, or of other electrons than the
        pseudopotentials'.
    ModelError
        If an element has no pseudopotential.
    """
    check_density(density.record, density.source)
    check_whole(density.record, density.source)
    structure = density.structure
    if missing := sorted(set(structure.species) - set(pseudopotentials)):
        raise ModelError(
            f"{', '.join(missing)}: no pseudopotential is given; give {missing[0]}=FILE or "
            f"{missing[0]}=spms, too"
        )
    valence = np.array([pseudopotentials[symbol].valence for symbol in structure.to_ase().symbols])
    check_electrons(
        density, float(valence.sum()), _SAME_COUNT, "the pseudopotentials", density.electron_count
    )
    return valence


def free_atom(file: Psp8) -> RadialDensity:
    """Tabulate the valence density of a neutral atom, with a tail beyond the table of its file.

    Tables end at 6 Bohr, where 2.7 % of aluminium's electrons are missing. They lie in a tail that
    decays exponentially, as that of an atom does, and as fast as makes the atom neutral.

    Raises
    ------
    EngineError
        If the file holds no density of the atom.
    """
    table = valence_density(file)
    if table is None:
        raise EngineError(
            f"{file.path}: holds no density of the free atom (extension_switch is neither 1 nor "
            "3); give a file of this element that does, such as those of PseudoDojo or SPMS"
        )
    radii, values = table
    last, radius = float(values[-1]), float(radii[-1])
    missing = file.valence - float(np.trapezoid(4.0 * np.pi * radii**2 * values, radii))

    def excess(decay: float) -> float:
        """Electrons of ∫ 4π r² ρ(R) exp(−k (r − R)) dr beyond R, less those that are missing."""
        shape = radius**2 / decay + 2.0 * radius / decay**2 + 2.0 / decay**3
        return 4.0 * np.pi * last * shape - missing

    if not excess(_DECAYS[0]) > 0.0 > excess(_DECAYS[1]):  # next to nothing is missing
        return RadialDensity.of(interpolated(radii, values), radius)
    decay = float(brentq(excess, *_DECAYS))
    within = interpolated(radii, values)
    end = radius + max(0.0, float(np.log(last / _END_OF_TAIL))) / decay
    return RadialDensity.of(
        lambda r: np.where(r <= radius, within(r), last * np.exp(-decay * (r - radius))), end
    )


def interpolated(radii: np.ndarray, values: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that interpolates a table linearly."""
    return lambda distances: np.asarray(np.interp(distances, radii, values))
