"""Training range: how far the features of a point lie from those that were trained on.

The measure is the Mahalanobis distance |L x| of the normalised features x, with Lᵀ L the inverse of
their covariance. It grows without bound in every direction, which the values of a hidden layer need
not do. Points beyond the distance that 99 % of the points trained on keep to lie outside. In
crystals near melting more of them do than in cold ones; `usual_share` is the largest share that a
snapshot trained on has shown.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: Share of the points trained on that count as inside the training range.
INSIDE = 0.99

#: Added to the variances of the normalised features, for directions in which nothing varies.
_RIDGE = 1e-4


@dataclass(frozen=True)
class TrainingRange:
    """What counts as inside.

    Attributes
    ----------
    factor : (d, d) float32 tensor
        L.
    limit
        |L x| beyond which a point is outside.
    usual_share
        Largest share of points outside in a snapshot that was trained on.
    """

    factor: Tensor
    limit: float
    usual_share: float

    @classmethod
    def fit(cls, batches: Callable[[], Iterable[Tensor]], snapshot: np.ndarray) -> "TrainingRange":
        """Fit to batches of normalised features (p, d) and the number of each point's snapshot.

        They are gone through twice, and never held all at once.
        """
        total = sum(features.T.double() @ features.double() for features in batches())
        assert isinstance(total, Tensor)
        identity = torch.eye(len(total), dtype=torch.float64, device=total.device)
        cholesky = torch.linalg.cholesky(total / len(snapshot) + _RIDGE * identity)
        factor = torch.linalg.solve_triangular(cholesky, identity, upper=False).float()
        unlimited = cls(factor, float("inf"), 1.0)
        distances, done = np.empty(len(snapshot), dtype=np.float32), 0
        for features in batches():
            distances[done : done + len(features)] = unlimited.distance(features).numpy(force=True)
            done += len(features)
        limit = float(np.quantile(distances, INSIDE))
        outside = distances > limit
        shares = [outside[snapshot == number].mean() for number in np.unique(snapshot)]
        return cls(factor, limit, float(max(shares)))

    def distance(self, features: Tensor) -> Tensor:
        """Compute |L x| (p,) of normalised features (p, d)."""
        return torch.linalg.vector_norm(features @ self.factor.T, dim=1)

    def to(self, device: torch.device) -> "TrainingRange":
        """Return a copy on another device."""
        return TrainingRange(self.factor.to(device), self.limit, self.usual_share)
