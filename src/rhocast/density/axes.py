"""Whether a density lies about its own atoms, or has its axes exchanged.

A density is roughly a sum of spherical ones about its atoms. Its Fourier coefficients are then the
atoms' structure factors, times functions of the length of the wave vector alone, which are fitted.
What they leave over tells a density whose axes are in the wrong order: it is least in the right
order, from thermal crystals to liquids (tests/density/test_axes.py).
"""

from itertools import permutations

import numpy as np

from rhocast.density.density import Density

#: Waves up to this length are looked at, per Bohr.
_LONGEST_PER_BOHR = 2.5

#: Gaussians in the length of the wave vector that a species' function is made of.
_FUNCTIONS = 10

#: Of the variance; more is left over where the atoms are not those of the density.
_MAX_LEFT = 0.5

#: Another order of the axes must leave so many times less.
_MIN_GAIN = 1.2


def misplaced(density: Density) -> str:
    """Say in what way a density does not fit its atoms; empty if it does."""
    left = _left_over(density)
    own, best = left[0, 1, 2], min(left, key=lambda order: left[order])
    if own > _MIN_GAIN * left[best]:
        names = "".join("xyz"[axis] for axis in best)
        return f"its axes are exchanged: the density fits the atoms if they are taken as {names}"
    if own > _MAX_LEFT:
        return (
            "it does not lie about its atoms: fractional positions, another unit or other atoms? "
            "Positions are Cartesian, Bohr"
        )
    return ""


def _left_over(density: Density) -> dict[tuple[int, ...], float]:
    """Return the share of the variance that the atoms leave over, by order of the axes."""
    waves, lengths = _waves(density)
    coefficients = np.fft.fftn(density.density.astype(np.float64))
    basis = np.linalg.qr(_superposed(density, waves, lengths))[0]
    left = {}
    for order in permutations(range(3)):
        wanted = _real(coefficients.transpose(order)[tuple(waves.T)])
        total = float(wanted @ wanted)
        left[order] = 1.0 - float(np.sum((basis.T @ wanted) ** 2)) / total if total else 1.0
    return left


def _waves(density: Density) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of half of the waves, (w, 3), and their lengths per Bohr."""
    cell, shape = density.structure.cell, density.density.shape
    reach = np.linalg.norm(cell, axis=1) * _LONGEST_PER_BOHR / (2.0 * np.pi)
    most = np.minimum(reach.astype(int), (min(shape) - 1) // 2)
    grid = np.meshgrid(*(np.arange(-n, n + 1) for n in most), indexing="ij")
    waves = np.stack(grid, axis=-1).reshape(-1, 3)
    waves = waves[len(waves) // 2 + 1 :]  # the other half is conjugate; zero is in the middle
    lengths = np.linalg.norm(waves @ (2.0 * np.pi * np.linalg.inv(cell).T), axis=1)
    near = lengths < _LONGEST_PER_BOHR
    return waves[near], lengths[near]


def _superposed(density: Density, waves: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the columns that are fitted: structure factors times Gaussians in the length."""
    structure = density.structure
    scaled = structure.positions @ np.linalg.inv(structure.cell)
    width = _LONGEST_PER_BOHR / _FUNCTIONS
    centres = np.linspace(0.0, _LONGEST_PER_BOHR, _FUNCTIONS)
    radial = np.exp(-0.5 * ((lengths[:, None] - centres) / width) ** 2)
    columns = []
    for number in np.unique(structure.numbers):
        phases = np.exp(-2j * np.pi * (waves @ scaled[structure.numbers == number].T))
        columns.append(phases.sum(axis=1)[:, None] * radial)
    return _real(np.concatenate(columns, axis=1))


def _real(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values.real, values.imag])
