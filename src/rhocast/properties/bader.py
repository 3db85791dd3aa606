"""Bader charges: the density divided at the surfaces that no gradient crosses, by BaderKit.

The density of valence electrons has no maximum at a nucleus but a ring of them around it. The
surfaces are therefore those of the density with the superposed cores of the free atoms; what is
integrated is the valence density alone.

R. F. W. Bader, Atoms in Molecules (1990); https://github.com/SWeav02/baderkit.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase.data import atomic_numbers

from rhocast.density import Density
from rhocast.density.spheres import RadialDensity, superposed
from rhocast.engines.psp8 import Psp8, core_density
from rhocast.extras import needed_for
from rhocast.properties.superposed_atoms import electrons_of_atoms, interpolated
from rhocast.units import ANGSTROM_PER_BOHR

log = logging.getLogger(__name__)

#: Cores end where they are thinner, e/Bohr³.
_LEAST_CORE = 1e-6

_NO_CORE = RadialDensity(np.zeros(1, dtype=np.float32))


@dataclass(frozen=True)
class BaderCharges:
    """What belongs to each atom.

    Attributes
    ----------
    charges : (n,) float64 array
        Elementary charges, positive where electrons are missing.
    volumes_bohr3 : (n,) float64 array
        Volume of each atom.
    labels : (nx, ny, nz) int array
        The atom that each mesh point belongs to.
    """

    charges: np.ndarray
    volumes_bohr3: np.ndarray
    labels: np.ndarray

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """What a table holds of each atom."""
        return {"charge_e": self.charges, "volume_bohr3": self.volumes_bohr3}


def bader_charges(density: Density, pseudopotentials: Mapping[str, Psp8]) -> BaderCharges:
    """Compute the Bader charge of each atom, in memory.

    Parameters
    ----------
    density
        Of the valence electrons.
    pseudopotentials
        By element: their charges, and the cores that are added where the surfaces are found.

    Raises
    ------
    MissingExtraError
        If baderkit is not installed.
    ModelError
        If an element has no pseudopotential, or they have other electrons than the density.
    """
    structure = density.structure
    valence = electrons_of_atoms(density, pseudopotentials)
    with needed_for("Bader charges"):
        from baderkit import Bader, Grid
    charge = density.to_pymatgen()
    reference = charge.copy()
    reference.data["total"] = charge.data["total"] + structure.volume * _cores(
        density, pseudopotentials
    )
    grids = [Grid(one.structure, one.data, sig_figs=8) for one in (charge, reference)]
    found = Bader(charge_grid=grids[0], reference_grid=grids[1], vacuum_tol=False)
    return BaderCharges(
        valence - found.atom_charges,
        np.asarray(found.atom_volumes) / ANGSTROM_PER_BOHR**3,
        np.asarray(found.atom_labels).astype(np.int32),
    )


def _cores(density: Density, pseudopotentials: Mapping[str, Psp8]) -> np.ndarray:
    """Return the superposed cores on the mesh, e/Bohr³; of elements without them nothing."""
    radial = {}
    for symbol in density.structure.species:
        core = core_density(pseudopotentials[symbol])
        if core is None:
            log.warning(
                "%s: its pseudopotential file holds no core density; maxima of the valence "
                "density around the nucleus may be taken for those of other atoms",
                symbol,
            )
            radial[atomic_numbers[symbol]] = _NO_CORE
        else:
            radii, values = core
            end = float(radii[np.flatnonzero(values >= _LEAST_CORE)[-1]])
            radial[atomic_numbers[symbol]] = RadialDensity.of(interpolated(radii, values), end)
    return superposed(density.structure, density.mesh, radial)
