"""Perfect crystals: unit cells, their repetition, and fcc and diamond in chosen orientations."""

from collections.abc import Sequence
from math import sqrt

import ase.build
import numpy as np
from ase.lattice.cubic import BodyCenteredCubic, Diamond, FaceCenteredCubic

from rhocast.structures.structure import Structure
from rhocast.units import ANGSTROM_PER_BOHR

#: Distance of nearest neighbours over the lattice constant.
NEIGHBOUR_DISTANCE = {"fcc": sqrt(1 / 2), "bcc": sqrt(3 / 4), "diamond": sqrt(3 / 16)}

_FACTORIES = {"fcc": FaceCenteredCubic, "bcc": BodyCenteredCubic, "diamond": Diamond}


def cubic_cell(lattice: str, constant_bohr: float, element: str) -> Structure:
    """Conventional cell of fcc, bcc or diamond."""
    constant = constant_bohr * ANGSTROM_PER_BOHR
    return Structure.from_ase(ase.build.bulk(element, lattice, a=constant, cubic=True))


def compound_cell(lattice: str, constant_bohr: float, elements: Sequence[str]) -> Structure:
    """Conventional cell of zinc blende or rock salt, of which each element has a sublattice.

    Parameters
    ----------
    lattice
        ``zincblende`` or ``rocksalt``.
    constant_bohr
        Cubic lattice constant, Bohr.
    elements
        Two chemical symbols; the first one at the origin.
    """
    constant = constant_bohr * ANGSTROM_PER_BOHR
    return Structure.from_ase(ase.build.bulk("".join(elements), lattice, a=constant, cubic=True))


def hcp_cell(constant_bohr: float, c_over_a: float, axes: str, element: str) -> Structure:
    """Hexagonal close packing.

    Parameters
    ----------
    constant_bohr
        Distance a of neighbours in the basal plane, Bohr.
    c_over_a
        √(8/3) for touching spheres.
    axes
        ``orthogonal``: 4 atoms, edges a, √3 a, c; ``hexagonal``: 2 atoms, edges a, a, c.
    element
        Chemical symbol.
    """
    atoms = ase.build.bulk(
        element,
        "hcp",
        a=constant_bohr * ANGSTROM_PER_BOHR,
        covera=c_over_a,
        orthorhombic=axes == "orthogonal",
    )
    return Structure.from_ase(atoms)


def oriented_cell(
    lattice: str, constant_bohr: float, directions: np.ndarray, element: str
) -> Structure:
    """Smallest orthogonal cell of a cubic crystal along three perpendicular directions.

    Parameters
    ----------
    lattice
        ``fcc``, ``bcc`` or ``diamond``.
    constant_bohr
        Cubic lattice constant, Bohr.
    directions : (3, 3) int array
        Miller indices of the edges x, y, z, right-handed.
    element
        Chemical symbol.
    """
    atoms = _FACTORIES[lattice](
        directions=np.asarray(directions).tolist(),
        symbol=element,
        latticeconstant=constant_bohr * ANGSTROM_PER_BOHR,
    )
    # ASE turns the crystal so that the edges lie along x, y, z; take its cell as exactly that.
    lengths = np.diag(atoms.cell.array) / ANGSTROM_PER_BOHR
    return Structure(atoms.positions / ANGSTROM_PER_BOHR, np.diag(lengths), atoms.numbers)


def repeat(cell: Structure, counts: tuple[int, int, int]) -> Structure:
    """Repeat a cell along its vectors; the last vector's index runs fastest, then the atoms."""
    steps = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3)
    positions = (steps @ cell.cell)[:, None] + cell.positions
    return Structure(
        positions.reshape(-1, 3),
        cell.cell * np.array(counts)[:, None],
        np.tile(cell.numbers, len(steps)),
    )


def scale(structure: Structure, factors: np.ndarray | float) -> Structure:
    """Scale the lattice vectors, all by one factor or each by its own, and the atoms in them."""
    cell = structure.cell * np.broadcast_to(factors, 3)[:, None]
    if np.ndim(factors) == 0:
        positions = structure.positions * factors
    else:
        positions = structure.positions @ np.linalg.solve(structure.cell, cell)
    return Structure(positions, cell, structure.numbers)
