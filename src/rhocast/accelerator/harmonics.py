"""Solid harmonics in few large operations, and seen from elsewhere.

They are polynomials: a matrix of coefficients takes the monomials x^i y^j z^k to them. And those of
a sum of two vectors are sums of products,

    C_lm(v + w) = Σ G_(lm)(λμ)(νκ) C_λμ(v) C_νκ(w),    λ + ν = l,

where C_lm stands for r^l C_lm of `rhocast.descriptors.harmonics`. So harmonics around a point
follow from those around another by a matrix that depends on nothing but the way between the two.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor

from rhocast.descriptors.harmonics import solid_harmonics


class SolidHarmonics:
    """r^l C_lm for l = 0 … degree, on a device.

    Parameters
    ----------
    degree
        Highest l.
    device
        Where to compute.
    """

    def __init__(self, degree: int, device: torch.device) -> None:
        exponents = _exponents(degree)
        self._degree = degree
        self._exponents = torch.from_numpy(exponents).to(device)
        self._coefficients = torch.from_numpy(_coefficients(degree)).to(device, torch.float32)

    def __call__(self, vectors: Tensor) -> Tensor:
        """Compute (..., (degree + 1)²) float32 of vectors (..., 3)."""
        powers = [torch.ones_like(vectors)]
        for _ in range(self._degree):
            powers.append(powers[-1] * vectors)
        x, y, z = torch.stack(powers, dim=-1).unbind(dim=-2)
        i, j, k = self._exponents.unbind(dim=1)
        return (x[..., i] * y[..., j] * z[..., k]) @ self._coefficients


def translations(offsets: np.ndarray, degree: int) -> np.ndarray:
    """Matrices that turn the harmonics of R into those of R − r.

    Parameters
    ----------
    offsets : (p, 3) array
        r.
    degree
        Highest l.

    Returns
    -------
    (p, (degree + 1)², (degree + 1)²) float64 array
        Row: of R − r; column: of R.
    """
    return np.einsum("mab,pa->pmb", addition(degree), solid_harmonics(-offsets, degree))


@cache
def addition(degree: int) -> np.ndarray:
    """Return G: three axes of (degree + 1)², float64.

    It is the projection of the left-hand side onto the products on the right, by a quadrature over
    two unit spheres that is exact.
    """
    nodes, weights = _sphere(degree)
    harmonics = solid_harmonics(nodes, degree)
    of_sums = solid_harmonics(nodes[:, None] + nodes, degree)
    degrees = np.repeat(np.arange(degree + 1), 2 * np.arange(degree + 1) + 1)
    projector = weights[:, None] * harmonics * (2 * degrees + 1) / (4.0 * np.pi)
    first = np.tensordot(projector, of_sums, axes=(0, 0))  # (a, j, m)
    result = np.tensordot(first, projector, axes=(1, 0)).transpose(1, 0, 2)
    allowed = degrees[:, None] + degrees == degrees[:, None, None]
    return np.where(allowed & (np.abs(result) > 1e-12), result, 0.0)


def _sphere(degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on the unit sphere, exact for products of two harmonics to a degree."""
    heights, weights = np.polynomial.legendre.leggauss(degree + 1)
    n_angles = 2 * degree + 1
    angles = 2.0 * np.pi * np.arange(n_angles) / n_angles
    radius = np.sqrt(1.0 - heights[:, None] ** 2)
    z = np.broadcast_to(heights[:, None], (degree + 1, n_angles))
    nodes = np.stack([radius * np.cos(angles), radius * np.sin(angles), z], axis=-1)
    return nodes.reshape(-1, 3), np.repeat(weights * 2.0 * np.pi / n_angles, n_angles)


def _exponents(degree: int) -> np.ndarray:
    """(i, j, k) of all monomials to a degree, by degree."""
    grid = np.indices((degree + 1,) * 3).reshape(3, -1).T
    found = grid[grid.sum(axis=1) <= degree]
    return found[np.argsort(found.sum(axis=1), kind="stable")]


def _coefficients(degree: int) -> np.ndarray:
    """Harmonics as sums of monomials: (monomials, (degree + 1)²), fitted to values, exactly."""
    exponents = _exponents(degree)
    vectors = np.random.default_rng(0).uniform(-1.0, 1.0, (2 * len(exponents), 3))
    values = solid_harmonics(vectors, degree)
    result = np.zeros((len(exponents), values.shape[1]))
    for n in range(degree + 1):
        own = exponents.sum(axis=1) == n
        m = slice(n**2, (n + 1) ** 2)
        monomials = np.prod(vectors[:, None] ** exponents[own], axis=-1)
        result[own, m] = np.linalg.lstsq(monomials, values[:, m], rcond=None)[0]
    result[np.abs(result) < 1e-12] = 0.0
    return result
