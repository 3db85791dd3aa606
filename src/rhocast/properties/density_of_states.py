"""Fermi level and density of states from eigenvalues on a mesh of k-points."""

import math

import numpy as np
from scipy.ndimage import gaussian_filter1d, map_coordinates
from scipy.optimize import brentq
from scipy.special import expit

#: Energies between mesh points are interpolated to a mesh with so many points an axis, at least.
_FINE = 36

#: Bins of energy in the standard deviation of the Gaussian.
_BINS_PER_WIDTH = 5


def fermi_level(
    energies_ha: np.ndarray, weights: np.ndarray, n_electrons: float, smearing_ha: float
) -> float:
    """Return the energy at which Fermi-Dirac occupations, 0 to 2, hold the electrons; Ha.

    It is infinite where the bands have no room for more electrons.

    Parameters
    ----------
    energies_ha : (k, n) array
        Eigenvalues.
    weights : (k,) array
        Of the k-points; they add up to 1.
    n_electrons
        Electrons of the cell.
    smearing_ha
        k_B T of the electrons.
    """
    if 2.0 * energies_ha.shape[1] <= n_electrons:
        return math.inf

    def surplus(level: float) -> float:
        occupations = 2.0 * expit((level - energies_ha) / smearing_ha)
        return float(weights @ occupations.sum(axis=1)) - n_electrons

    margin = 40.0 * smearing_ha
    level: float = brentq(
        surplus, energies_ha.min() - margin, energies_ha.max() + margin, xtol=1e-10
    )
    return level


def highest_occupation(energies_ha: np.ndarray, fermi_ha: float, smearing_ha: float) -> float:
    """Return the largest occupation (0 to 1) of the highest band, of energies (k, n), Ha."""
    return float(expit((fermi_ha - energies_ha[:, -1].min()) / smearing_ha))


def density_of_states(energies: np.ndarray, grid: np.ndarray, width: float) -> np.ndarray:
    """Return the density of states, both spins, per unit of energy and cell; shape of ``grid``.

    Between the k-points of the mesh energies are interpolated linearly, band by band, as in the
    tetrahedron method.

    Parameters
    ----------
    energies : (n1, n2, n3, n) array
        Bands on a whole periodic mesh of k-points, in any unit.
    grid : (e,) array
        Energies at which it is wanted.
    width
        Standard deviation of the Gaussian that broadens it.
    """
    shape = energies.shape[:3]
    steps = [np.arange(n * -(-_FINE // n)) / -(-_FINE // n) for n in shape]
    places = np.stack(np.meshgrid(*steps, indexing="ij"))
    size = width / _BINS_PER_WIDTH
    low, high = grid.min() - 6.0 * width, grid.max() + 6.0 * width
    edges = low + size * np.arange(np.ceil((high - low) / size) + 1)
    counts = np.zeros(len(edges) - 1)
    for band in np.moveaxis(energies, -1, 0):
        fine = map_coordinates(band, places, order=1, mode="grid-wrap")
        counts += np.histogram(fine, edges)[0]
    states = gaussian_filter1d(2.0 * counts / (places[0].size * size), _BINS_PER_WIDTH)
    return np.interp(grid, 0.5 * (edges[1:] + edges[:-1]), states)
