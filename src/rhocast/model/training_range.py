"""Training range: how far the features of a point lie from those that were trained on.

method.md, Eq. 34.

The measure is the Mahalanobis distance |L x| of the normalised features x, with Lᵀ L the inverse of
their covariance. It grows without bound in every direction, which the values of a hidden layer need
not do. Points beyond the distance that 99 % of the points trained on keep to lie outside. In
crystals near melting more of them do than in cold ones; `usual_share` is the largest share that a
snapshot trained on has shown. `rhocast.learning.uncertainty` fits it.
"""

from dataclasses import dataclass

import numpy as np

#: Share of the points trained on that count as inside the training range.
INSIDE = 0.99


#: Multiplications that OpenBLAS does in the calling thread. Those of larger products go to all its
#: threads, which then wait for more work at full speed: 108 atoms took twice the CPU time.
_SMALL_PRODUCT = 2**17


@dataclass(frozen=True)
class TrainingRange:
    """What counts as inside.

    Attributes
    ----------
    factor : (d, d) float32 array
        L.
    limit
        |L x| beyond which a point is outside.
    usual_share
        Largest share of points outside in a snapshot that was trained on.
    """

    factor: np.ndarray
    limit: float
    usual_share: float

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Compute |L x| (p,) of normalised features (p, d)."""
        rows = max(_SMALL_PRODUCT // self.factor.size, 1)
        parts = np.split(features, range(rows, len(features), rows))
        return np.concatenate([np.linalg.norm(part @ self.factor.T, axis=1) for part in parts])
