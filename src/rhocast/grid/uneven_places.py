"""Where a cell holds atoms too few or too many, as at a vacancy or an interstitial.

The atoms around each point of a mesh are counted in a Gaussian window,

    n(r) = Σ exp(−|r − R|² / 2 s²),   s = 0.6 (V/N)^(1/3),

so that a missing atom lowers n by one where it stood. Windows so wide do not see the lattice, and
heat changes n little: crystals and liquids are hard to compress (n varies by 0.06 to 0.15). So the
places are measured in standard deviations over the cell itself: of ln n, whose distribution is the
more symmetric. All is worked out in one box after the other, by Fourier transforms.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from rhocast.grid.binned_atoms import BinnedAtoms, Neighbourhood

#: s, and the distance of points of the mesh at most, in units of (V/N)^(1/3).
_WIDTH, _STEP = 0.6, 0.4
#: n where the atoms are spread evenly.
_EVEN = (2.0 * np.pi) ** 1.5 * _WIDTH**3
#: Atoms farther away than so many s do not count.
_REACH = 3.5
#: One box after the other is looked at, of about this side, Bohr.
_BOX_BOHR = 120.0
#: Points along a mesh are a multiple of this: Fourier transforms of large primes are slow.
_MULTIPLE = 8
#: The standard deviation of ln n counts as at least this: in a crystal at rest there is none.
_LEAST_DEVIATION = 0.015
#: n in empty space. Bins of ln n from there on, by which its median and deviation are known.
_EMPTY, _BIN, _BINS = 0.01, 0.001, 10_000
#: The standard deviation is half the distance of these quantiles, which defects do not move.
_QUANTILES = (0.1587, 0.5, 0.8413)
#: Places closer than this to a more uneven one are taken for part of it, units of (V/N)^(1/3).
_APART = 2.0


@dataclass(frozen=True)
class UnevenPlace:
    """A place with fewer or more atoms than the rest of the cell.

    Attributes
    ----------
    position_bohr : (3,) float64 array
        Where it is, Bohr; in the cell.
    excess
        Atoms too many; negative where they are too few.
    deviations
        The same in standard deviations.
    atom
        Number of the nearest atom, from 0.
    """

    position_bohr: np.ndarray
    excess: float
    deviations: float
    atom: int


def uneven_places(atoms: BinnedAtoms, least: float, most: int) -> list[UnevenPlace]:
    """Find where a cell holds atoms too few or too many, the most uneven place first.

    The time grows as the number of atoms, the memory does not.

    Parameters
    ----------
    atoms
        Of a cell of any size.
    least
        Standard deviations from the cell's median, at least.
    most
        How many places at most.
    """
    volume = abs(float(np.linalg.det(atoms.cell)))
    length = (volume / len(atoms.order)) ** (1.0 / 3.0)
    planes = 1.0 / np.linalg.norm(np.linalg.inv(atoms.cell), axis=0)
    boxes = np.maximum(1, planes // _BOX_BOHR).astype(int)
    histogram = np.zeros(_BINS, dtype=np.int64)
    found = np.empty((0, 4))
    for place in product(*map(range, boxes)):
        lower, upper = place / boxes, np.add(place, 1) / boxes
        around = atoms.around(lower, upper, _REACH * _WIDTH * length)
        if around is not None:
            counts, inside = _counts(around, length)
            bins = (np.log(counts[inside].ravel() / _EMPTY) / _BIN).astype(int)
            histogram += np.bincount(np.minimum(bins, _BINS - 1), minlength=_BINS)
            found = np.concatenate([found, _extremes(counts, inside, around, lower, atoms.cell)])
            found = found[np.argsort(-_unevenness(found[:, 3]), kind="stable")][: 8 * most]
    median, deviation = _usual(histogram)
    apart = _apart(found, atoms.cell, _APART * length)
    return [
        UnevenPlace(
            place @ atoms.cell,
            float(count - np.exp(median)),
            float(np.log(count) - median) / deviation,
            _nearest_atom(atoms, place, length),
        )
        for *place, count in apart[:most]
        if abs(np.log(count) - median) >= least * deviation
    ]


def _unevenness(counts: np.ndarray) -> np.ndarray:
    """Return how far n is from that of atoms spread evenly; of the same shape."""
    return np.abs(np.log(counts / _EVEN))


def _counts(around: Neighbourhood, length: float) -> tuple[np.ndarray, tuple[slice, ...]]:
    """Return n on a mesh (x, y, z) of a neighbourhood, and where the box lies in it."""
    cell = around.structure.cell
    planes = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    shape = (_MULTIPLE * np.ceil(planes / (_STEP * length * _MULTIPLE))).astype(int)
    transform = np.fft.rfftn(_assigned(around.structure.fractional * shape, shape))
    transform *= _window(cell, shape, _WIDTH * length)
    inside = tuple(
        slice(int(np.floor(low * n)), int(np.ceil(high * n)) + 1)
        for low, high, n in zip(around.lower, around.upper, shape, strict=True)
    )
    return np.maximum(np.fft.irfftn(transform, shape, axes=(0, 1, 2)), _EMPTY), inside


def _assigned(scaled: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Share out atoms at (n, 3), in steps of a mesh, among the 27 points around each.

    By quadratic splines: linear ones would show how the lattice fits the mesh.
    """
    middle = np.rint(scaled).astype(np.int64)
    off = scaled - middle
    weights = (0.5 * (0.5 - off) ** 2, 0.75 - off**2, 0.5 * (0.5 + off) ** 2)
    points = tuple((middle + step) % shape for step in (-1, 0, 1))
    mesh = np.zeros(int(shape.prod()))
    for x, y in product(range(3), repeat=2):
        row = (points[x][:, 0] * shape[1] + points[y][:, 1]) * shape[2]
        share = weights[x][:, 0] * weights[y][:, 1]
        for z in range(3):
            mesh += np.bincount(row + points[z][:, 2], share * weights[z][:, 2], mesh.size)
    return mesh.reshape(shape)


def _window(cell: np.ndarray, shape: np.ndarray, width: float) -> np.ndarray:
    """Fourier transform of the window, for what `_assigned` gives; (x, y, z // 2 + 1)."""
    waves = [np.fft.fftfreq(n, 1.0 / n) for n in shape[:2]] + [np.arange(shape[2] // 2 + 1)]
    reciprocal = 2.0 * np.pi * np.linalg.inv(cell).T
    x, y, z = np.ix_(*waves)
    squares = sum((x * row[0] + y * row[1] + z * row[2]) ** 2 for row in reciprocal.T)
    shares = [np.sinc(wave / n) ** 3 for wave, n in zip(waves, shape, strict=True)]
    sx, sy, sz = np.ix_(*shares)
    height = (2.0 * np.pi) ** 1.5 * width**3 * shape.prod() / abs(float(np.linalg.det(cell)))
    return np.asarray(height * np.exp(-0.5 * width**2 * squares) / (sx * sy * sz))


def _extremes(
    counts: np.ndarray,
    inside: tuple[slice, ...],
    around: Neighbourhood,
    lower: np.ndarray,
    cell: np.ndarray,
) -> np.ndarray:
    """Find the points of a box that deviate more than their neighbours on the mesh.

    Returns
    -------
    (p, 4) float64 array
        Fractional coordinates in the whole cell, and n.
    """
    unevenness = _unevenness(counts)
    top = np.ones(counts.shape, dtype=bool)
    for axis, step in product(range(3), (1, -1)):
        top &= unevenness >= np.roll(unevenness, step, axis)
    points = np.argwhere(top[inside]) + [side.start for side in inside]
    extent = np.linalg.norm(around.structure.cell, axis=1) / np.linalg.norm(cell, axis=1)
    places = (lower + (points / counts.shape - around.lower) * extent) % 1.0
    return np.column_stack([places, counts[tuple(points.T)]])


def _usual(histogram: np.ndarray) -> tuple[float, float]:
    """Return the median and the standard deviation of ln n from its histogram."""
    shares = np.cumsum(histogram) / histogram.sum()
    low, median, high = np.log(_EMPTY) + _BIN * (np.searchsorted(shares, _QUANTILES) + 0.5)
    return float(median), max(float(high - low) / 2.0, _LEAST_DEVIATION)


def _apart(found: np.ndarray, cell: np.ndarray, distance: float) -> np.ndarray:
    """Leave out places (p, 4) that lie close to one before them, images included."""
    kept: list[np.ndarray] = []
    for place in found:
        steps = np.array([place[:3] - other[:3] for other in kept]).reshape(-1, 3)
        lengths = np.linalg.norm((steps - np.round(steps)) @ cell, axis=1)
        if (lengths > distance).all():
            kept.append(place)
    return np.array(kept).reshape(-1, 4)


def _nearest_atom(atoms: BinnedAtoms, place: np.ndarray, length: float) -> int:
    """Return the number of the atom nearest to fractional coordinates (3,)."""
    reach = length
    while (around := atoms.around(place, place, reach)) is None:
        reach *= 2.0
    distances = np.linalg.norm(around.structure.positions - around.corner, axis=1)
    return int(around.origins[distances.argmin()])
