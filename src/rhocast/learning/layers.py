"""A linear layer whose weights are Gaussian: mean-field variational inference."""

import math

import torch
from torch import Tensor, nn

#: Posterior standard deviation at the start, in units of the prior's: small, or the first steps
#: would drown in the weights' noise.
INITIAL_STD_SHARE = 1e-2


class VariationalLinear(nn.Module):
    """Linear layer with independent Gaussian weights and biases.

    In training mode the outputs are drawn rather than the weights (local reparameterisation,
    Kingma et al. 2015): each point sees its own noise, which quiets the gradient. In evaluation
    mode the mean weights are used.

    Parameters
    ----------
    n_in, n_out
        Widths.
    prior_std
        Standard deviation of the Gaussian prior, times √n_in.

    Attributes
    ----------
    weight, weight_log_std : (n_out, n_in) parameters
    bias, bias_log_std : (n_out,) parameters
        Mean and logarithm of the standard deviation of the posterior.
    """

    def __init__(self, n_in: int, n_out: int, prior_std: float) -> None:
        super().__init__()
        self.prior_std = prior_std / math.sqrt(n_in)
        log_std = math.log(INITIAL_STD_SHARE * self.prior_std)
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / math.sqrt(n_in))
        self.weight_log_std = nn.Parameter(torch.full((n_out, n_in), log_std))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.bias_log_std = nn.Parameter(torch.full((n_out,), log_std))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (p, n_in) to (p, n_out)."""
        mean = nn.functional.linear(inputs, self.weight, self.bias)
        if not self.training:
            return mean
        variance = nn.functional.linear(
            inputs.square(), (2.0 * self.weight_log_std).exp(), (2.0 * self.bias_log_std).exp()
        )
        return mean + variance.sqrt() * torch.randn_like(mean)

    def kl(self) -> Tensor:
        """Kullback-Leibler divergence of the posterior from the prior, nats."""
        return self._kl(self.weight, self.weight_log_std) + self._kl(self.bias, self.bias_log_std)

    def _kl(self, mean: Tensor, log_std: Tensor) -> Tensor:
        log_ratio = log_std - math.log(self.prior_std)
        square = (mean / self.prior_std).square()
        return (0.5 * ((2.0 * log_ratio).exp() + square - 1.0) - log_ratio).sum()
