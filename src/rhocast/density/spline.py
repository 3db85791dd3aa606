"""From one uniform periodic mesh to another, one axis at a time and box by box.

The valence density is band-limited: a quintic spline through it gives it back between the points of
a mesh that resolves it. A spline is linear in the values, and separable on a mesh: what it needs is
a small matrix for each axis, from the points around a box to the points within. The matrix holds
both steps, values to coefficients (whose influence fades by 0.43 from one point to the next) and
coefficients to the spline, so that a halo of `HALO` points stands for the whole axis.

Standard deviations are not band-limited. Their squares are interpolated linearly, which makes
none negative and none larger than its neighbours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

#: Points beyond a box that its spline takes into account: what is left out is 0.43**24, some 1e-9.
HALO = 24

_DEGREE = 5


@dataclass(frozen=True)
class AxisMap:
    """Interpolation along one axis, to some consecutive points of the other mesh.

    Attributes
    ----------
    first
        The first of the coarse points that it takes, not wrapped into the period.
    period
        Coarse points in all.
    weights : (p, c) float64 array
        Of c coarse points, for each of the p points asked for.
    """

    first: int
    period: int
    weights: np.ndarray

    @property
    def sources(self) -> np.ndarray:
        """Coarse points that it takes, wrapped into the period; they repeat in a short one."""
        return (self.first + np.arange(self.weights.shape[1])) % self.period

    def scaled(self, factor: float) -> "AxisMap":
        """Return the map that multiplies by a factor, too."""
        return replace(self, weights=factor * self.weights)

    @classmethod
    def spline(cls, places: np.ndarray, period: int, halo: int = HALO) -> "AxisMap":
        """Map values to their quintic spline (method.md, Eq. 36).

        ``places``, (p,), rise and count coarse spacings.
        """
        first = cls.first_source(places, halo)
        count = int(np.floor(places[-1])) + halo + 2 - first
        collocation = _cardinal(np.arange(count, dtype=float), count)
        weights = np.linalg.solve(collocation.T, _cardinal(places - first, count).T).T
        return cls(first, period, weights)

    @staticmethod
    def first_source(places: np.ndarray, halo: int = HALO) -> int:
        """Return the first point that `spline` takes, not wrapped into the period."""
        return int(np.floor(places[0])) - halo

    @classmethod
    def linear(cls, places: np.ndarray, period: int) -> "AxisMap":
        """Map values to the straight lines between them: method.md, Eq. 37."""
        first = int(np.floor(places[0]))
        count = int(np.floor(places[-1])) + 2 - first
        distance = np.abs((places - first)[:, None] - np.arange(count))
        return cls(first, period, np.maximum(0.0, 1.0 - distance))


def interpolate(values: np.ndarray, maps: tuple[AxisMap, AxisMap, AxisMap]) -> np.ndarray:
    """Apply the maps of the three axes to the values at their sources; float64."""
    result = np.tensordot(maps[2].weights, values, axes=(1, 2))  # z, x, y
    result = np.tensordot(maps[1].weights, result, axes=(1, 2))  # y, z, x
    return np.tensordot(maps[0].weights, result, axes=(1, 2))  # x, y, z


def interpolate_strips(
    values: np.ndarray, x: AxisMap, y: AxisMap, strips: Sequence[AxisMap]
) -> Iterator[np.ndarray]:
    """Apply maps to a long box, in single precision: what is done along x and y is done once.

    It misplaces some 1e-7 of the electrons, as storing the result in single precision does. The
    same box gives the same bits if the caller has NumPy's BLAS compute on one thread
    (`rhocast.parallel.blas`).

    Parameters
    ----------
    values : (cx, cy, cz) float32 array
        At the sources of ``x`` and ``y``, and along z from the first source of the first strip to
        the last of the last.
    x, y, strips
        Maps along x, along y, and along z for one strip after the other.

    Yields
    ------
    (px, py, pz) float32 array
        For each strip.
    """
    wx, wy = (axis.weights.astype(np.float32) for axis in (x, y))
    (px, cx), (py, cy), cz = wx.shape, wy.shape, values.shape[2]
    along_x = (wx @ values.reshape(cx, cy * cz)).reshape(px, cy, cz)
    along_xy = (wy @ along_x).reshape(px * py, cz)
    for strip in strips:
        weights = strip.weights.astype(np.float32)
        start = strip.first - strips[0].first
        part = along_xy[:, start : start + weights.shape[1]]
        yield (part @ weights.T).reshape(px, py, len(weights))


def _cardinal(x: np.ndarray, count: int) -> np.ndarray:
    """Quintic B-splines centred at 0 … count − 1, at x; shape (len(x), count)."""
    knots = np.arange(_DEGREE + 2) - 0.5 * (_DEGREE + 1)
    from scipy.interpolate import BSpline  # slow to import, and only finer meshes need it

    bump = BSpline.basis_element(knots, extrapolate=False)
    return np.nan_to_num(bump(x[:, None] - np.arange(count)))
