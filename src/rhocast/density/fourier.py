"""Values of a periodic, band-limited field on another mesh of the same cell."""

import numpy as np


def resample(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Evaluate the trigonometric interpolant of a field at the points of another mesh.

    The values are those of the field at the new points, also on a coarser mesh: nothing is
    filtered out. Exact for a field whose wave vectors the old mesh resolves, such as a
    plane-wave density. The mean is kept unless a wave of the field is a whole number of times
    as short as the new points' distance along each axis.

    Parameters
    ----------
    values : (nx, ny, nz) array
        The field, x slowest.
    shape
        Points of the new mesh along each lattice vector.

    Returns
    -------
    array of that shape, float64
    """
    for axis, n_points in enumerate(shape):
        if values.shape[axis] != n_points:
            matrix = _interpolation(values.shape[axis], n_points)
            values = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(values, dtype=np.float64)


def _interpolation(n_old: int, n_new: int) -> np.ndarray:
    """Matrix (n_new, n_old) that takes values at j/n_old to values at i/n_new."""
    waves = np.arange(1, (n_old - 1) // 2 + 1)
    distance = np.arange(n_new)[:, None] / n_new - np.arange(n_old) / n_old
    matrix = 1.0 + 2.0 * np.cos(2.0 * np.pi * distance[..., None] * waves).sum(axis=-1)
    if n_old % 2 == 0:  # the highest wave stands for itself and its negative at once
        matrix += np.cos(np.pi * n_old * distance)
    return matrix / n_old
