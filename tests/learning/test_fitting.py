import logging

import numpy as np
import pytest
import torch
from plain_points import plain_points

from rhocast import config
from rhocast.errors import ModelError
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.learning.fitting import evaluate, fit, negative_log_likelihood

SCHEDULE = config.Training(dataset="any", steps=400, batch_size=128, learning_rate=1e-2)
NETWORK = config.Network(width=16, blocks=1)


def noisy_line(count=2000):
    """Noise that grows with the first feature, from 0.1 to 0.5."""
    torch.manual_seed(0)
    features = torch.rand(count, 2) * 2.0 - 1.0
    noise = 0.3 + 0.2 * features[:, 0]
    return plain_points(features, features[:, 1] + noise * torch.randn(count)), noise


def tensors(data):
    """Features and targets of all points."""
    return data.take(slice(None))


def new_network():
    torch.manual_seed(1)
    return DensityNetwork(2, NETWORK)


def test_likelihood_is_that_of_the_normal_distribution():
    mean, std, target = torch.randn(9), torch.rand(9) + 0.1, torch.randn(9)
    expected = -torch.distributions.Normal(mean, std).log_prob(target).mean()
    torch.testing.assert_close(negative_log_likelihood(mean, std, target), expected)


def test_mean_and_noise_are_both_learnt():
    data, noise = noisy_line()
    network = new_network()
    fit(network, data, SCHEDULE, seed=0)
    features, target = tensors(data)
    with torch.no_grad():
        mean, std = network(features)
    assert (mean - features[:, 1]).square().mean().sqrt() < 0.06
    assert torch.corrcoef(torch.stack([std, noise]))[0, 1] > 0.9
    assert std.mean() == pytest.approx(0.3, abs=0.05)
    error, nll = evaluate(network, data, batch_size=300)
    assert error == pytest.approx((mean - target).square().mean().sqrt().item(), rel=1e-4)
    assert nll < negative_log_likelihood(mean, std.mean().expand(len(data)), target)


def test_the_posterior_is_wider_where_there_are_fewer_data():
    data, _ = noisy_line()
    spread = []
    for count in (20, 2000):
        network = new_network()
        fewer = plain_points(*(values[:count] for values in tensors(data)))
        fit(network, fewer, SCHEDULE, seed=0)
        spread.append(torch.cat([layer.weight_log_std.flatten() for layer in network.layers]))
    assert spread[0].mean() > spread[1].mean() + 0.1


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before():
    data, _ = noisy_line(300)
    schedule = SCHEDULE.model_copy(update={"steps": 20})
    results = []
    for seed in (3, 3, 4):
        network = new_network()
        torch.manual_seed(len(results))
        fit(network, data, schedule, seed)
        results.append(network.head.weight.detach())
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_parameters_without_gradient_stay():
    data, _ = noisy_line(300)
    network = new_network()
    network.entry.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit(network, data, SCHEDULE.model_copy(update={"steps": 5}), seed=0)
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("entry."), name


@pytest.mark.parametrize("value", [np.nan, 1e30])
def test_a_loss_that_is_no_number_names_file_and_snapshot(value):
    data, _ = noisy_line(300)
    data.target[217] = value  # of the second snapshot
    message = r"made\.h5: the loss is (nan|inf) at step \d.*`learning_rate` \(now 0\.01\).*b/1\.h5"
    with pytest.raises(ModelError, match=message):
        fit(new_network(), data, SCHEDULE, seed=0)


def test_progress_is_logged(caplog):
    data, _ = noisy_line(100)
    with caplog.at_level(logging.INFO):
        fit(new_network(), data, SCHEDULE.model_copy(update={"steps": 20}), seed=0)
    assert len(caplog.records) == 10
    assert "step 20 of 20" in caplog.records[-1].getMessage()
    assert "0 s left" in caplog.records[-1].getMessage()
