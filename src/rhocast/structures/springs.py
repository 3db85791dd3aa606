"""Springs between neighbours: the stiffness matrix of a crystal, with or without defects.

Each pair of neighbours is held by a spring along the bond and a softer one across it,

    E = ½ Σ k [(1 − β) (n·Δu)² + β |Δu|²],

with n the direction of the bond and Δu the difference of the displacements of its ends (the model
of Born; M. Born, K. Huang, *Dynamical Theory of Crystal Lattices*, 1954). β is zero in close-packed
crystals, which springs along the bonds hold already.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from rhocast.extras import needed_for
from rhocast.structures.structure import Structure, periodic_images

#: Neighbours, in units of the typical distance of nearest ones: those nearer than the first count
#: fully, those beyond the second not at all. In bcc the second shell counts.
_FULL, _NONE = 1.2, 1.3
#: β of crystals with at most so many neighbours an atom. DFT forces on thermal silicon-germanium
#: give 0.11, Tersoff's potential 0.18.
_BENDING, _OPEN_COORDINATION = 0.13, 6.5
#: Atoms whose nearest neighbours tell the typical distance.
_SAMPLE = 4000


@dataclass(frozen=True)
class Springs:
    """The springs of a structure, in units of their mean stiffness: the mean of a diagonal element.

    Attributes
    ----------
    stretch : (b, 3n) sparse float32 matrix
        Elongations of the bonds from displacements, times the root of the stiffness along them.
    difference : (b, n) sparse float32 matrix or None
        Differences of displacements, times the root of the stiffness in all directions.
    stiffness : (b,) float32 array
        k of each bond.
    bending
        β; zero in close-packed crystals.
    highest
        An upper bound of the eigenvalues.
    """

    stretch: csr_matrix
    difference: csr_matrix | None
    stiffness: np.ndarray
    bending: float
    highest: float

    def __call__(self, displacements: np.ndarray) -> np.ndarray:
        """Multiply displacements (n, 3) by the stiffness matrix; same shape."""
        forces = (self.stretch.T @ (self.stretch @ displacements.ravel())).reshape(-1, 3)
        if self.difference is not None:
            forces += self.difference.T @ (self.difference @ displacements)
        return forces

    def push(self, excess: np.ndarray) -> np.ndarray:
        """Return the forces (n, 3) of bonds whose rest lengths are changed by ``excess`` (b,)."""
        along = excess * np.sqrt(self.stiffness / (1.0 - self.bending))
        return (self.stretch.T @ along.astype(np.float32)).reshape(-1, 3)


@dataclass(frozen=True)
class Bonds:
    """Pairs of neighbours, each once.

    Attributes
    ----------
    first, second : (b,) int arrays
        Atoms.
    directions : (b, 3) float32 array
        Unit vectors from the first to the second.
    weights : (b,) float32 array
        1 for nearest neighbours, less for those almost too far away.
    coordination
        Neighbours of a typical atom: the median.
    distance_bohr
        The typical distance of nearest neighbours, Bohr.
    """

    first: np.ndarray
    second: np.ndarray
    directions: np.ndarray
    weights: np.ndarray
    coordination: float
    distance_bohr: float


def find_bonds(structure: Structure) -> Bonds:
    """Find the neighbours of all atoms; an atom and its own image are none."""
    typical = _typical_distance(structure)
    with needed_for("a thermal cell"):
        from matscipy.neighbours import neighbour_list
    first, second, vectors = neighbour_list(
        "ijD",
        cutoff=_NONE * typical,
        positions=structure.positions,
        cell=structure.cell,
        pbc=[True] * 3,
    )
    once = first < second
    first, second, vectors = first[once], second[once], vectors[once]
    lengths = np.linalg.norm(vectors, axis=1)
    weights = np.clip((_NONE - lengths / typical) / (_NONE - _FULL), 0.0, 1.0).astype(np.float32)
    n_atoms = len(structure)
    ends = np.bincount(first, weights, n_atoms) + np.bincount(second, weights, n_atoms)
    directions = (vectors / lengths[:, None]).astype(np.float32)
    return Bonds(first, second, directions, weights, float(np.median(ends)), typical)


def _typical_distance(structure: Structure) -> float:
    """Median distance of an atom from the nearest other one, Bohr; of atoms all over the cell."""
    # No packing is denser than fcc, whose neighbours are 2^(1/6) = 1.12 such lengths apart.
    reach = 1.2 * (structure.volume / len(structure)) ** (1.0 / 3.0)
    points, _ = periodic_images(structure, reach)
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    every = -(-len(structure) // _SAMPLE)
    distances, _ = tree.query(structure.fractional[::every] @ structure.cell, k=2)
    return float(np.median(distances[:, 1]))


def make_springs(structure: Structure, bonds: Bonds) -> Springs:
    """Make the springs of a structure.

    Parameters
    ----------
    structure
        Its atoms are where the springs are at rest.
    bonds
        Of the structure, at least one.
    """
    n_atoms, n_bonds = len(structure), len(bonds.first)
    bending = _BENDING if bonds.coordination <= _OPEN_COORDINATION else 0.0
    # Mean of the diagonal elements of an undisturbed atom, for k = 1: (1 + 2β) / 3 a bond.
    per_bond = 3.0 / (bonds.coordination * (1.0 + 2.0 * bending))
    stiffness = (per_bond * bonds.weights).astype(np.float32)
    along = np.sqrt((1.0 - bending) * stiffness)[:, None] * bonds.directions
    columns = np.stack([bonds.first, bonds.second], axis=1).astype(np.int32)
    stretch = csr_matrix(
        (
            np.concatenate([-along, along], axis=1).astype(np.float32).ravel(),
            (3 * columns[:, :, None] + np.arange(3, dtype=np.int32)).ravel(),
            np.arange(0, 6 * n_bonds + 1, 6),
        ),
        shape=(n_bonds, 3 * n_atoms),
    )
    difference = None
    if bending > 0.0:
        roots = np.sqrt(bending * stiffness)[:, None] * np.array([-1.0, 1.0])
        difference = csr_matrix(
            (
                roots.astype(np.float32).ravel(),
                columns.ravel(),
                np.arange(0, 2 * n_bonds + 1, 2),
            ),
            shape=(n_bonds, n_atoms),
        )
    highest = _highest(bonds, stiffness, bending, n_atoms)
    return Springs(stretch, difference, stiffness, bending, highest)


def _highest(bonds: Bonds, stiffness: np.ndarray, bending: float, n_atoms: int) -> float:
    """Bound the eigenvalues: u·K u is at most twice that of the blocks on the diagonal alone."""
    blocks = np.zeros((n_atoms, 3, 3))
    for i in range(3):
        for j in range(i + 1):
            product = (1.0 - bending) * bonds.directions[:, i] * bonds.directions[:, j]
            values = stiffness * (product + (bending if i == j else 0.0))
            for ends in (bonds.first, bonds.second):
                blocks[:, i, j] += np.bincount(ends, values, n_atoms)
            blocks[:, j, i] = blocks[:, i, j]
    return 2.0 * float(np.linalg.eigvalsh(blocks)[:, -1].max())
