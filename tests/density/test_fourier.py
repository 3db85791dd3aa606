import numpy as np
import pytest

from rhocast.density.fourier import resample


def waves(shape):
    """Return a field on a mesh that is made of waves up to the third along each axis."""
    rng = np.random.default_rng(0)
    x, y, z = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
    field = np.full(shape, 0.3)
    for _ in range(20):
        wave, phase = rng.integers(-3, 4, 3), rng.uniform(0.0, 6.3)
        field += rng.normal() * np.cos(
            2 * np.pi * (wave[0] * x + wave[1] * y + wave[2] * z) + phase
        )
    return field


@pytest.mark.parametrize("old", [(8, 9, 10), (7, 7, 7)])
@pytest.mark.parametrize("new", [(8, 9, 10), (12, 7, 25), (5, 4, 3), (1, 1, 1)])
def test_values_are_those_of_the_field_itself(old, new):
    np.testing.assert_allclose(resample(waves(old), new), waves(new), atol=1e-12)


def test_electrons_are_kept_on_any_mesh_that_resolves_the_field():
    assert np.isclose(resample(waves((9, 9, 9)), (8, 11, 7)).mean(), waves((9, 9, 9)).mean())


def test_highest_wave_of_an_even_mesh_is_taken_as_a_cosine():
    values = np.array([1.0, -1.0, 1.0, -1.0]).reshape(4, 1, 1)
    expected = np.cos(4 * np.pi * np.arange(6) / 6).reshape(6, 1, 1)
    np.testing.assert_allclose(resample(values, (6, 1, 1)), expected, atol=1e-14)
