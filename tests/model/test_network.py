import pytest
import torch
from torch.func import functional_call

from rhocast import config
from rhocast.model import DensityNetwork

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


def test_draws_follow_from_the_seed_alone(network):
    torch.manual_seed(1)
    first = network.draw_weights(2, seed=3)
    torch.manual_seed(2)
    more = network.draw_weights(4, seed=3)
    for name, tensor in first[1].items():
        torch.testing.assert_close(tensor, more[1][name], rtol=0.0, atol=0.0)
    assert not torch.equal(first[0]["head.weight"], first[1]["head.weight"])
    assert not torch.equal(
        first[0]["head.weight"], network.draw_weights(1, seed=4)[0]["head.weight"]
    )


def test_draws_cover_all_means_and_spread_as_the_posterior(network):
    draws = network.draw_weights(500, seed=0)
    means = {name for name, _ in network.named_parameters() if not name.endswith("log_std")}
    assert set(draws[0]) == means
    drawn = torch.stack([draw["entry.weight"] for draw in draws])
    expected = network.entry.weight_log_std.exp()
    torch.testing.assert_close(drawn.std(0), expected, rtol=0.2, atol=0.0)
    inputs = torch.randn(3, 5)
    assert not torch.equal(functional_call(network, draws[0], (inputs,))[0], network(inputs)[0])
