"""Hirshfeld charges: the density divided among the atoms in the ratio of their free densities.

method.md, Eq. 40 and 41; F. L. Hirshfeld, Theoret. Chim. Acta 44, 129 (1977). Free densities are
the model's pseudo-atoms without their multipoles, cut off where they fall below zero.
"""

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from rhocast.density import Density
from rhocast.descriptors import PseudoAtoms
from rhocast.errors import ModelError
from rhocast.files import replacing
from rhocast.properties.spheres import RadialDensity, Spheres
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


def hirshfeld_charges(
    density: Density, pseudo_atoms: PseudoAtoms, valence: Mapping[str, float]
) -> np.ndarray:
    """Compute the Hirshfeld charge of each atom, (n,), as `divide_among_atoms` does."""
    return divide_among_atoms(density, pseudo_atoms, valence).charges


def divide_among_atoms(
    density: Density, pseudo_atoms: PseudoAtoms, valence: Mapping[str, float]
) -> AtomicCharges:
    """Compute the Hirshfeld charge of each atom and, where there is one, its error bar.

    A density in a file is read once, some layers at a time; the cost is linear in the atoms.

    Parameters
    ----------
    density
        Of the valence electrons.
    pseudo_atoms
        Free densities of its elements.
    valence
        Electrons of a neutral atom, by chemical symbol.

    Raises
    ------
    ModelError
        If an element has no pseudo-atom or no valence.
    """
    structure, voxel = density.structure, density.mesh.voxel_volume
    for known, what in ((pseudo_atoms.species, "pseudo-atom"), (valence, "number of electrons")):
        if missing := sorted(set(structure.species) - set(known)):
            raise ModelError(f"{', '.join(missing)}: the model has no {what} of it, expected one")
    cutoff_bohr = pseudo_atoms.parameters.cutoff_bohr
    free = {
        symbol: RadialDensity.of(partial(pseudo_atoms.spherical, symbol), cutoff_bohr)
        for symbol in structure.species
    }
    spheres = Spheres.of(structure, density.mesh, free)
    sums, unassigned, first = np.zeros((2, len(structure))), 0.0, 0
    for values, std in _layers(density):
        promolecule = np.zeros(values.size)
        for _, points, own in spheres.within(first, len(values)):
            np.add.at(promolecule, points, own)
        flat, reached = np.stack([values.ravel(), std.ravel()]), promolecule > 0.0
        ratios = np.divide(flat, promolecule, out=np.zeros_like(flat), where=reached)
        for atom, points, own in spheres.within(first, len(values)):
            sums[:, atom] += ratios[:, points] @ own
        unassigned += voxel * float(flat[0, ~reached].sum())
        first += len(values)
    neutral = np.array([valence[symbol] for symbol in structure.to_ase().symbols])
    if abs(unassigned) > _UNASSIGNED_SHARE * neutral.sum():
        log.warning(
            "%s: %.4g electrons lie where no pseudo-atom reaches and belong to no atom",
            density.source,
            unassigned,
        )
    electrons, std = voxel * sums
    return AtomicCharges(neutral - electrons, std if _has_std(density) else None)


def _has_std(density: Density) -> bool:
    return "epistemic_std" in density.fields


def _layers(density: Density) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the density and its standard deviation, zero where there is none, part by part."""
    if not _has_std(density):
        yield from ((values, np.zeros_like(values)) for values in density.layers("density"))
        return
    fields = (density.layers(name) for name in ("density", "epistemic_std", "aleatoric_std"))
    for values, epistemic, aleatoric in zip(*fields, strict=True):
        yield values, np.hypot(epistemic, aleatoric)


def write_charges(
    path: str | Path, structure: Structure, columns: Mapping[str, np.ndarray]
) -> None:
    """Write a table (TSV): atom from 0, element, position in Å, then what is given of each atom."""
    atoms = structure.to_ase()
    with replacing(path) as target, target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(["atom", "element", "x_A", "y_A", "z_A", *columns])
        for number, (symbol, place, own) in enumerate(
            zip(atoms.symbols, atoms.positions, np.stack([*columns.values()], 1), strict=True)
        ):
            writer.writerow([number, symbol, *(f"{x:.6f}" for x in (*place, *own))])


def charges_by_element(structure: Structure, columns: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return mean, least and largest charge of each element, means of the rest, the sum of all."""
    symbols = np.array(list(structure.to_ase().symbols))
    figures = {"sum_e": float(columns["charge_e"].sum())}
    for element in structure.species:
        for name, values in columns.items():
            own = values[symbols == element]
            if name == "charge_e":
                figures |= {
                    f"{element}_mean_e": float(own.mean()),
                    f"{element}_least_e": float(own.min()),
                    f"{element}_largest_e": float(own.max()),
                }
            else:
                figures[f"{element}_{name}"] = float(own.mean())
    return figures
