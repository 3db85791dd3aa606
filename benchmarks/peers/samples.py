"""Snapshots as the peers take them: in e/Å³, on points in Å, with their atoms inside the cell."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from rhocast.density import read_snapshot
from rhocast.units import ANGSTROM_PER_BOHR


@dataclass(frozen=True)
class Sample:
    """A snapshot.

    Attributes
    ----------
    atoms
        In Å.
    density : (nx, ny, nz) float array
        In e/Å³.
    points : (nx, ny, nz, 3) float64 array
        Of the mesh, in Å.
    """

    atoms: Atoms
    density: np.ndarray
    points: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Sample":
        """Read a snapshot file; atoms that have left the cell, as in liquids, are put back.

        ChargE3Net's graphs need that: they look for neighbours one cell away at most.
        """
        snapshot = read_snapshot(path)
        atoms = snapshot.structure.to_ase()
        atoms.wrap()
        mesh = snapshot.mesh
        points = mesh.points(np.arange(mesh.n_points)).reshape(*mesh.shape, 3)
        return cls(
            atoms,
            snapshot.density / ANGSTROM_PER_BOHR**3,
            ANGSTROM_PER_BOHR * points,
        )
