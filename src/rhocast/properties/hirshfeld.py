"""Hirshfeld charges: the density divided among the atoms in the ratio of their free densities.

method.md, Eq. 40 and 41; F. L. Hirshfeld, Theoret. Chim. Acta 44, 129 (1977). Free densities are
the model's pseudo-atoms without their multipoles, cut off where they fall below zero.
"""

import csv
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast.density import Density
from rhocast.descriptors import PseudoAtoms
from rhocast.errors import ModelError
from rhocast.files import replacing
from rhocast.grid import Mesh
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: Squared distances at which a free density is tabulated, Bohr².
_STEP_BOHR2 = 0.005

#: Electrons that may lie where no free density reaches, as a share of all, without a warning.
_UNASSIGNED_SHARE = 1e-4


@dataclass(frozen=True)
class _FreeAtom:
    """A free density, tabulated over the squared distance, in which it is smooth at the nucleus.

    Attributes
    ----------
    values, slopes : (n,) arrays
        e/Bohr³ at multiples of `_STEP_BOHR2`, and what is added until the next.
    cutoff_bohr
        Distance from which on there is nothing.
    """

    values: np.ndarray
    slopes: np.ndarray
    cutoff_bohr: float

    @classmethod
    def of(cls, pseudo_atoms: PseudoAtoms, symbol: str) -> "_FreeAtom":
        squared = np.arange(0.0, pseudo_atoms.parameters.cutoff_bohr**2, _STEP_BOHR2)
        values = np.maximum(pseudo_atoms.spherical(symbol, np.sqrt(squared)), 0.0)
        last = int(np.flatnonzero(values)[-1]) + 1
        values = values[:last]
        return cls(values, np.diff(values, append=0.0), float(np.sqrt(last * _STEP_BOHR2)))

    def __call__(self, squared: np.ndarray) -> np.ndarray:
        """Interpolate at squared distances within the cutoff, Bohr²; e/Bohr³."""
        scaled = squared / _STEP_BOHR2
        interval = np.minimum(scaled.astype(np.int32), len(self.values) - 1)
        return self.values[interval] + (scaled - interval) * self.slopes[interval]


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
    """

    charges: np.ndarray
    std: np.ndarray | None


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
    spheres = _Spheres.of(structure, density.mesh, pseudo_atoms)
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


@dataclass(frozen=True)
class _Spheres:
    """Mesh points around each atom, and its free density there.

    Attributes
    ----------
    mesh
        The mesh.
    fractional : (n, 3) array
        Atoms, in [0, 1).
    atoms
        The free density of each.
    heights : (3,) array
        Distances between opposite faces of the cell, Bohr.
    """

    mesh: Mesh
    fractional: np.ndarray
    atoms: list[_FreeAtom]
    heights: np.ndarray

    @classmethod
    def of(cls, structure: Structure, mesh: Mesh, pseudo_atoms: PseudoAtoms) -> "_Spheres":
        free = {symbol: _FreeAtom.of(pseudo_atoms, symbol) for symbol in structure.species}
        inverse = np.linalg.inv(mesh.cell)
        return cls(
            mesh,
            structure.positions @ inverse % 1.0,
            [free[symbol] for symbol in structure.to_ase().symbols],
            1.0 / np.linalg.norm(inverse, axis=0),
        )

    def within(self, first: int, count: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield atom, points and densities, e/Bohr³, of those that reach some layers.

        Points are flat indices into the layers; a point occurs once for each image of the atom.
        """
        shape, cell = np.array(self.mesh.shape), self.mesh.cell
        for atom, (centre, free) in enumerate(zip(self.fractional, self.atoms, strict=True)):
            reach = free.cutoff_bohr / self.heights
            lower = np.ceil((centre - reach) * shape).astype(int)
            upper = np.floor((centre + reach) * shape).astype(int)
            x, y, z = (np.arange(a, b + 1) for a, b in zip(lower, upper, strict=True))
            x = x[(x - first) % shape[0] < count]
            if not len(x):
                continue
            away = [
                (i / n - c)[:, None] * axis
                for i, n, c, axis in zip((x, y, z), shape, centre, cell, strict=True)
            ]
            squared = _squared_sums(*away)
            near = np.flatnonzero(squared < free.cutoff_bohr**2)
            rows = ((x - first) % shape[0])[:, None] * shape[1] + y % shape[1]
            points = (rows[..., None] * shape[2] + z % shape[2]).ravel()
            yield atom, points[near], free(squared[near])


def _squared_sums(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return |x_i + y_j + z_k|² of vectors (n, 3) along three axes, flat, C order."""
    rows = (x[:, None] + y).reshape(-1, 3)
    squared = 2.0 * rows @ z.T
    squared += np.einsum("ij,ij->i", rows, rows)[:, None] + np.einsum("ij,ij->i", z, z)
    return squared.ravel()


def write_charges(path: str | Path, structure: Structure, found: AtomicCharges) -> None:
    """Write a table (TSV): atom from 0, element, position in Å, charge in e, std in electrons."""
    atoms = structure.to_ase()
    columns = [found.charges] if found.std is None else [found.charges, found.std]
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        header = ["atom", "element", "x_A", "y_A", "z_A", "charge_e", "std_electrons"]
        writer.writerow(header[: 5 + len(columns)])
        for number, (symbol, place, own) in enumerate(
            zip(atoms.symbols, atoms.positions, np.stack(columns, axis=1), strict=True)
        ):
            writer.writerow([number, symbol, *(f"{x:.6f}" for x in (*place, *own))])


def charges_by_element(structure: Structure, found: AtomicCharges) -> dict[str, float]:
    """Return mean, least and largest charge of each element, its mean std, and the sum of all."""
    symbols = np.array(list(structure.to_ase().symbols))
    figures = {"sum_e": float(found.charges.sum())}
    for element in structure.species:
        own = found.charges[symbols == element]
        figures |= {
            f"{element}_mean_e": float(own.mean()),
            f"{element}_least_e": float(own.min()),
            f"{element}_largest_e": float(own.max()),
        }
        if found.std is not None:
            figures[f"{element}_std_electrons"] = float(found.std[symbols == element].mean())
    return figures
