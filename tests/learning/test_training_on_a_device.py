"""Training on a device: everything follows the network."""

import numpy as np
import pytest
import torch
from plain_points import plain_points
from trainings import NETWORK, TRAINING

from rhocast.errors import ModelError
from rhocast.learning import train
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.learning.fitting import fit
from rhocast.learning.uncertainty import fit_last_layer, fit_training_range

SHORT = TRAINING.model_copy(update={"steps": 20})


def fitted(elsewhere: bool):
    """Fit a network while what names no device lies where it can meet nothing."""
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(300, 4, generator=generator)
    data = plain_points(features, features[:, 0])
    torch.manual_seed(1)
    network = DensityNetwork(4, NETWORK)
    torch.set_default_device("meta" if elsewhere else None)
    try:
        fit(network, data, SHORT, seed=0, held_back=data)
        ranges = fit_training_range(lambda: (f for f, _ in data.batches()), data.data.snapshot)
        with torch.inference_mode():
            hidden = [(network.hidden(f), torch.ones_like(t)) for f, t in data.batches()]
        return network.plain().layers[-1].weight, fit_last_layer(hidden).factor, ranges.factor
    finally:
        torch.set_default_device(None)


def test_nothing_relies_on_the_default_device():
    """On a GPU, a tensor that is made without naming a device is on the wrong one."""
    for found, expected in zip(fitted(elsewhere=True), fitted(elsewhere=False), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_device_that_is_not_there_is_refused(features):
    missing = "cuda:99"
    with pytest.raises(ModelError, match=r"device: expected `cpu`, or .* found 'cuda:99'"):
        train(features, network=NETWORK, training=SHORT, seed=0, device=missing)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
def test_a_model_that_was_trained_on_a_gpu(features, base, tmp_path):
    """It returns on the CPU, has learnt as much, and leaves no state behind."""
    kept = tmp_path / "m.training"
    model = train(
        features, network=NETWORK, training=TRAINING, seed=0, checkpoint=kept, device="cuda"
    )
    errors = [m.metadata["training"]["validation"]["rmse"] for m in (model, base)]
    assert errors[0] < 1.5 * errors[1]
    assert not kept.exists()
