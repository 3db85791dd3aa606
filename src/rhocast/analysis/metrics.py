"""Errors of a predicted density against DFT, over all mesh points."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class ErrorSums:
    """Sums over mesh points that every figure follows from; they add up over snapshots.

    The density is taken as predicted, before it is scaled to the electron count.

    Attributes
    ----------
    points
        Mesh points.
    squared
        Σ Δρ², (e/Bohr³)².
    displaced
        ∫|Δρ|, electrons.
    electrons
        Electrons of the DFT density.
    miscounted
        |∫Δρ|, electrons, of each snapshot.
    within_1, within_2, within_3
        Points with |Δρ| within 1, 2, 3 predicted standard deviations.
    lowest, highest
        Range of the DFT density, e/Bohr³.
    seconds
        Time that the prediction took.
    """

    points: int
    squared: float
    displaced: float
    electrons: float
    miscounted: float
    within_1: int
    within_2: int
    within_3: int
    lowest: float
    highest: float
    seconds: float

    def figures(self) -> dict[str, float]:
        """Return the error figures.

        ``rmse`` (e/Bohr³), ``nrmse`` (over the range of the DFT density), ``l1_per_electron``
        (∫|Δρ|/N_e), ``electron_count_error`` (|∫Δρ|/N_e), ``coverage_1sigma`` to
        ``coverage_3sigma`` (shares of points), ``points_per_second``.
        """
        rmse = math.sqrt(self.squared / self.points)
        return {
            "rmse": rmse,
            "nrmse": rmse / (self.highest - self.lowest),
            "l1_per_electron": self.displaced / self.electrons,
            "electron_count_error": self.miscounted / self.electrons,
            "coverage_1sigma": self.within_1 / self.points,
            "coverage_2sigma": self.within_2 / self.points,
            "coverage_3sigma": self.within_3 / self.points,
            "points_per_second": self.points / self.seconds,
        }


def compare(
    predicted: np.ndarray,
    total_std: np.ndarray,
    reference: np.ndarray,
    voxel_volume: float,
    seconds: float,
) -> ErrorSums:
    """Compare a predicted density with DFT's on the same mesh.

    Parameters
    ----------
    predicted, reference : (nx, ny, nz) arrays
        e/Bohr³.
    total_std : (nx, ny, nz) array
        Predicted standard deviation, aleatoric and epistemic together, e/Bohr³.
    voxel_volume
        Bohr³.
    seconds
        Time that the prediction took.
    """
    difference = predicted.astype(np.float64) - reference
    within = [int(np.count_nonzero(np.abs(difference) <= k * total_std)) for k in (1, 2, 3)]
    return ErrorSums(
        points=reference.size,
        squared=float(np.sum(difference**2)),
        displaced=float(np.sum(np.abs(difference))) * voxel_volume,
        electrons=float(np.sum(reference, dtype=np.float64)) * voxel_volume,
        miscounted=abs(float(np.sum(difference))) * voxel_volume,
        within_1=within[0],
        within_2=within[1],
        within_3=within[2],
        lowest=float(reference.min()),
        highest=float(reference.max()),
        seconds=seconds,
    )


def pool(parts: Iterable[ErrorSums]) -> ErrorSums:
    """Add up the sums of several snapshots."""
    every = list(parts)
    combine = {"lowest": min, "highest": max}
    return ErrorSums(
        **{
            f.name: combine.get(f.name, sum)([getattr(p, f.name) for p in every])
            for f in fields(ErrorSums)
        }
    )
