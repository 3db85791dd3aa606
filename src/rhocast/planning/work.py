"""How much work a Kohn-Sham calculation is, in units that a calibration turns into seconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from rhocast.engines.calculation import Calculation
from rhocast.errors import EngineError


@dataclass(frozen=True)
class Work:
    """What the time of one SCF iteration grows with.

    Attributes
    ----------
    waves
        Bands times k-points (k and -k count once; real wave functions count half).
    basis
        Plane waves of a band (ABINIT) or mesh points (SPARC).
    bands
        Bands, empty ones included.
    """

    waves: float
    basis: float
    bands: int

    @classmethod
    def of(cls, calculation: Calculation, engine: str) -> "Work":
        """Count bands, k-points and basis functions of a calculation."""
        kpoints = calculation.kpoints
        weight = 0.5 if kpoints.has_real_waves else 1.0
        return cls(
            waves=weight * kpoints.n_irreducible * calculation.n_bands,
            basis=basis_size(calculation, engine),
            bands=calculation.n_bands,
        )

    @property
    def terms(self) -> np.ndarray:
        """Operations up to a factor each: Hamiltonian on all bands, products of band with band."""
        hamiltonian = self.waves * self.basis * math.log2(max(2.0, self.basis))
        return np.array([hamiltonian, self.waves * self.basis * self.bands])


@dataclass(frozen=True)
class CostLaw:
    """Core seconds of a calculation: start + iterations · (terms of the work · coefficients).

    The first term counts for cells of tens of atoms, the second, cubic in the number of atoms, for
    hundreds.
    """

    start_s: float
    coefficients: tuple[float, float]

    @classmethod
    def fit(
        cls, works: Sequence[Work], iterations: Sequence[int], seconds: Sequence[float]
    ) -> "CostLaw":
        """Fit measured runs, each to the same relative error; no coefficient is negative.

        Raises
        ------
        EngineError
            If there are no runs.
        """
        if not works:
            raise EngineError("no finished calculation to take the cost of others from")
        rows = [np.append(1.0, n * w.terms) for w, n in zip(works, iterations, strict=True)]
        matrix = np.array(rows) / np.array(seconds)[:, None]
        scale = matrix.max(axis=0)
        found, _ = nnls(matrix / scale, np.ones(len(seconds)))
        start, linear, cubic = (found / scale).tolist()
        return cls(start, (linear, cubic))

    def seconds(self, work: Work, iterations: float) -> float:
        """Core seconds of a calculation with so many SCF iterations."""
        return self.start_s + iterations * float(work.terms @ np.array(self.coefficients))


def basis_size(calculation: Calculation, engine: str) -> float:
    """Return plane waves below the cutoff, or mesh points, whichever the engine expands in."""
    if engine == "sparc":
        return float(calculation.mesh.n_points)
    longest = math.sqrt(2.0 * calculation.dft.cutoff_ha)
    return calculation.structure.volume * longest**3 / (6.0 * math.pi**2)


def memory_bytes(calculation: Calculation, engine: str) -> float:
    """Estimate the memory of all ranks together.

    Wave functions of all k-points, twice (the solver's copy), some forty real arrays on the mesh
    of the density, and the programs themselves.
    """
    basis = basis_size(calculation, engine)
    waves = 16.0 * basis * calculation.n_bands * calculation.kpoints.n_irreducible
    if calculation.kpoints.has_real_waves:
        waves /= 2.0
    # A sphere of plane waves lies in a box of Fourier components twice as wide.
    mesh = basis if engine == "sparc" else basis * 8.0 * 6.0 / math.pi
    return 1.5e8 + 2.0 * waves + 40.0 * 8.0 * mesh
