"""Electrons and standard deviations that belong to each atom, from sums over mesh points.

Hirshfeld's division (method.md, Eq. 40 and 41) is the same for a field that is predicted and for
one that is stored: `Division` in each block, then `AtomicCharges`.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from ase.data import atomic_numbers

from rhocast.density.spheres import RadialDensity, Spheres
from rhocast.descriptors import PseudoAtoms
from rhocast.errors import ModelError
from rhocast.evaluation import compiled as kernels
from rhocast.grid import Mesh, Neighbourhood
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: Electrons that may lie where no free density reaches, as a share of all, without a warning.
_UNASSIGNED_SHARE = 1e-4


@dataclass(frozen=True)
class AtomicCharges:
    """What belongs to each atom.

    Attributes
    ----------
    charges : (n,) float64 array
        Elementary charges, positive where electrons are missing. Their sum is Σ Z − ∫ρ.
    std : (n,) float64 array or None
        Standard deviation of the density, integrated over the atom, electrons; None where the
        density has none. No standard deviation of the charge is larger, and 0.8 times it is the
        number of misplaced electrons to expect.
    charge_std : (n,) float64 array or None
        Standard deviation of each charge, elementary charges; None without samples of the field.
    """

    charges: np.ndarray
    std: np.ndarray | None
    charge_std: np.ndarray | None = None

    @classmethod
    def of_sums(
        cls,
        sums: np.ndarray,
        n_electrons: float,
        structure: Structure,
        valence: Mapping[str, float],
        where: str,
    ) -> "AtomicCharges":
        """Take the difference to neutral atoms; warn of electrons that belong to none.

        Parameters
        ----------
        sums : (1 or 2, n) array
            Integrals over each atom: of the density and, where there is one, of its standard
            deviation, electrons.
        n_electrons
            Integral of the density over the cell.
        structure, valence
            The atoms, and the electrons of a neutral one by chemical symbol.
        where
            Origin of the density in messages.
        """
        unassigned = n_electrons - float(sums[0].sum(dtype=np.float64))
        if abs(unassigned) > _UNASSIGNED_SHARE * structure.count_electrons(valence):
            log.warning(
                "%s: %.4g electrons lie where no pseudo-atom reaches and belong to no atom",
                where,
                unassigned,
            )
        neutral = np.zeros(structure.numbers.max() + 1)
        for symbol in structure.species:
            neutral[atomic_numbers[symbol]] = valence[symbol]
        return cls(neutral[structure.numbers] - sums[0], sums[1] if len(sums) > 1 else None)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """What a table holds of each atom: elementary charges, electrons."""
        known = {
            "charge_e": self.charges,
            "charge_std_e": self.charge_std,
            "std_electrons": self.std,
        }
        return {name: values for name, values in known.items() if values is not None}

    def with_samples(self, charges: Sequence[np.ndarray]) -> "AtomicCharges":
        """Return these charges with the root mean square difference of those of samples, each (n,).

        The samples are of the same field: method.md, Eq. 42 and 43.
        """
        differences = np.stack(charges) - self.charges
        return replace(self, charge_std=np.sqrt(np.mean(differences**2, axis=0)))


@dataclass(frozen=True)
class Division:
    """Divides what lies at mesh points among the atoms: by the compiled kernels, else by NumPy.

    Attributes
    ----------
    pseudo_atoms
        Free densities of the elements.
    free
        The same as tables, by atomic number.
    """

    pseudo_atoms: PseudoAtoms
    free: dict[int, RadialDensity]

    @classmethod
    def by(cls, pseudo_atoms: PseudoAtoms | None, species: Iterable[str]) -> "Division":
        """Divide by pseudo-atoms of these elements.

        Raises
        ------
        ModelError
            If there are no pseudo-atoms, or an element has none.
        """
        free = free_densities(pseudo_atoms, species)
        assert pseudo_atoms is not None
        return cls(pseudo_atoms, free)

    @property
    def reach_bohr(self) -> float:
        """Distance beyond which nothing belongs to an atom, Bohr."""
        return max(one.cutoff_bohr for one in self.free.values())

    def __call__(
        self, values: np.ndarray, atoms: Neighbourhood, mesh: Mesh, isa: str | None = None
    ) -> np.ndarray:
        """Sum what belongs to each atom over a box of a mesh.

        Parameters
        ----------
        values : (k, bx, by, bz) array
            Of the box.
        atoms
            Around it.
        mesh
            The mesh.
        isa
            Instruction set of the kernels, by default the best.

        Returns
        -------
        (k, n) float64 array
            Sums over the points, for each of the atoms.
        """
        if kernels.divides(self.pseudo_atoms):
            return kernels.divide(values, atoms, mesh, self.pseudo_atoms, self.reach_bohr, isa)
        _, x, y, z = values.shape
        return Spheres.around(atoms, mesh, (x, y, z), self.free).divide(values)


def free_densities(
    pseudo_atoms: PseudoAtoms | None, species: Iterable[str]
) -> dict[int, RadialDensity]:
    """Tabulate the densities of free atoms, by atomic number: pseudo-atoms without multipoles.

    Raises
    ------
    ModelError
        If there are no pseudo-atoms, or an element has none.
    """
    if pseudo_atoms is None:
        raise ModelError(
            "charges: expected a model with pseudo-atoms (section `baseline` of the "
            "configuration), found one without"
        )
    if missing := sorted(set(species) - set(pseudo_atoms.species)):
        raise ModelError(
            f"{', '.join(missing)}: unknown to the model, which has pseudo-atoms of "
            f"{', '.join(sorted(pseudo_atoms.species))}; give the model that predicted the density"
        )
    cutoff_bohr = pseudo_atoms.parameters.cutoff_bohr
    return {
        atomic_numbers[symbol]: RadialDensity.of(
            partial(pseudo_atoms.spherical, symbol), cutoff_bohr
        )
        for symbol in species
    }
