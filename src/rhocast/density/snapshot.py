"""The snapshot: the density of one Kohn-Sham single point with what else was computed."""

from dataclasses import dataclass

import numpy as np

from rhocast.density.density import Density


@dataclass(frozen=True, eq=False)
class Snapshot(Density):
    """One configuration of the atoms with its Kohn-Sham density.

    Attributes
    ----------
    forces : (n, 3) float64 array
        Ha/Bohr; NaN where an imported density came without.
    energy_ha
        Free energy of the cell, Ha; NaN likewise.
    n_electrons
        Valence electrons.
    temperature_K
        Temperature of the ions, K.
    kpoints
        The k-mesh in words, such as ``3 3 3 shift 0 0 0``.
    status
        ``accepted`` or ``rejected``.
    reason
        Why it was rejected; empty otherwise.
    """

    forces: np.ndarray
    energy_ha: float
    n_electrons: float
    temperature_K: float
    kpoints: str
    status: str = "accepted"
    reason: str = ""

    @property
    def kind(self) -> str:
        """Which kind of HDF5 file holds it."""
        return "snapshot"

    @property
    def accepted(self) -> bool:
        """Whether it passed the quality gates."""
        return self.status == "accepted"
