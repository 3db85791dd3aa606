"""Fast uncertainty: the posterior of the last layer, in closed form.

Given the hidden layers, the mean is linear in φ, the outputs of the last hidden layer and 1. With
Gaussian noise of the deviations s that the network predicts, its weights have a Gaussian posterior
(Bayesian linear regression), and the variance of the mean is

    φᵀ Σ φ = |L φ|²,    Σ = (Σ_r φ φᵀ / s² + λ)⁻¹,    L = C⁻¹ for Σ⁻¹ = C Cᵀ.

It is small where φ is like what was trained on, whatever the density there, and grows with the
distance from it. Mesh points of one snapshot know each other, and the hidden layers were fitted to
the same data, so it is too small by a factor that `rhocast.model.calibration` measures.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: λ in units of the mean diagonal element of Σ_r φ φᵀ / s², for what the data do not settle.
_RIDGE = 1e-6


@dataclass(frozen=True)
class LastLayer:
    """Posterior of the last layer.

    Attributes
    ----------
    factor : (r, w + 1) float32 tensor
        L.
    """

    factor: Tensor

    @classmethod
    def fit(cls, batches: Iterable[tuple[Tensor, Tensor]]) -> "LastLayer":
        """Fit to batches of hidden values (p, w) and predicted deviations s (p,).

        They are never held all at once.
        """
        precision = sum(_precision(hidden, std) for hidden, std in batches)
        assert isinstance(precision, Tensor)
        identity = torch.eye(len(precision), dtype=torch.float64, device=precision.device)
        ridge = _RIDGE * precision.diagonal().mean()
        cholesky = torch.linalg.cholesky(precision + ridge * identity)
        return cls(torch.linalg.solve_triangular(cholesky, identity, upper=False).float())

    def __call__(self, hidden: Tensor) -> Tensor:
        """Compute the deviation |L φ| (p,) of the normalised mean from hidden values (p, w)."""
        return torch.linalg.vector_norm(self.project(hidden), dim=1)

    def project(self, hidden: Tensor) -> Tensor:
        """Compute L φ (p, r) from hidden values (p, w)."""
        return nn.functional.linear(hidden, self.factor[:, :-1], self.factor[:, -1])

    def to(self, device: torch.device) -> "LastLayer":
        """Return a copy on another device."""
        return LastLayer(self.factor.to(device))


def _precision(hidden: Tensor, std: Tensor) -> Tensor:
    """Σ_r φ φᵀ / s² of a batch, (w + 1, w + 1) float64."""
    constant = hidden.new_ones(len(hidden), 1)
    weighted = torch.cat([hidden, constant], dim=1).double() / std.double()[:, None]
    return weighted.T @ weighted
