"""Atoms in a periodic cell, in Bohr."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar

import numpy as np
from ase import Atoms
from ase.data import chemical_symbols

from rhocast.errors import StructureError
from rhocast.structures.checked_arrays import check_arrays
from rhocast.units import ANGSTROM_PER_BOHR

#: Closer than this, two atoms are taken for one atom written twice.
COINCIDENT_BOHR = 0.5

#: Atoms whose places are worked out at a time, and boxes along a lattice vector: their numbers fit
#: into 32 bits.
_PART, _MOST_BOXES = 200_000, 10**9


@dataclass(frozen=True)
class Structure:
    """Atoms in a cell that is periodic in all directions.

    Attributes
    ----------
    positions : (n, 3) float64 array
        Cartesian positions, Bohr. They may lie outside the cell.
    cell : (3, 3) float64 array
        Lattice vectors as rows, Bohr; right- or left-handed.
    numbers : (n,) int32 array
        Atomic numbers.
    record
        What a builder says of it: what was built and what was measured. Kept in files; what is
        made from this structure starts without it.

    Raises
    ------
    StructureError
        On wrong shapes, NaN, no atoms, unknown elements or a singular cell.
    """

    positions: np.ndarray
    cell: np.ndarray
    numbers: np.ndarray
    record: Mapping[str, Any] = field(default_factory=dict, compare=False)

    fewest_atoms: ClassVar[int] = 1

    def __post_init__(self) -> None:
        positions = np.ascontiguousarray(self.positions, dtype=np.float64)
        cell = np.ascontiguousarray(self.cell, dtype=np.float64)
        numbers = np.ascontiguousarray(self.numbers, dtype=np.int32)
        if len(numbers) < self.fewest_atoms:
            raise StructureError("no atoms in it, expected at least one")
        check_arrays(positions, cell, numbers)
        object.__setattr__(self, "positions", positions)
        object.__setattr__(self, "cell", cell)
        object.__setattr__(self, "numbers", numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def volume(self) -> float:
        """Volume of the cell, Bohr³."""
        return abs(float(np.linalg.det(self.cell)))

    @property
    def counts(self) -> dict[str, int]:
        """Atoms of each element, by chemical symbol in order of atomic number."""
        counts = np.bincount(self.numbers)
        return {chemical_symbols[z]: int(counts[z]) for z in np.flatnonzero(counts)}

    @property
    def species(self) -> tuple[str, ...]:
        """Chemical symbols present, in order of atomic number."""
        return tuple(self.counts)

    @property
    def formula(self) -> str:
        """Symbols with their counts, in order of atomic number, such as ``Si8Ge8``."""
        return "".join(f"{symbol}{count}" for symbol, count in self.counts.items())

    def count_electrons(self, valence: Mapping[str, float]) -> float:
        """Return the valence electrons of all atoms.

        Parameters
        ----------
        valence
            Valence electrons of an atom, by chemical symbol.

        Raises
        ------
        StructureError
            If it lacks an element.
        """
        missing = [symbol for symbol in self.species if symbol not in valence]
        if missing:
            raise StructureError(
                f"{self.formula}: the valence electrons of {', '.join(missing)} are not known, "
                f"only those of {', '.join(valence) or 'no element'}; give them"
            )
        return float(sum(count * valence[symbol] for symbol, count in self.counts.items()))

    @property
    def fractional(self) -> np.ndarray:
        """Positions in units of the lattice vectors, wrapped into [0, 1); shape (n, 3)."""
        scaled = np.linalg.solve(self.cell.T, self.positions.T).T % 1.0
        scaled[scaled >= 1.0] = 0.0  # -1e-17 % 1.0 is 1.0
        return scaled

    def minimum_distance(self) -> float:
        """Shortest distance between two atoms or an atom and its own image, Bohr."""
        shortest_image = _shortest_lattice_vector(self.cell)
        if len(self) == 1:
            return shortest_image
        # No packing is denser than fcc, whose neighbours are 2^(1/6) = 1.12 such lengths apart.
        reach = min(shortest_image, 1.2 * (self.volume / len(self)) ** (1.0 / 3.0))
        return min(self._shortest_within(reach), shortest_image)

    def _shortest_within(self, reach: float) -> float:
        """Shortest distance between two atoms, Bohr; infinity if it is above ``reach``."""
        from scipy.spatial import cKDTree  # slow to import, and most cells need no tree

        points, _ = periodic_images(self, reach)
        # Thermal cells of millions of atoms: a tree that is quick to make, not to search.
        tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
        inside = self.fractional @ self.cell
        distances, _ = tree.query(inside, k=2, distance_upper_bound=reach)
        return float(distances[:, 1].min())

    def _shortest_in_cubes(self) -> float:
        """Distance of two atoms in one small cube, Bohr; infinity if each has a cube of its own.

        Two atoms in a cube are closer than 0.5 Bohr. Where there are none, no place is so crowded
        that a tree would compare each atom with all others.
        """
        inside = self.fractional @ self.cell
        cubes = np.floor(inside / (0.5 * COINCIDENT_BOHR))
        order = np.lexsort(cubes.T)
        shared = np.flatnonzero((cubes[order[1:]] == cubes[order[:-1]]).all(axis=1))
        if not len(shared):
            return np.inf
        pairs = inside[order[shared]] - inside[order[shared + 1]]
        return float(np.linalg.norm(pairs, axis=1).min())

    def _all_apart(self, distance: float) -> bool:
        """Say whether all atoms are certain to be so far apart: seconds for millions of atoms.

        Atoms that are closer share a box of twice that side, in a grid of such boxes or in one
        that is shifted by half a box along some axes.
        """
        inverse = np.linalg.inv(self.cell)
        planes = 1.0 / np.linalg.norm(inverse, axis=0)
        _, y, z = counts = (planes / (2.0 * distance)).astype(np.int64)
        if min(counts) < 2 or max(counts) > _MOST_BOXES:
            return False
        halves = np.empty((3, len(self)), dtype=np.int32)  # in units of half a box
        for start in range(0, len(self), _PART):
            part = slice(start, start + _PART)
            scaled = self.positions[part] @ inverse % 1.0
            halves[:, part] = (scaled * (2 * counts)).T.astype(np.int32) % (2 * counts)[:, None]
        for shifts in product((0, 1), repeat=3):
            i, j, k = (
                (axis + shift) // 2 % n
                for axis, shift, n in zip(halves, shifts, counts.astype(np.int32), strict=True)
            )
            boxes = i.astype(np.int64)
            for count, axis in ((y, j), (z, k)):
                boxes *= count
                boxes += axis
            boxes.sort()
            if (boxes[1:] == boxes[:-1]).any():
                return False
        return True

    def check_distances(self, where: str = "structure") -> None:
        """Raise StructureError if two atoms coincide (closer than 0.5 Bohr)."""
        image = _shortest_lattice_vector(self.cell)
        if image >= COINCIDENT_BOHR and self._all_apart(COINCIDENT_BOHR):
            return
        shortest = min(self._shortest_in_cubes(), image)
        if shortest >= COINCIDENT_BOHR:
            shortest = min(self._shortest_within(COINCIDENT_BOHR), image)
        if shortest < COINCIDENT_BOHR:
            raise StructureError(
                f"{where}: two atoms are {shortest:.3g} Bohr apart, expected at least "
                f"{COINCIDENT_BOHR} Bohr; remove the doubled atom or mend the cell"
            )

    @classmethod
    def from_ase(cls, atoms: Atoms, record: Mapping[str, Any] | None = None) -> "Structure":
        """Convert from ASE (Å); directions that ASE calls open are taken as periodic."""
        return cls(
            atoms.positions / ANGSTROM_PER_BOHR,
            atoms.cell.array / ANGSTROM_PER_BOHR,
            atoms.numbers,
            record or {},
        )

    def to_ase(self) -> Atoms:
        """Convert to ASE (Å), periodic in all directions."""
        return Atoms(
            self.numbers,
            positions=self.positions * ANGSTROM_PER_BOHR,
            cell=self.cell * ANGSTROM_PER_BOHR,
            pbc=True,
        )


class EmptyPart(Structure):
    """A part of a cell that no atom lies in, such as a vacancy: of densities alone."""

    fewest_atoms = 0

    @property
    def formula(self) -> str:
        """What titles say in place of a formula."""
        return "no atoms"


def periodic_images(
    structure: Structure,
    reach: float,
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Atoms and those of their images that lie within ``reach`` of a part of the cell.

    Parameters
    ----------
    structure
        Atoms and cell.
    reach
        Distance in Bohr.
    lower, upper : (3,) arrays
        Corners of the part in fractional coordinates; the whole cell by default. They may lie
        outside [0, 1].

    Returns
    -------
    positions : (m, 3) float64 array
        Cartesian positions, Bohr.
    indices : (m,) int array
        Which atom each is an image of.
    """
    lower = np.zeros(3) if lower is None else np.asarray(lower, dtype=float)
    upper = np.ones(3) if upper is None else np.asarray(upper, dtype=float)
    # Planes of constant fractional coordinate i lie 1/|b_i| apart, b_i the reciprocal vectors.
    margin = reach * np.linalg.norm(np.linalg.inv(structure.cell), axis=0)
    low, high = lower - margin, upper + margin
    scaled = structure.fractional
    indices = np.arange(len(structure))
    for axis in range(3):
        shifts = np.arange(np.floor(low[axis]), np.floor(high[axis]) + 1)
        coordinate = scaled[:, axis, None] + shifts
        atom, shift = np.nonzero((coordinate >= low[axis]) & (coordinate <= high[axis]))
        scaled, indices = scaled[atom], indices[atom]
        scaled[:, axis] += shifts[shift]
    return scaled @ structure.cell, indices


def _shortest_lattice_vector(cell: np.ndarray) -> float:
    steps = np.array(np.meshgrid(*3 * [range(-2, 3)], indexing="ij")).reshape(3, -1).T
    lengths = np.linalg.norm(steps[np.any(steps, axis=1)] @ cell, axis=1)
    return float(lengths.min())
