"""Solid harmonics as matrices: the same numbers, and an addition theorem that is exact."""

import numpy as np
import pytest
import torch

from rhocast.accelerator.harmonics import SolidHarmonics, addition, translations
from rhocast.descriptors.harmonics import solid_harmonics


@pytest.fixture
def vectors():
    return np.random.default_rng(0).normal(size=(2, 50, 3))


@pytest.mark.parametrize("degree", [0, 1, 4, 8])
def test_they_are_those_of_the_recurrence(degree, vectors):
    expected = solid_harmonics(vectors, degree)
    found = SolidHarmonics(degree, torch.device("cpu"))(torch.from_numpy(vectors).float())
    assert found.dtype == torch.float32
    lengths = np.linalg.norm(vectors, axis=-1)[..., None]
    degrees = np.repeat(np.arange(degree + 1), 2 * np.arange(degree + 1) + 1)
    assert (np.abs(found.numpy() - expected) < 1e-5 * lengths**degrees).all()


@pytest.mark.parametrize("degree", [0, 1, 4, 8])
def test_harmonics_of_a_sum_are_sums_of_products(degree, vectors):
    v, w = vectors
    products = solid_harmonics(v, degree)[:, :, None] * solid_harmonics(w, degree)[:, None]
    found = np.einsum("mab,iab->im", addition(degree), products)
    expected = solid_harmonics(v + w, degree)
    np.testing.assert_allclose(found, expected, atol=1e-12 * np.abs(expected).max())


def test_translations_move_the_origin(vectors):
    v, offsets = vectors
    moved = translations(offsets, 4) @ solid_harmonics(v, 4)[..., None]
    np.testing.assert_allclose(moved[..., 0], solid_harmonics(v - offsets, 4), atol=1e-10)
