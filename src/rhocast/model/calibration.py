"""Calibration: a factor for each standard deviation, from data held back (method.md, Eq. 33).

A maximum-likelihood fit makes errors on new data larger than those it was shown, and the posterior
takes mesh points that know each other for independent. Both are factors: s on the total standard
deviation, and c ≥ 1 on its epistemic part, the likeliest ones under normal errors,

    σ² = s² (σ_aleatoric² + c² σ_epistemic² + σ_g²) + σ_r².

A posterior of weights knows no error of the network's form, which is small where the data are and
large outside. σ_g = σ_aleatoric (q / q_99)², with q = σ_epistemic / σ_aleatoric and the q_99 that
99 % of the points trained on keep to, stands for it: next to nothing inside, as large as the noise
at the edge, and more beyond.

The densities trained on have an error of their own, that of their k-points. In their own cells a
model learns it like all else; in another cell it is another error. σ_r is what errors in cells
that were not trained on add, at temperatures and volumes that were.
"""

import math
from dataclasses import dataclass, replace

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
    reference
        σ_r, e/Bohr³; it counts as aleatoric.
    edge
        q_99, before calibration; None for σ_g = 0. σ_g counts as epistemic.
    """

    aleatoric: float = 1.0
    epistemic: float = 1.0
    reference: float = 0.0
    edge: float | None = None

    @classmethod
    def fit(
        cls,
        error: np.ndarray,
        aleatoric_std: np.ndarray,
        epistemic_std: np.ndarray,
        edge: float | None = None,
    ) -> "Calibration":
        """Find the likeliest factors for errors that a model made on data held back; all (p,)."""
        from scipy.optimize import minimize  # slow to import, and prediction does without it

        unit = float(np.median(aleatoric_std))
        grown = np.hypot(aleatoric_std, _growth(aleatoric_std, epistemic_std, edge))
        squares = [
            (np.asarray(values, dtype=np.float64) / unit) ** 2
            for values in (error, grown, epistemic_std)
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
        return cls(scale, scale * factor, edge=edge)

    def with_reference(
        self, error: np.ndarray, aleatoric_std: np.ndarray, epistemic_std: np.ndarray
    ) -> "Calibration":
        """Find the likeliest σ_r for errors in cells not trained on; all (p,), e/Bohr³."""
        from scipy.optimize import minimize_scalar  # slow to import, as above

        known = sum(
            np.square(std, dtype=np.float64)
            for std in replace(self, reference=0.0)(aleatoric_std, epistemic_std)
        )
        squares = np.square(error, dtype=np.float64)
        if np.mean((1.0 - squares / known) / known) >= 0.0:  # the likelihood falls with σ_r
            return replace(self, reference=0.0)

        def loss(log: float) -> float:
            total = known + math.exp(2.0 * log)
            return float(np.mean(np.log(total) + squares / total))

        usual = 0.5 * math.log(np.median(known))
        found = minimize_scalar(loss, bounds=(usual - 5.0, usual + 5.0), method="bounded")
        return replace(self, reference=math.exp(found.x))

    def __call__(
        self, aleatoric_std: np.ndarray, epistemic_std: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Calibrate both standard deviations."""
        growth = _growth(aleatoric_std, epistemic_std, self.edge) * np.float32(self.aleatoric)
        return (
            np.hypot(aleatoric_std * np.float32(self.aleatoric), np.float32(self.reference)),
            np.hypot(epistemic_std * np.float32(self.epistemic), growth),
        )


def _growth(
    aleatoric_std: np.ndarray, epistemic_std: np.ndarray, edge: float | None
) -> np.ndarray | np.float32:
    """Compute σ_g (p,) from deviations (p,) before calibration."""
    if edge is None:
        return np.float32(0.0)
    return aleatoric_std * np.square(epistemic_std / (np.float32(edge) * aleatoric_std))
