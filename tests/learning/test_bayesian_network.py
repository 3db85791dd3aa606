import numpy as np
import pytest
import torch

from rhocast import config
from rhocast.learning.bayesian_network import DensityNetwork

PARAMETERS = config.Network(width=8, blocks=2, layers_per_block=2)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return DensityNetwork(5, PARAMETERS).eval()


def test_outputs_are_a_mean_and_a_positive_deviation(network):
    mean, std = network(1e3 * torch.randn(7, 5))
    assert mean.shape == std.shape == (7,)
    assert (std > 0.0).all()


def test_layers_are_in_the_order_of_the_signal(network):
    widths = [tuple(layer.weight.shape) for layer in network.layers]
    assert widths == [(8, 5), (8, 8), (8, 8), (8, 8), (8, 8), (2, 8)]


def test_a_silent_block_lets_the_signal_through(network):
    inputs = torch.randn(3, 8)
    block = network.blocks[0]
    with torch.no_grad():
        block.layers[-1].weight.zero_()
    torch.testing.assert_close(block(inputs), inputs)


def test_divergence_is_the_sum_over_layers(network):
    torch.testing.assert_close(network.kl(), torch.stack([x.kl() for x in network.layers]).sum())


def test_plain_arrays_compute_the_same(network):
    """NumPy and torch, the way there and back."""
    plain = network.plain()
    inputs = torch.randn(50, 5)
    with torch.no_grad():
        expected = network(inputs)
        again = DensityNetwork.of(plain, PARAMETERS)(inputs)
    for found, there, back in zip(plain(inputs.numpy()), expected, again, strict=True):
        np.testing.assert_allclose(found, there.numpy(), rtol=2e-6, atol=1e-6)
        assert torch.equal(there, back)


def test_draws_are_those_of_torch(network):
    """A seed has given these weights ever since: mean + std × normal numbers, layer by layer."""
    generator = torch.Generator().manual_seed(3)
    drawn = network.plain().draw(1, seed=3)[0]
    for layer, found in zip(network.layers, drawn.layers, strict=True):
        for part in ("weight", "bias"):
            mean, log_std = getattr(layer, part), getattr(layer, f"{part}_log_std")
            expected = mean + log_std.exp() * torch.randn(mean.shape, generator=generator)
            np.testing.assert_allclose(
                getattr(found, part), expected.detach().numpy(), rtol=1e-6, atol=1e-9
            )


def test_draws_follow_from_the_seed_alone(network):
    plain = network.plain()
    torch.manual_seed(1)
    first = plain.draw(2, seed=3)
    torch.manual_seed(2)
    more = plain.draw(4, seed=3)
    for layer, other in zip(first[1].layers, more[1].layers, strict=True):
        np.testing.assert_array_equal(layer.weight, other.weight)
        np.testing.assert_array_equal(layer.bias, other.bias)
    heads = [draw.layers[-1].weight for draw in (*first, *plain.draw(1, seed=4))]
    assert not np.array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[0], heads[2])


def test_draws_spread_as_the_posterior(network):
    plain = network.plain()
    drawn = np.stack([draw.layers[0].weight for draw in plain.draw(500, seed=0)])
    expected = np.exp(plain.layers[0].weight_log_std)
    np.testing.assert_allclose(drawn.std(0), expected, rtol=0.2)
