"""Between the network's numbers and densities: normalisation, and what a prediction holds."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Normalisation:
    """Shift and scale that give features and target zero mean and unit variance.

    Attributes
    ----------
    feature_mean, feature_std : (d,) float32 tensors
    target_mean, target_std : () float32 tensors
        e/Bohr³.
    """

    feature_mean: Tensor
    feature_std: Tensor
    target_mean: Tensor
    target_std: Tensor

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
        return cls(*(torch.tensor(value, dtype=torch.float32) for value in statistics))

    def features(self, values: Tensor) -> Tensor:
        """Normalise features (p, d)."""
        return (values - self.feature_mean) / self.feature_std

    def target(self, values: Tensor) -> Tensor:
        """Normalise densities (p,)."""
        return (values - self.target_mean) / self.target_std

    def density(self, values: Tensor) -> Tensor:
        """Turn the network's mean back into e/Bohr³."""
        return values * self.target_std + self.target_mean

    def to(self, device: torch.device) -> "Normalisation":
        """Return a copy on another device."""
        return Normalisation(**{name: tensor.to(device) for name, tensor in vars(self).items()})


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
