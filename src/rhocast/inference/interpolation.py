"""From one uniform periodic mesh to another, one axis at a time and box by box.

The valence density is band-limited: a quintic spline through it gives it back between the points of
a mesh that resolves it. A spline is linear in the values, and separable on a mesh: what it needs is
a small matrix for each axis, from the points around a box to the points within. The matrix holds
both steps, values to coefficients (whose influence fades by 0.43 from one point to the next) and
coefficients to the spline, so that a halo of `HALO` points stands for the whole axis.

Standard deviations are not band-limited. Their squares are interpolated linearly, which makes
none negative and none larger than its neighbours.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

#: Points beyond a box that its spline takes into account: what is left out is 0.43**24, some 1e-9.
HALO = 24

_DEGREE = 5


@dataclass(frozen=True)
class AxisMap:
    """Interpolation along one axis, to some consecutive points of the other mesh.

    Attributes
    ----------
    sources : (c,) int array
        Coarse points that it takes, wrapped into the period; they may repeat in a short one.
    weights : (p, c) float64 array
        Of these, for each of the p points asked for.
    """

    sources: np.ndarray
    weights: np.ndarray

    @classmethod
    def spline(cls, places: np.ndarray, period: int, halo: int = HALO) -> "AxisMap":
        """Map values to their quintic spline at ``places``, (p,), rising, in coarse spacings."""
        first = cls.first_source(places, halo)
        count = int(np.floor(places[-1])) + halo + 2 - first
        collocation = _cardinal(np.arange(count, dtype=float), count)
        weights = np.linalg.solve(collocation.T, _cardinal(places - first, count).T).T
        return cls((first + np.arange(count)) % period, weights)

    @staticmethod
    def first_source(places: np.ndarray, halo: int = HALO) -> int:
        """Return the first point that `spline` takes, not wrapped into the period."""
        return int(np.floor(places[0])) - halo

    @classmethod
    def linear(cls, places: np.ndarray, period: int) -> "AxisMap":
        """Map values to the straight lines between them."""
        first = int(np.floor(places[0]))
        count = int(np.floor(places[-1])) + 2 - first
        distance = np.abs((places - first)[:, None] - np.arange(count))
        return cls((first + np.arange(count)) % period, np.maximum(0.0, 1.0 - distance))


def interpolate(values: np.ndarray, maps: tuple[AxisMap, AxisMap, AxisMap]) -> np.ndarray:
    """Apply the maps of the three axes to the values at their sources; float64."""
    result = np.tensordot(maps[2].weights, values, axes=(1, 2))  # z, x, y
    result = np.tensordot(maps[1].weights, result, axes=(1, 2))  # y, z, x
    return np.tensordot(maps[0].weights, result, axes=(1, 2))  # x, y, z


def _cardinal(x: np.ndarray, count: int) -> np.ndarray:
    """Quintic B-splines centred at 0 … count − 1, at x; shape (len(x), count)."""
    knots = np.arange(_DEGREE + 2) - 0.5 * (_DEGREE + 1)
    bump = BSpline.basis_element(knots, extrapolate=False)
    return np.nan_to_num(bump(x[:, None] - np.arange(count)))
