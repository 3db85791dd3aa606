"""Between the network's numbers and densities: normalisation, and what a prediction holds."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Normalisation:
    """Shift and scale that give features and target zero mean and unit variance.

    Attributes
    ----------
    feature_mean, feature_std : (d,) float32 arrays
    target_mean, target_std : () float32 arrays
        e/Bohr³.
    """

    feature_mean: np.ndarray
    feature_std: np.ndarray
    target_mean: np.ndarray
    target_std: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, target: np.ndarray) -> "Normalisation":
        """Measure features (p, d) and target (p,)."""
        wide = np.float64
        return cls.from_moments(
            features.mean(axis=0, dtype=wide),
            features.var(axis=0, dtype=wide),
            target.mean(dtype=wide),
            target.var(dtype=wide),
        )

    @classmethod
    def from_moments(
        cls,
        feature_mean: np.ndarray,
        feature_variance: np.ndarray,
        target_mean: float,
        target_variance: float,
    ) -> "Normalisation":
        """Take means and variances, (d,) and one number each; what is constant keeps its scale."""
        feature_std = np.sqrt(feature_variance)
        statistics = (
            feature_mean,
            np.where(feature_std > 1e-6, feature_std, 1.0),
            target_mean,
            math.sqrt(target_variance) or 1.0,
        )
        return cls(*(np.asarray(value, dtype=np.float32) for value in statistics))

    def features(self, values: np.ndarray) -> np.ndarray:
        """Normalise features (p, d): method.md, Eq. 13."""
        return (values - self.feature_mean) / self.feature_std

    def target(self, values: np.ndarray) -> np.ndarray:
        """Normalise densities (p,)."""
        return (values - self.target_mean) / self.target_std

    def density(self, values: np.ndarray) -> np.ndarray:
        """Turn the network's mean back into e/Bohr³."""
        return values * self.target_std + self.target_mean


@dataclass(frozen=True)
class Prediction:
    """Densities with their uncertainty; (p,) float32 arrays, e/Bohr³.

    Attributes
    ----------
    mean
        With the mean weights.
    aleatoric_std
        The noise that the network predicts.
    epistemic_std
        Spread over the weights' posterior; None if it was not asked for.
    """

    mean: np.ndarray
    aleatoric_std: np.ndarray
    epistemic_std: np.ndarray | None = None

    @property
    def total_std(self) -> np.ndarray:
        """Square root of the sum of the variances (paper, Eq. 4)."""
        if self.epistemic_std is None:
            return self.aleatoric_std
        return np.hypot(self.aleatoric_std, self.epistemic_std)
