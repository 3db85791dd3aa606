import numpy as np
import pytest
from scipy.special import eval_legendre

from rhocast.descriptors.harmonics import solid_harmonics

MAX_DEGREE = 6


@pytest.mark.parametrize("degree", range(MAX_DEGREE + 1))
def test_addition_theorem(degree):
    """Only harmonics of one l, all of them and with the right weights, give Legendre's."""
    first, second = np.random.default_rng(0).normal(size=(2, 30, 3))
    members = slice(degree**2, (degree + 1) ** 2)
    a, b = (solid_harmonics(v, degree)[:, members] for v in (first, second))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    cosines = (first * second).sum(axis=1) / lengths
    expected = lengths**degree * eval_legendre(degree, cosines)
    np.testing.assert_allclose((a * b).sum(axis=1), expected, rtol=1e-12, atol=1e-12)


def test_harmonics_are_orthogonal_on_the_sphere():
    z, weights = np.polynomial.legendre.leggauss(8)
    angle = np.arange(16) * np.pi / 8.0
    side = np.sqrt(1.0 - z**2)
    x, y = (np.outer(side, f(angle)) for f in (np.cos, np.sin))
    values = solid_harmonics(np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], -1), MAX_DEGREE)
    gram = np.einsum("ija,ijb,i->ab", values, values, weights) / 32.0
    degree = np.floor(np.sqrt(np.arange((MAX_DEGREE + 1) ** 2)))
    np.testing.assert_allclose(gram, np.diag(1.0 / (2.0 * degree + 1.0)), atol=1e-12)
