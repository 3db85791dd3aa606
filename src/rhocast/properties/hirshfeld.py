"""Hirshfeld charges: the density divided among the atoms in the ratio of their free densities.

method.md, Eq. 40 and 41; F. L. Hirshfeld, Theoret. Chim. Acta 44, 129 (1977). Free densities are
the model's pseudo-atoms without their multipoles, cut off where they fall below zero.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rhocast.density import Density
from rhocast.density.quantity import check_density, check_whole
from rhocast.descriptors import PseudoAtoms
from rhocast.errors import ModelError
from rhocast.files import replacing
from rhocast.grid import BinnedAtoms, Blocks
from rhocast.inference.atomic_charges import AtomicCharges, Division
from rhocast.parallel.blas import one_blas_thread
from rhocast.structures import Structure

#: Points of a part that is read and divided at a time: whole chunks of a file.
_PART = (64, 64, 64)

_FIELDS = ("density", "epistemic_std", "aleatoric_std")


def hirshfeld_charges(
    density: Density, pseudo_atoms: PseudoAtoms | None, valence: Mapping[str, float]
) -> np.ndarray:
    """Compute the Hirshfeld charge of each atom, (n,), as `divide_among_atoms` does."""
    return divide_among_atoms(density, pseudo_atoms, valence).charges


def divide_among_atoms(
    density: Density, pseudo_atoms: PseudoAtoms | None, valence: Mapping[str, float]
) -> AtomicCharges:
    """Compute the Hirshfeld charge of each atom and, where there is one, its error bar.

    A density in a file is read once, part by part; the cost is linear in the atoms.

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
        If the model has no pseudo-atoms, or an element has none or no valence.
    FileFormatError
        If it is a difference of densities, or of a part of a cell.
    """
    check_density(density.record, density.source)
    check_whole(density.record, density.source)
    structure, mesh = density.structure, density.mesh
    division = Division.by(pseudo_atoms, structure.species)
    if missing := sorted(set(structure.species) - set(valence)):
        raise ModelError(f"{', '.join(missing)}: the model has no number of electrons of it")
    names = [name for name in _FIELDS if name in density.fields]
    sums, total = np.zeros((2 if len(names) > 1 else 1, len(structure))), 0.0
    atoms, blocks = BinnedAtoms.of(structure), Blocks(mesh.shape, _PART)
    with one_blas_thread():
        for block in range(len(blocks)):
            box = blocks.box(block)
            rho, *stds = (density.read_finite(name, box) for name in names)
            total += float(rho.sum())
            around = atoms.around(*blocks.bounds(block), division.reach_bohr)
            if around is not None:
                values = np.stack([rho, np.hypot(*stds)] if stds else [rho])
                own = division(values, around, mesh)
                for row, of_part in zip(sums, own, strict=True):
                    np.add.at(row, around.origins, of_part)
    voxel = mesh.voxel_volume
    return AtomicCharges.of_sums(voxel * sums, voxel * total, structure, valence, density.source)


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
