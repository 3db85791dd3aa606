"""Errors of a predicted density against DFT, and of its error bars, over all mesh points."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.stats import norm, rankdata

#: Shares of points that should lie within so many σ; the reliability diagram's axis.
CONFIDENCES = np.linspace(0.05, 0.95, 19)
#: In units of σ, for normal errors.
_HALF_WIDTHS = norm.ppf(0.5 * (1.0 + CONFIDENCES))


@dataclass(frozen=True)
class ErrorSums:
    """Sums over mesh points that every figure follows from; they add up over snapshots.

    The density is taken as the model gives it, but where ``scaled`` stands in the name: there as
    `rhocast predict` writes it, with the electron count of DFT's.

    Attributes
    ----------
    points
        Mesh points.
    squared
        Σ Δρ², (e/Bohr³)².
    displaced
        ∫|Δρ|, electrons.
    scaled_squared, scaled_displaced
        The same of the density that is scaled to the electron count.
    electrons
        Electrons of the DFT density.
    miscounted
        |∫Δρ|, electrons, of each snapshot.
    within_1, within_2, within_3
        Points with |Δρ| within 1, 2, 3 predicted standard deviations.
    within : (19,) int array
        The same within the half-widths of `CONFIDENCES` under a normal law.
    squared_z
        Σ (Δρ/σ)².
    summed_std
        Σ σ, e/Bohr³.
    lowest, highest
        Range of the DFT density, e/Bohr³.
    seconds
        Time that the prediction took.
    """

    points: int
    squared: float
    displaced: float
    scaled_squared: float
    scaled_displaced: float
    electrons: float
    miscounted: float
    within_1: int
    within_2: int
    within_3: int
    within: np.ndarray
    squared_z: float
    summed_std: float
    lowest: float
    highest: float
    seconds: float

    def figures(self) -> dict[str, Any]:
        """Return the error figures.

        ``nmae`` (∫|Δρ|/∫ρ; the same as ``l1_per_electron``, its earlier name), ``rmse`` (e/Bohr³),
        ``nrmse`` (over the range of the DFT density), ``rmse_scaled`` and
        ``l1_per_electron_scaled`` (of the density scaled to the electron count),
        ``electron_count_error`` (|∫Δρ|/N_e), ``coverage_1sigma`` to ``coverage_3sigma`` (shares of
        points), ``calibration_error`` (mean distance of the
        shares within from `CONFIDENCES`), ``mean_squared_z`` (of Δρ/σ), ``mean_std`` (width of
        the error bars: mean σ, e/Bohr³), ``points_per_second``.
        """
        rmse = math.sqrt(self.squared / self.points)
        return {
            "nmae": self.displaced / self.electrons,
            "rmse": rmse,
            "nrmse": rmse / (self.highest - self.lowest),
            "l1_per_electron": self.displaced / self.electrons,
            "rmse_scaled": math.sqrt(self.scaled_squared / self.points),
            "l1_per_electron_scaled": self.scaled_displaced / self.electrons,
            "electron_count_error": self.miscounted / self.electrons,
            "coverage_1sigma": self.within_1 / self.points,
            "coverage_2sigma": self.within_2 / self.points,
            "coverage_3sigma": self.within_3 / self.points,
            "calibration_error": float(np.abs(self.within / self.points - CONFIDENCES).mean()),
            "mean_squared_z": self.squared_z / self.points,
            "mean_std": self.summed_std / self.points,
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
    deviation = np.abs(difference)
    counted = float(np.sum(predicted, dtype=np.float64)) or math.nan
    scaled = predicted * (float(np.sum(reference, dtype=np.float64)) / counted) - reference
    within = [int(np.count_nonzero(deviation <= k * total_std)) for k in (1, 2, 3)]
    return ErrorSums(
        points=reference.size,
        squared=float(np.sum(difference**2)),
        displaced=float(np.sum(deviation)) * voxel_volume,
        scaled_squared=float(np.sum(scaled**2, dtype=np.float64)),
        scaled_displaced=float(np.sum(np.abs(scaled), dtype=np.float64)) * voxel_volume,
        electrons=float(np.sum(reference, dtype=np.float64)) * voxel_volume,
        miscounted=abs(float(np.sum(difference))) * voxel_volume,
        within_1=within[0],
        within_2=within[1],
        within_3=within[2],
        within=np.round(reference.size * coverages(deviation / total_std)).astype(int),
        squared_z=float(np.sum((deviation / total_std) ** 2)),
        summed_std=float(np.sum(total_std, dtype=np.float64)),
        lowest=float(reference.min()),
        highest=float(reference.max()),
        seconds=seconds,
    )


def coverages(in_units: np.ndarray) -> np.ndarray:
    """Share of points whose |Δρ|/σ is within the half-widths of `CONFIDENCES`; (19,)."""
    return np.searchsorted(np.sort(in_units.ravel()), _HALF_WIDTHS, side="right") / in_units.size


def rank_correlations(
    deviation: np.ndarray, total_std: np.ndarray, seed: int = 0
) -> dict[str, float]:
    """Measure how well σ tells large errors from small ones.

    Parameters
    ----------
    deviation
        |Δρ| at any points.
    total_std
        Predicted standard deviation there.
    seed
        Of the errors drawn for comparison.

    Returns
    -------
    dict
        ``spearman``: rank correlation of |Δρ| with σ; ``spearman_possible``: that of normal errors
        drawn from σ, the most that a σ so narrowly distributed can show; ``sharpness``: the former
        over the latter. All are 0 where σ is the same everywhere.
    """
    std = total_std.ravel()
    if np.ptp(std) == 0.0:
        return {"spearman": 0.0, "spearman_possible": 0.0, "sharpness": 0.0}
    drawn = np.abs(np.random.default_rng(seed).standard_normal(len(std))) * std
    ranks = [rankdata(values) for values in (deviation.ravel(), drawn, std)]
    found, ideal = (float(np.corrcoef(ranks[i], ranks[2])[0, 1]) for i in (0, 1))
    return {"spearman": found, "spearman_possible": ideal, "sharpness": found / ideal}


def sharpness(deviation: np.ndarray, total_std: np.ndarray, seed: int = 0) -> float:
    """Return the sharpness of `rank_correlations` alone."""
    return rank_correlations(deviation, total_std, seed)["sharpness"]


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
