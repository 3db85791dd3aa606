"""Checks of the arrays that a structure is made of."""

import numpy as np
from ase.data import chemical_symbols

from rhocast.errors import StructureError

#: Positions and lattice vectors that are longer hold no digits of a bond's length.
LARGEST_BOHR = 1e8


def check_arrays(positions: np.ndarray, cell: np.ndarray, numbers: np.ndarray) -> None:
    """Check positions (n, 3), a cell (3, 3) and atomic numbers (n,); lengths in Bohr.

    Raises
    ------
    StructureError
        On wrong shapes, NaN, lengths beyond 1e8 Bohr, unknown elements or a singular cell.
    """
    n = len(numbers)
    if positions.shape != (n, 3) or cell.shape != (3, 3) or numbers.ndim != 1:
        raise StructureError(
            f"expected positions (n, 3), cell (3, 3), numbers (n,), found {positions.shape}, "
            f"{cell.shape}, {numbers.shape}"
        )
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=1))
    if len(bad):
        raise StructureError(
            f"the position of atom {bad[0]} is {positions[bad[0]]}, expected finite numbers"
        )
    far = np.flatnonzero((np.abs(positions) > LARGEST_BOHR).any(axis=1))
    if len(far):
        raise StructureError(
            f"the position of atom {far[0]} is {positions[far[0]]} Bohr, expected at most "
            f"{LARGEST_BOHR:g}; the file is damaged or of another unit"
        )
    unknown = numbers[(numbers < 1) | (numbers >= len(chemical_symbols))]
    if len(unknown):
        raise StructureError(f"atomic number {unknown[0]} is no element")
    if np.isfinite(cell).all() and np.abs(cell).max() > LARGEST_BOHR:
        raise StructureError(
            f"a lattice vector is {np.abs(cell).max():g} Bohr long, expected at most "
            f"{LARGEST_BOHR:g}; the file is damaged or of another unit"
        )
    volume = abs(np.linalg.det(cell)) if np.isfinite(cell).all() else 0.0
    if volume < 1e-6 * np.prod(np.linalg.norm(cell, axis=1)) or volume == 0.0:
        raise StructureError(
            f"the cell is singular, lattice vectors (Bohr) {cell.tolist()}; expected three "
            "independent vectors: give the box its size, also in open directions"
        )
