"""Atoms sorted into bins: what lies around a box is found without a look at the others.

One process holds all atoms; every other gets, with its work, a `Neighbourhood`: the atoms around
one box, images included. So no rank but that one ever holds the structure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rhocast.structures import Structure

#: Side of the bins, Bohr, at least: some atoms in each, several bins within reach.
BIN_BOHR = 7.0

#: Atoms that are sorted at a time: their intermediate arrays stay small.
ATOMS_OF_A_PART = 200_000


@dataclass(frozen=True)
class Neighbourhood:
    """A box of a periodic structure, cut out with the atoms around it.

    Attributes
    ----------
    structure
        The atoms, and images of atoms, around the box. Its cell is large enough that its own
        images do not reach the box: what can be done with a structure can be done with it.
    lower, upper : (3,) float64 arrays
        Corners of the box in fractional coordinates of ``structure.cell``.
    origins : (n,) int32 array
        Which atom of the whole structure each one is, or is an image of.
    """

    structure: Structure
    lower: np.ndarray
    upper: np.ndarray
    origins: np.ndarray

    @property
    def corner(self) -> np.ndarray:
        """Position of the box's lower corner, Bohr; shape (3,)."""
        return self.lower @ self.structure.cell


@dataclass(frozen=True)
class BinnedAtoms:
    """The atoms of a cell, those of a bin one after the other, bins in C order.

    Attributes
    ----------
    cell : (3, 3) float64 array
        Lattice vectors as rows, Bohr.
    counts : tuple of three int
        Bins along each lattice vector.
    starts : (bins + 1,) int array
        Where the atoms of each bin begin.
    fractional : (n, 3) float64 array
        In [0, 1).
    numbers : (n,) int32 array
        Atomic numbers.
    order : (n,) int32 array
        Where each stands in the structure.
    """

    cell: np.ndarray
    counts: tuple[int, int, int]
    starts: np.ndarray
    fractional: np.ndarray
    numbers: np.ndarray
    order: np.ndarray

    @classmethod
    def of(cls, structure: Structure) -> "BinnedAtoms":
        """Sort the atoms of a structure; beside the result it takes 12 bytes an atom at most."""
        cell = structure.cell
        inverse = np.linalg.inv(cell)
        spacing = 1.0 / np.linalg.norm(inverse, axis=0)  # of lattice planes
        x, y, z = np.maximum(1, spacing // BIN_BOHR).astype(int)
        bins = np.empty(len(structure), dtype=np.int32)
        for part, scaled in _fractional_parts(structure.positions, inverse):
            place = (scaled * (x, y, z)).astype(np.int32)
            bins[part] = (place[:, 0] * y + place[:, 1]) * z + place[:, 2]
        starts = np.concatenate([[0], np.cumsum(np.bincount(bins, minlength=x * y * z))])
        fractional, free = np.empty((len(structure), 3)), starts[:-1].copy()
        numbers, order = (np.empty(len(structure), dtype=np.int32) for _ in range(2))
        for part, scaled in _fractional_parts(structure.positions, inverse):
            sorting = np.argsort(bins[part], kind="stable")
            own, first, counts = np.unique(
                bins[part][sorting], return_index=True, return_counts=True
            )
            places = np.arange(len(sorting)) + np.repeat(free[own] - first, counts)
            free[own] += counts
            fractional[places] = scaled[sorting]
            numbers[places] = structure.numbers[part][sorting]
            order[places] = part.start + sorting
        return cls(cell, (x, y, z), starts, fractional, numbers, order)

    def around(
        self, lower: np.ndarray, upper: np.ndarray, reach_bohr: float
    ) -> Neighbourhood | None:
        """Cut out a box with the atoms within reach of it.

        Parameters
        ----------
        lower, upper : (3,) arrays
            Corners of the box in fractional coordinates; they may lie outside [0, 1].
        reach_bohr
            Distance from the box, Bohr.

        Returns
        -------
        Neighbourhood or None
            None if there is no atom within reach.
        """
        margin = reach_bohr * np.linalg.norm(np.linalg.inv(self.cell), axis=0)
        low, high = lower - margin, upper + margin
        fractional, atoms = self._between(low, high)
        if len(atoms) == 0:
            return None
        # A little wider than what was cut out: the images of its far side stay out of reach.
        extent = (high - low) * 1.001
        structure = Structure(
            (fractional - low) @ self.cell, self.cell * extent[:, None], self.numbers[atoms]
        )
        corners = margin / extent, (margin + upper - lower) / extent
        return Neighbourhood(structure, *corners, self.order[atoms])

    def _between(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fractional coordinates of atoms and images between two corners, and which they are."""
        nx, ny, nz = self.counts
        ranges = [
            range(int(np.floor(a * n)), int(np.floor(b * n)) + 1)
            for a, b, n in zip(low, high, self.counts, strict=True)
        ]
        i, j = (axis.ravel() for axis in np.meshgrid(ranges[0], ranges[1], indexing="ij"))
        columns = (i % nx * ny + j % ny) * nz
        first, last = np.transpose(_unwrapped(ranges[2], nz))
        starts = self.starts[columns[:, None] + first % nz].ravel()
        lengths = self.starts[columns[:, None] + (last - 1) % nz + 1].ravel() - starts
        periods = np.broadcast_arrays((i // nx)[:, None], (j // ny)[:, None], first // nz)
        shifts = np.stack(periods, axis=-1).reshape(-1, 3)
        ends = np.cumsum(lengths)
        atoms = np.arange(ends[-1]) + np.repeat(starts - ends + lengths, lengths)
        fractional = self.fractional[atoms] + np.repeat(shifts, lengths, axis=0)
        inside = between(fractional, low, high)
        return fractional[inside], atoms[inside]


def _fractional_parts(
    positions: np.ndarray, inverse: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Fractional coordinates in [0, 1) of some atoms at a time, and which atoms."""
    for start in range(0, len(positions), ATOMS_OF_A_PART):
        part = slice(start, start + ATOMS_OF_A_PART)
        scaled = positions[part] @ inverse % 1.0
        scaled[scaled >= 1.0] = 0.0  # -1e-17 % 1.0 is 1.0
        yield part, scaled


def between(places: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Tell which places (n, 3) lie in a box; (n,) bool."""
    x, y, z = ((places >= low) & (places <= high)).T  # `all` along so short an axis is slow
    return x & y & z


def _unwrapped(bins: range, count: int) -> list[tuple[int, int]]:
    """Cut a range of bins, images included, where a period ends: (first, end) of each part."""
    cuts = range((bins.start // count + 1) * count, bins.stop, count)
    edges = [bins.start, *cuts, bins.stop]
    return list(pairwise(edges))
