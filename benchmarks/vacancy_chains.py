"""Where the model `sige` errs in a cell with a vacancy: by neighbours of the empty site.

    python benchmarks/vacancy_chains.py

Every mesh point of `data/sige-unseen/sige63-vacancy` belongs to its nearest atom, every atom to its
lattice site. Offsets of sites from the vacancy are in quarters of the lattice constant; those of
the zigzag chains of bonds that run from the vacancy along ⟨110⟩ are 111, 220, 331, 440.
"""

import sys
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from rhocast.analysis.evaluation import compare_snapshots
from rhocast.model import DensityModel

FILE = Path("data/sige-unseen/sige63-vacancy/600K/0.h5")
#: Quarters of the lattice constant along the cell, of 64 sites, and the sites of a cubic cell.
LENGTH = 8
BASIS = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]])
CHAIN = ("111", "220", "331", "440")


def main() -> None:
    """Evaluate, group, print the table."""
    (judged,) = compare_snapshots(DensityModel.load("sige"), [FILE], 0, uncertainty="fast")
    structure, mesh = judged.field.structure, judged.field.mesh
    sides = np.diag(structure.cell)
    atoms = cKDTree(structure.positions % sides, boxsize=sides)
    nearest = atoms.query(mesh.points(np.arange(mesh.n_points)) % sides)[1]
    error = np.abs(judged.density - judged.reference).reshape(-1)
    std = judged.total_std.reshape(-1)
    offsets = from_vacancy(structure.positions / sides * LENGTH)
    names = np.array(["".join(map(str, sorted(offset, reverse=True))) for offset in offsets])
    lines = ["| offset | Bohr | atoms | chain | RMSE, e/Bohr³ | mean σ | z² |", "|---" * 7 + "|"]
    for name in sorted(set(names), key=lambda text: sum(int(part) ** 2 for part in text)):
        points = np.isin(nearest, np.flatnonzero(names == name))
        length = np.linalg.norm([int(part) for part in name]) * sides[0] / LENGTH
        lines.append(
            f"| {name} | {length:.1f} | {np.sum(names == name)} | {'yes' if name in CHAIN else ''} "
            f"| {np.sqrt(np.mean(error[points] ** 2)):.2e} | {std[points].mean():.2e} "
            f"| {np.mean((error[points] / std[points]) ** 2):.2f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


def from_vacancy(places: np.ndarray) -> np.ndarray:
    """Return the shortest offsets (n, 3) of atoms from the empty site, without signs."""
    cubes = 4 * np.array(list(np.ndindex(2, 2, 2)))
    sites = (cubes[:, None] + np.concatenate([BASIS, BASIS + 1])).reshape(-1, 3)
    own = cKDTree(sites, boxsize=LENGTH).query(places % LENGTH)[1]
    (empty,) = set(range(len(sites))) - set(own.tolist())
    apart = sites[own] - sites[empty]
    return np.abs(apart - LENGTH * np.round(apart / LENGTH)).astype(int)


if __name__ == "__main__":
    main()
