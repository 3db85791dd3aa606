"""The k-mesh of a cell, from a k-point density that is the same for all cells."""

import math
from dataclasses import dataclass

import numpy as np

from rhocast.errors import ConfigError, FileFormatError

#: Points may lie further apart than asked for by this share, so that a strain of ±5 % changes no
#: mesh of up to 9 points an axis whose undistorted spacing is the one asked for.
SPACING_TOLERANCE = 0.06

_OFFSETS = {"gamma": 0.0, "half": 0.5, "quarter": 0.25}

#: Digits that a drawn shift is rounded to, so that the k-mesh in words tells it in full.
_SHIFT_DIGITS = 4


@dataclass(frozen=True)
class KMesh:
    """A uniform mesh of k-points.

    Attributes
    ----------
    divisions
        Points along each reciprocal vector.
    shift
        Offset along each reciprocal vector in steps of the mesh, such as 0 (a point at Γ) or 0.5.
    """

    divisions: tuple[int, int, int]
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __str__(self) -> str:
        return (
            " ".join(f"{n}" for n in self.divisions)
            + " shift "
            + " ".join(f"{s:g}" for s in self.shift)
        )

    @classmethod
    def parse(cls, words: str) -> "KMesh":
        """Return the mesh that a snapshot file tells in words, such as ``3 3 3 shift 0 0 0``.

        Raises
        ------
        FileFormatError
            If the words are no mesh, such as ``unknown``.
        """
        divisions, _, shift = words.partition(" shift ")
        try:
            n1, n2, n3 = map(int, divisions.split())
            s1, s2, s3 = map(float, shift.split())
        except ValueError:
            raise FileFormatError(
                f"k-points: expected a mesh such as '3 3 3 shift 0 0 0', found {words!r}"
            ) from None
        return cls((n1, n2, n3), (s1, s2, s3))

    def transpose(self, axes: tuple[int, int, int]) -> "KMesh":
        """Return the mesh with its axes in another order, as `numpy.transpose` does."""
        n1, n2, n3 = (self.divisions[axis] for axis in axes)
        s1, s2, s3 = (self.shift[axis] for axis in axes)
        return KMesh((n1, n2, n3), (s1, s2, s3))

    @property
    def n_irreducible(self) -> int:
        """Points that are left when k and -k count once (time reversal)."""
        n_points = math.prod(self.divisions)
        if any(2.0 * s % 1.0 for s in self.shift):
            return n_points  # -k lies between the points
        return (n_points + self._n_own_partners) // 2

    @property
    def holds_gamma(self) -> bool:
        """Whether one of the points is Γ."""
        return not any(s % 1.0 for s in self.shift)

    @property
    def has_real_waves(self) -> bool:
        """Whether each point is its own partner, so that wave functions can be taken as real."""
        return self._n_own_partners == math.prod(self.divisions)

    def unfold(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the points that are left when k and -k count once, and how they stand for all.

        Returns
        -------
        points : (k, 3) array
            In units of the reciprocal lattice vectors.
        places : (n1, n2, n3) int array
            The row of ``points`` that has the energies of each point of the mesh.
        """
        indices = np.indices(self.divisions).reshape(3, -1).T
        points = (indices + np.array(self.shift)) / self.divisions
        own = np.arange(len(points))
        twice = 2.0 * np.array(self.shift)
        if not np.any(twice % 1.0):
            partners = (-indices - twice.astype(int)) % self.divisions
            own = np.minimum(own, np.ravel_multi_index(tuple(partners.T), self.divisions))
        kept, places = np.unique(own, return_inverse=True)
        return points[kept], places.reshape(self.divisions)

    @property
    def _n_own_partners(self) -> int:
        # i + s and n - (i + s) are the same point for 2 (i + s) = 0 mod n.
        return math.prod(
            sum(2.0 * (i + s) % n == 0.0 for i in range(n))
            for n, s in zip(self.divisions, self.shift, strict=True)
        )


def kpoint_mesh(
    cell: np.ndarray, spacing_per_bohr: float, shift: str = "gamma", seed: int | None = None
) -> KMesh:
    """Return the coarsest mesh whose points lie at most about a given distance apart.

    The number of points along a reciprocal vector of length |b| (2π included) is the smallest n
    with |b|/n <= 1.06 spacing. Supercells of one crystal are sampled by the very same points if
    the spacing is 2π/(n a), with n a multiple of the repeats of every cell; that mesh then
    survives strains of ±5 %. For a = 7.65 Bohr and n = 6 (0.137 per Bohr), cells of 1, 2 and 3
    cubic cells along an axis get 6, 3 and 2 points.

    Parameters
    ----------
    cell : (3, 3) array
        Lattice vectors as rows, Bohr.
    spacing_per_bohr
        Distance of neighbouring points, 1/Bohr.
    shift
        ``gamma``, or ``half`` or ``quarter`` of a step along each axis. The quarter of a single
        step is the mean-value point of a simple cubic lattice (A. Baldereschi, Phys. Rev. B 7,
        5212 (1973)). ``random`` is anything between 0 and 1 step along each axis, ``random-half``
        0 or half a step along each axis; both are drawn by the seed.
    seed
        Of the drawn shifts; the others do without.

    Raises
    ------
    ConfigError
        If the shift is to be drawn and there is no seed.
    """
    lengths = 2.0 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    steps = lengths / (spacing_per_bohr * (1.0 + SPACING_TOLERANCE))
    n1, n2, n3 = np.maximum(1, np.ceil(steps - 1e-9)).astype(int).tolist()
    return KMesh((n1, n2, n3), _shift(shift, seed))


def _shift(shift: str, seed: int | None) -> tuple[float, float, float]:
    if shift in _OFFSETS:
        return (_OFFSETS[shift],) * 3
    if seed is None:
        raise ConfigError(
            f"dft.kpoint_shift: {shift} is drawn by a seed, found none; write one beside the "
            'sections of --settings, {"kpoint_seed": 1, "dft": …}, give --config, whose seed and '
            "the name of the snapshot draw it, or name a shift: none, half or quarter"
        )
    rng = np.random.default_rng(seed)
    drawn = rng.random(3).round(_SHIFT_DIGITS) if shift == "random" else rng.integers(2, size=3) / 2
    s1, s2, s3 = drawn.tolist()
    return s1, s2, s3


def spacing_of(kpoints: str, cell: np.ndarray) -> tuple[float, ...]:
    """Return how far k-points lie apart along each reciprocal vector, per Bohr (2π included).

    Parameters
    ----------
    kpoints
        A mesh in words, such as ``3 3 3 shift 0 0 0``; what else another program says gives ().
    cell : (3, 3) array
        Lattice vectors as rows, Bohr.
    """
    words = kpoints.split()[:3]
    if len(words) < 3 or not all(word.isdigit() and int(word) > 0 for word in words):
        return ()
    lengths = 2.0 * np.pi * np.linalg.norm(np.linalg.inv(cell), axis=0)
    return tuple(float(length / int(word)) for length, word in zip(lengths, words, strict=True))
