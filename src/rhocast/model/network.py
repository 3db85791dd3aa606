"""The network as plain arrays: what it computes with the mean weights, and with drawn ones.

method.md, Eq. 25 to 27.

`rhocast.learning.bayesian_network` is the same network in torch, which fits it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rhocast import config

#: Smallest standard deviation that the network can predict, in units of the target's own.
MIN_STD = 1e-4


@dataclass(frozen=True)
class Layer:
    """A linear layer with independent Gaussian weights and biases.

    Attributes
    ----------
    weight, weight_log_std : (n_out, n_in) float32 arrays
    bias, bias_log_std : (n_out,) float32 arrays
        Mean and logarithm of the standard deviation of the posterior.
    """

    weight: np.ndarray
    weight_log_std: np.ndarray
    bias: np.ndarray
    bias_log_std: np.ndarray

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Map (p, n_in) to (p, n_out) with the mean weights."""
        return inputs @ self.weight.T + self.bias


@dataclass(frozen=True)
class Network:
    """Features of a point to the density there and its noise, both normalised.

    Attributes
    ----------
    layers
        From first to last: the entry, the blocks' layers, the head.
    layers_per_block
        Layers that each connection skips.
    """

    layers: tuple[Layer, ...]
    layers_per_block: int

    def __call__(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map normalised features (p, d) to the mean (p,) and the standard deviation (p,)."""
        return self.outputs(self.hidden(features))

    def hidden(self, features: np.ndarray) -> np.ndarray:
        """Map normalised features (p, d) to what enters the last layer (p, width)."""
        entry, *inner = self.layers[:-1]
        hidden = gelu(entry(features))
        for first in range(0, len(inner), self.layers_per_block):
            through = hidden
            for layer in inner[first : first + self.layers_per_block]:
                through = gelu(layer(through))
            hidden = hidden + through
        return hidden

    def outputs(self, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map what enters the last layer to the mean (p,) and the standard deviation (p,)."""
        mean, raw_std = self.layers[-1](hidden).T
        with np.errstate(invalid="ignore"):  # NaN is told of where fields are checked
            std = np.logaddexp(raw_std, np.float32(0.0)) + np.float32(MIN_STD)
        return mean, std

    def draw(self, samples: int, seed: int) -> list["Network"]:
        """Draw networks from the posterior of the weights.

        The random numbers are those of torch, which this imports: the same seed has given the same
        weights in every version.

        Parameters
        ----------
        samples
            How many.
        seed
            The draws follow from it alone.
        """
        import torch

        generator = torch.Generator().manual_seed(seed)

        def drawn(mean: np.ndarray, log_std: np.ndarray) -> np.ndarray:
            noise = torch.randn(mean.shape, generator=generator, device="cpu").numpy()
            return mean + np.exp(log_std) * noise

        return [
            replace(
                self,
                layers=tuple(
                    replace(
                        layer,
                        weight=drawn(layer.weight, layer.weight_log_std),
                        bias=drawn(layer.bias, layer.bias_log_std),
                    )
                    for layer in self.layers
                ),
            )
            for _ in range(samples)
        ]

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by the names that they have in model files."""
        blocks = (len(self.layers) - 2) // self.layers_per_block
        names = _names(blocks, self.layers_per_block)
        return {
            f"{name}.{part}": array
            for name, layer in zip(names, self.layers, strict=True)
            for part, array in vars(layer).items()
        }

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], parameters: config.Network) -> "Network":
        """Make a network of what `arrays` has returned.

        Raises
        ------
        KeyError
            If one is missing.
        """
        names = _names(parameters.blocks, parameters.layers_per_block)
        parts = Layer.__annotations__
        layers = (Layer(**{part: arrays[f"{name}.{part}"] for part in parts}) for name in names)
        return cls(tuple(layers), parameters.layers_per_block)


def gelu(values: np.ndarray) -> np.ndarray:
    """Compute x Φ(x), Φ being the normal distribution's cumulative function; same shape."""
    from scipy.special import erf  # slow to import, and the compiled kernels do without it

    return values * (0.5 * (1.0 + erf(values * np.float32(math.sqrt(0.5)))))


def _names(blocks: int, layers_per_block: int) -> Iterator[str]:
    yield "entry"
    for block in range(blocks):
        for layer in range(layers_per_block):
            yield f"blocks.{block}.layers.{layer}"
    yield "head"
