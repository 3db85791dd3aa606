"""A path through the Brillouin zone of a cell, by ASE."""

from dataclasses import dataclass

import numpy as np
from ase.cell import Cell

from rhocast.errors import ConfigError
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR


@dataclass(frozen=True)
class KPath:
    """K-points along lines between points of high symmetry.

    Attributes
    ----------
    kpoints : (k, 3) array
        In units of the reciprocal lattice vectors.
    distances_per_bohr : (k,) array
        Length of the path up to each point, 1/Bohr (2π included); jumps have none.
    corners
        Points of high symmetry: length of the path up to there, 1/Bohr, and name.
    """

    kpoints: np.ndarray
    distances_per_bohr: np.ndarray
    corners: tuple[tuple[float, str], ...]

    @classmethod
    def of(cls, structure: Structure, path: str | None = None, points: int = 100) -> "KPath":
        """Return the path of a cell's Bravais lattice (Setyawan and Curtarolo, 2010).

        The lattice is that of the cell, whatever atoms are in it: bands of a supercell are folded.

        Parameters
        ----------
        structure
            The cell.
        path
            Names of the points, such as ``GXWKGL``, with a comma for a jump; by default those
            that ASE suggests for the lattice.
        points
            About how many k-points there shall be.

        Raises
        ------
        ConfigError
            If the lattice has no point of a name.
        """
        cell = Cell(structure.cell * ANGSTROM_PER_BOHR)
        try:
            found = cell.bandpath(path, npoints=points)
        except KeyError as error:
            known = ", ".join(cell.bandpath(npoints=0).special_points)
            raise ConfigError(
                f"path {path}: the cell's lattice has no point {error}, expected some of {known}"
            ) from None
        along, places, names = found.get_linear_kpoint_axis()
        merged: dict[float, str] = {}
        for place, name in zip(places * ANGSTROM_PER_BOHR, names, strict=True):
            merged[float(place)] = ",".join(filter(None, (merged.get(float(place)), name)))
        return cls(found.kpts, along * ANGSTROM_PER_BOHR, tuple(merged.items()))
