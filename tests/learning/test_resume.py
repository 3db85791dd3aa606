"""A training that is ended goes on to the same model, bit for bit."""

import numpy as np
import pytest
import torch
from plain_points import plain_points

from rhocast import config
from rhocast.learning import fitting
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.learning.fitting import Checkpoint, fit
from rhocast.learning.training_state import read_state

SCHEDULE = config.Training(dataset="small", steps=100, batch_size=32, learning_rate=1e-2)


def made(seed, n_points=300):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n_points, 4, generator=generator)
    noise = 0.1 * torch.randn(n_points, generator=generator)
    return plain_points(features, features[:, 0] * features[:, 1] + noise)


DATA, HELD_BACK = made(1), made(2)


def network():
    torch.manual_seed(0)
    return DensityNetwork(4, config.Network(width=8, blocks=1))


def fitted(schedule=SCHEDULE, checkpoint=None, data=DATA, held_back=HELD_BACK):
    made = network()
    fit(made, data, schedule, 0, held_back, checkpoint)
    return made


def same(a, b):
    return all(map(torch.equal, a.state_dict().values(), b.state_dict().values()))


class EndedError(Exception):
    """Somebody has ended the training."""


@pytest.fixture
def ended(tmp_path, monkeypatch):
    """Where a training was ended at step 63: between two states."""
    checkpoint = Checkpoint(tmp_path / "m.training", "key")
    step = fitting._Fit.step

    def end(self):
        if self.done == 63:
            raise EndedError
        step(self)

    def run(schedule=SCHEDULE):
        monkeypatch.setattr(fitting._Fit, "step", end)
        with pytest.raises(EndedError):
            fitted(schedule, checkpoint)
        monkeypatch.setattr(fitting._Fit, "step", step)
        return checkpoint

    return run


@pytest.mark.parametrize("patience", [None, 10])
def test_an_ended_training_goes_on_to_the_same_weights(ended, patience, caplog):
    schedule = SCHEDULE.model_copy(update={"patience": patience})
    checkpoint = ended(schedule)
    with caplog.at_level("INFO"):
        again = fitted(schedule, checkpoint)
    assert "going on from step 60" in caplog.text
    assert same(again, fitted(schedule))
    assert not checkpoint.path.exists()


def test_another_training_starts_afresh(ended, caplog):
    checkpoint = ended()
    again = fitted(checkpoint=Checkpoint(checkpoint.path, "another"))
    assert "of other data or settings" in caplog.text
    assert same(again, fitted())


def test_a_damaged_state_starts_afresh(ended, caplog):
    checkpoint = ended()
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:100])
    assert same(fitted(checkpoint=checkpoint), fitted())
    assert "cannot be read" in caplog.text


def test_patience_keeps_the_weights_that_did_best(monkeypatch):
    """Likelihoods that fall and then rise: training ends, and the best weights return."""
    likelihoods = iter([3.0, 2.0, 1.0, 4.0, 5.0])
    seen = []

    def measured(network, data):
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return 1.0, next(likelihoods)

    monkeypatch.setattr(fitting, "evaluate", measured)
    found = fitted(SCHEDULE.model_copy(update={"patience": 2}))
    assert len(seen) == 5
    assert all(torch.equal(found.state_dict()[name], value) for name, value in seen[2].items())


def test_looking_at_what_is_held_back_changes_nothing():
    assert same(fitted(), fitted(held_back=None))


def test_progress_tells_losses_and_time_left(caplog):
    with caplog.at_level("INFO"):
        fitted()
    lines = [r.message for r in caplog.records if r.message.startswith("step")]
    assert len(lines) == fitting.CHECKS
    assert "step 100 of 100" in lines[-1]
    assert "data held back, 0 s left" in lines[-1]


def test_a_flipped_bit_in_the_state_starts_afresh(ended, caplog):
    checkpoint = ended()
    whole = checkpoint.path.read_bytes()
    first = 8 + int.from_bytes(whole[:8], "little")
    for place in np.random.default_rng(0).integers(first, len(whole), size=20):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << 3
        checkpoint.path.write_bytes(damaged)
        assert read_state(checkpoint.path, "key") is None
    assert "does not match its checksum" in caplog.text
    again = fitted(checkpoint=checkpoint)
    assert same(again, fitted())
