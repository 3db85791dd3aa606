import math

import numpy as np
import pytest
import torch

from rhocast.learning.layers import VariationalLinear


@pytest.fixture
def layer():
    torch.manual_seed(0)
    layer = VariationalLinear(3, 2, prior_std=0.7)
    with torch.no_grad():
        layer.weight_log_std.copy_(torch.randn(2, 3) - 1.0)
        layer.bias_log_std.copy_(torch.randn(2) - 1.0)
        layer.bias.copy_(torch.randn(2))
    return layer


def test_divergence_agrees_with_torch(layer):
    from torch.distributions import Normal, kl_divergence

    prior = Normal(0.0, 0.7 / math.sqrt(3.0))
    expected = sum(
        kl_divergence(Normal(mean, log_std.exp()), prior).sum()
        for mean, log_std in (
            (layer.weight, layer.weight_log_std),
            (layer.bias, layer.bias_log_std),
        )
    )
    torch.testing.assert_close(layer.kl(), expected)


def test_divergence_vanishes_at_the_prior(layer):
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(layer, name).zero_()
            getattr(layer, f"{name}_log_std").fill_(math.log(layer.prior_std))
    assert layer.kl().item() == pytest.approx(0.0, abs=1e-5)


def test_drawn_outputs_are_distributed_as_those_of_drawn_weights(layer):
    inputs = torch.tensor([[0.5, -1.0, 2.0]])
    count = 100_000
    with torch.no_grad():
        outputs = layer.train()(inputs.expand(count, 3))
        weight = layer.weight + layer.weight_log_std.exp() * torch.randn(count, 2, 3)
        bias = layer.bias + layer.bias_log_std.exp() * torch.randn(count, 2)
        expected = (weight @ inputs[0]) + bias
    torch.testing.assert_close(outputs.mean(0), expected.mean(0), atol=0.02, rtol=0.02)
    torch.testing.assert_close(outputs.std(0), expected.std(0), atol=0.0, rtol=0.02)


def test_evaluation_uses_the_mean_weights(layer):
    inputs = torch.randn(5, 3)
    expected = torch.nn.functional.linear(inputs, layer.weight, layer.bias)
    torch.testing.assert_close(layer.eval()(inputs), expected)


def test_the_start_is_quiet():
    torch.manual_seed(0)
    layer = VariationalLinear(50, 50, prior_std=1.0).train()
    inputs = torch.randn(100, 50)
    noise = (layer(inputs) - layer(inputs)).std().item() / np.sqrt(2.0)
    assert 0.0 < noise < 0.05 * layer(inputs).std().item()
