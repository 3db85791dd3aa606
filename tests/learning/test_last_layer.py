import numpy as np
import pytest
import torch

from rhocast.learning.uncertainty import fit_last_layer

GENERATOR = torch.Generator().manual_seed(0)
HIDDEN = torch.randn(4000, 6, generator=GENERATOR) * torch.tensor([1.0, 2.0, 0.5, 1.0, 0.1, 3.0])
NOISE = 0.2 + torch.rand(4000, generator=GENERATOR)


def batches():
    return zip(HIDDEN.split(900), NOISE.split(900), strict=True)


@pytest.fixture(scope="module")
def posterior():
    return fit_last_layer(batches())


def test_it_is_the_spread_of_linear_regressions_on_data_drawn_anew(posterior):
    """Weighted least squares over many draws of the noise, at points it has never seen."""
    design = torch.cat([HIDDEN, torch.ones(len(HIDDEN), 1)], dim=1).double() / NOISE[:, None]
    draws = torch.randn(len(HIDDEN), 3000, generator=GENERATOR, dtype=torch.float64)
    weights = torch.linalg.lstsq(design, draws).solution
    new = torch.randn(50, 6, generator=GENERATOR)
    means = torch.cat([new, torch.ones(50, 1)], dim=1).double() @ weights
    np.testing.assert_allclose(posterior(new.numpy()), means.std(dim=1).numpy(), rtol=0.05)


def test_it_falls_with_the_square_root_of_the_data(posterior):
    def four_times():
        for _ in range(4):
            yield from batches()

    found = fit_last_layer(four_times())(HIDDEN.numpy())
    np.testing.assert_allclose(found, posterior(HIDDEN.numpy()) / 2.0, rtol=1e-4)


def test_it_grows_away_from_the_data(posterior):
    hidden = HIDDEN.numpy()
    assert (posterior(10.0 * hidden) > 5.0 * posterior(hidden).mean()).mean() > 0.8


def test_a_direction_without_data_stays_finite():
    """A dead hidden unit: the posterior knows nothing of it, and says so where it wakes."""
    dead = HIDDEN.clone()
    dead[:, 2] = 0.0
    posterior = fit_last_layer([(dead, NOISE)])
    woken = dead[:1].clone()
    woken[0, 2] = 1.0
    assert np.isfinite(posterior.factor).all()
    assert posterior(woken.numpy()) > 10.0 * posterior(dead[:1].numpy())
