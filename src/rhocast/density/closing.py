"""Whether the last layers of a field repeat the first ones, as some programs write them.

A field that is mirror symmetric about a point half a step before its first one ends with a layer
equal to the first, too. The two are told apart by the electrons, of which a cell has a whole
number, else by how smoothly the field goes on: read with the wrong period it has a step, and short
waves that are not in the density.
"""

import math
from dataclasses import dataclass

import numpy as np

#: A last layer that differs from the first by less than this share of it is the first once more.
_SAME_LAYER = 1e-4

#: A count that is so close to a whole number is one, electrons.
_WHOLE = 1e-3


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


def find_closing(data: np.ndarray, voxel_volume: float) -> Closing:
    """Find out whether a field repeats its first layers at the far ends.

    It does if along every axis the last layer is the first once more, and along at least one this
    is no accident: along an axis that begins and ends in vacuum it says nothing.

    Parameters
    ----------
    data : (nx, ny, nz) array
        e/Bohr³.
    voxel_volume
        Of each point, Bohr³.
    """
    nx, ny, nz = data.shape
    evidence = [_evidence(np.moveaxis(data, axis, 0)) for axis in range(3)]
    repeats = -math.inf not in evidence and sum(evidence) > 0.0
    if all(map(math.isfinite, evidence)) and any(evidence):
        whole = _is_whole(data[:-1, :-1, :-1].sum() * voxel_volume)
        if whole != _is_whole(data.sum() * voxel_volume):
            repeats = whole
    return Closing((nx - 1, ny - 1, nz - 1) if repeats else (nx, ny, nz), repeats)


def _evidence(data: np.ndarray) -> float:
    """How much speaks for a last layer of the first axis that repeats the first.

    Infinite where it is certain, zero where nothing speaks for either; minus: against it.
    """
    if len(data) < 3:
        return -math.inf
    first, second, last = data[0], data[1], data[-1]
    largest = np.abs(data).max()
    tolerance = _SAME_LAYER * max(np.abs(first).max(), _SAME_LAYER * largest)
    if np.abs(last - first).max() > tolerance:
        return -math.inf
    if np.abs(second - first).max() <= 10.0 * tolerance:
        return 0.0
    if np.abs(data[::-1] - data).max() > _SAME_LAYER * largest:
        return math.inf
    return math.log(_short_waves(data) / _short_waves(data[:-1]))


def _is_whole(electrons: float) -> bool:
    return bool(abs(electrons - round(electrons)) <= _WHOLE and round(electrons) >= 1)


def _short_waves(data: np.ndarray) -> float:
    """Share that the shortest quarter of the waves along the first axis has in a field."""
    power = (np.abs(np.fft.rfft(data, axis=0)) ** 2).reshape(len(data) // 2 + 1, -1).sum(axis=1)
    longest = max(1, round(0.75 * (len(power) - 1)))
    rounding = np.finfo(np.float64).eps ** 2
    return float(power[longest:].sum() / power.sum()) + rounding
