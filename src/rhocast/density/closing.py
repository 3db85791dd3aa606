"""Whether the last layers of a field repeat the first ones, as some programs write them.

A field that is mirror symmetric about a point half a step before its first one ends with a layer
equal to the first, too. The two are told apart by how smoothly the field goes on: read with the
wrong period it has a step, and short waves that are not in the density.
"""

from dataclasses import dataclass

import numpy as np

#: A last layer that differs from the first by less than this share of it is the first once more.
_SAME_LAYER = 1e-4


@dataclass(frozen=True)
class Closing:
    """How a field ends.

    Attributes
    ----------
    shape
        Points of a period along each axis.
    repeats
        Whether the layers at the far ends repeat the first and are no part of it.
    """

    shape: tuple[int, int, int]
    repeats: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of it."""
        note = "the last mesh point of each axis repeats the first and is left out"
        return (note,) if self.repeats else ()

    def without_end(self, data: np.ndarray) -> np.ndarray:
        """Return one period of the field."""
        return data[:-1, :-1, :-1] if self.repeats else data


def find_closing(data: np.ndarray) -> Closing:
    """Find out whether a field (nx, ny, nz) repeats its first layers at the far ends.

    It does if along every axis the last layer is the first once more, and along at least one this
    is no accident: along an axis that begins and ends in vacuum it says nothing.
    """
    nx, ny, nz = data.shape
    told = [_repeats(np.moveaxis(data, axis, 0)) for axis in range(3)]
    if False in told or True not in told:
        return Closing((nx, ny, nz), False)
    return Closing((nx - 1, ny - 1, nz - 1), True)


def _repeats(data: np.ndarray) -> bool | None:
    """Say whether the last layer of the first axis repeats the first; None if it cannot tell."""
    if len(data) < 3:
        return False
    first, second, last = data[0], data[1], data[-1]
    tolerance = _SAME_LAYER * max(np.abs(first).max(), _SAME_LAYER * np.abs(data).max())
    if np.abs(last - first).max() > tolerance:
        return False
    if np.abs(second - first).max() <= 10.0 * tolerance:
        return None
    if np.abs(data[::-1] - data).max() > _SAME_LAYER * np.abs(data).max():
        return True
    return _short_waves(data[:-1]) < _short_waves(data)


def _short_waves(data: np.ndarray) -> float:
    """Share that the shortest quarter of the waves along the first axis has in a field."""
    power = (np.abs(np.fft.rfft(data, axis=0)) ** 2).reshape(len(data) // 2 + 1, -1).sum(axis=1)
    longest = max(1, round(0.75 * (len(power) - 1)))
    return float(power[longest:].sum() / power[1:].sum())
