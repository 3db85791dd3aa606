"""The Bayesian network: dense blocks of variational layers, with two outputs."""

import torch
from torch import Tensor, nn

from rhocast import config
from rhocast.model.layers import VariationalLinear

#: Smallest standard deviation that the network can predict, in units of the target's own.
MIN_STD = 1e-4


class DenseBlock(nn.Module):
    """Variational layers with a connection that skips them."""

    def __init__(self, width: int, layers: int, prior_std: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            VariationalLinear(width, width, prior_std) for _ in range(layers)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (p, width) to (p, width)."""
        hidden = inputs
        for layer in self.layers:
            hidden = nn.functional.gelu(layer(hidden))
        return inputs + hidden


class DensityNetwork(nn.Module):
    """Features of a point to the density there and its noise, both normalised.

    In training mode every call draws its own noise of the weights; in evaluation mode the mean
    weights are used.

    Parameters
    ----------
    n_features
        Length d of the feature vector.
    parameters
        Width, blocks and prior.
    """

    def __init__(self, n_features: int, parameters: config.Network) -> None:
        super().__init__()
        p = parameters
        self.entry = VariationalLinear(n_features, p.width, p.prior_std)
        self.blocks = nn.ModuleList(
            DenseBlock(p.width, p.layers_per_block, p.prior_std) for _ in range(p.blocks)
        )
        self.head = VariationalLinear(p.width, 2, p.prior_std)

    @property
    def layers(self) -> list[VariationalLinear]:
        """The variational layers from first to last."""
        return [module for module in self.modules() if isinstance(module, VariationalLinear)]

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map normalised features (p, d) to the mean (p,) and the standard deviation (p,)."""
        return self.outputs(self.hidden(features))

    def hidden(self, features: Tensor) -> Tensor:
        """Map normalised features (p, d) to what enters the last layer (p, width)."""
        hidden = nn.functional.gelu(self.entry(features))
        for block in self.blocks:
            hidden = block(hidden)
        return hidden

    def outputs(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Map what enters the last layer to the mean (p,) and the standard deviation (p,)."""
        mean, raw_std = self.head(hidden).unbind(dim=-1)
        return mean, nn.functional.softplus(raw_std) + MIN_STD

    def kl(self) -> Tensor:
        """Kullback-Leibler divergence of all weights' posterior from their prior, nats."""
        return sum((layer.kl() for layer in self.layers), start=self.head.weight.new_zeros(()))

    @torch.no_grad()
    def draw_weights(self, samples: int, seed: int) -> list[dict[str, Tensor]]:
        """Draw whole sets of weights from the posterior.

        The draws are made on the CPU, so that they are the same on every device and rank.

        Parameters
        ----------
        samples
            How many sets.
        seed
            Of the draws.

        Returns
        -------
        list of dict
            Parameters by name, for `torch.func.functional_call` in evaluation mode.
        """
        generator = torch.Generator().manual_seed(seed)
        parameters = dict(self.named_parameters())
        draws = []
        for _ in range(samples):
            drawn = {}
            for name, mean in parameters.items():
                if (log_std := parameters.get(f"{name}_log_std")) is not None:
                    noise = torch.randn(mean.shape, generator=generator).to(mean.device)
                    drawn[name] = mean + log_std.exp() * noise
            draws.append(drawn)
        return draws
