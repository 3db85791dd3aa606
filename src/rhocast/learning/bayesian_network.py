"""The Bayesian network in torch: dense blocks of variational layers, with two outputs.

What has been fitted becomes plain arrays, `rhocast.model.network.Network`.
"""

import torch
from torch import Tensor, nn

from rhocast import config
from rhocast.learning.layers import VariationalLinear
from rhocast.model import Layer, Network
from rhocast.model.network import MIN_STD


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
        self.layers_per_block = p.layers_per_block

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

    def plain(self) -> Network:
        """Return a copy of the weights as plain arrays."""
        parts = Layer.__annotations__
        layers = (
            Layer(**{part: getattr(layer, part).numpy(force=True).copy() for part in parts})
            for layer in self.layers
        )
        return Network(tuple(layers), self.layers_per_block)

    @classmethod
    def of(cls, network: Network, parameters: config.Network) -> "DensityNetwork":
        """Copy the weights of a network of this shape, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):  # what is drawn here is overwritten at once
            made = cls(network.layers[0].weight.shape[1], parameters)
        with torch.no_grad():
            for layer, values in zip(made.layers, network.layers, strict=True):
                for part, array in vars(values).items():
                    getattr(layer, part).copy_(torch.from_numpy(array))
        return made.eval()
