"""Fast uncertainty: the posterior of the last layer, in closed form (method.md, Eq. 31).

Given the hidden layers, the mean is linear in φ, the outputs of the last hidden layer and 1. With
Gaussian noise of the deviations s that the network predicts, its weights have a Gaussian posterior
(Bayesian linear regression), and the variance of the mean is

    φᵀ Σ φ = |L φ|²,    Σ = (Σ_r φ φᵀ / s² + λ)⁻¹,    L = C⁻¹ for Σ⁻¹ = C Cᵀ.

It is small where φ is like what was trained on, whatever the density there, and grows with the
distance from it. Mesh points of one snapshot know each other, and the hidden layers were fitted to
the same data, so it is too small by a factor that `rhocast.model.calibration` measures.
`rhocast.learning.uncertainty` fits it.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LastLayer:
    """Posterior of the last layer.

    Attributes
    ----------
    factor : (r, w + 1) float32 array
        L.
    """

    factor: np.ndarray

    def __call__(self, hidden: np.ndarray) -> np.ndarray:
        """Compute the deviation |L φ| (p,) of the normalised mean from hidden values (p, w)."""
        return np.linalg.norm(self.project(hidden), axis=1)

    def project(self, hidden: np.ndarray) -> np.ndarray:
        """Compute L φ (p, r) from hidden values (p, w)."""
        return hidden @ self.factor[:, :-1].T + self.factor[:, -1]
