"""Calibration: a factor for each standard deviation, from data held back (method.md, Eq. 33).

A maximum-likelihood fit makes errors on new data larger than those it was shown, and the posterior
takes mesh points that know each other for independent. Both are factors: s on the total standard
deviation, and c ≥ 1 on its epistemic part, the likeliest ones under normal errors,

    σ² = s² (σ_aleatoric² + c² σ_epistemic²).
"""

import math
from dataclasses import dataclass

import numpy as np

#: Largest c and largest change by s either way, as logarithms: data held back are few.
_LIMITS = ((-2.3, 2.3), (0.0, 7.0))


@dataclass(frozen=True)
class Calibration:
    """What standard deviations are multiplied by.

    Attributes
    ----------
    aleatoric
        s.
    epistemic
        s c.
    """

    aleatoric: float = 1.0
    epistemic: float = 1.0

    @classmethod
    def fit(
        cls, error: np.ndarray, aleatoric_std: np.ndarray, epistemic_std: np.ndarray
    ) -> "Calibration":
        """Find the likeliest factors for errors that a model made on data held back; all (p,)."""
        from scipy.optimize import minimize  # slow to import, and prediction does without it

        unit = float(np.median(aleatoric_std))
        squares = [
            (np.asarray(values, dtype=np.float64) / unit) ** 2
            for values in (error, aleatoric_std, epistemic_std)
        ]

        def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
            """Negative log-likelihood and its gradient in (ln s, ln c)."""
            scale, factor = np.exp(2.0 * logs)
            spread = factor * squares[2]
            total = squares[1] + spread
            ratio = squares[0] / (scale * total)
            value = logs[0] + 0.5 * np.mean(np.log(total) + ratio)
            slopes = (1.0 - ratio.mean(), np.mean((1.0 - ratio) * spread / total))
            return float(value), np.array(slopes)

        start = np.array([0.0, 1.0])
        found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=_LIMITS)
        scale, factor = (math.exp(value) for value in found.x)
        return cls(scale, scale * factor)

    def __call__(
        self, aleatoric_std: np.ndarray, epistemic_std: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Calibrate both standard deviations."""
        return (
            aleatoric_std * np.float32(self.aleatoric),
            epistemic_std * np.float32(self.epistemic),
        )
