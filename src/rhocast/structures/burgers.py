"""The Burgers vector of a built cell, from its atoms alone."""

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from rhocast.errors import StructureError
from rhocast.structures.structure import Structure, periodic_images

#: A bond that differs from every lattice vector by more than this share of it leads nowhere.
_TOLERANCE = 0.28

_NO_LATTICE = (
    "dislocation: the lattice around it cannot be recognised; the cores are too close to each "
    "other, enlarge `repeat`"
)


def measure_burgers(structure: Structure, core: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Walk around a dislocation line along z from atom to atom and count in the perfect lattice.

    The circuit is a rectangle of half the cell's edges around the core. Each step between atoms is
    told by the lattice vector that it resembles most; the Burgers vector is what the lattice
    vectors lack to close (start to finish, right-handed about z).

    Parameters
    ----------
    structure
        The cell; the line runs along its third vector.
    core : (2,) array
        Fractional coordinates of the line in the first two directions.
    steps : (m, 3) array
        Lattice vectors of the perfect crystal, one length, Bohr.

    Returns
    -------
    (3,) array
        Burgers vector, Bohr.

    Raises
    ------
    StructureError
        If no closed circuit of recognisable steps leads around the core.
    """
    quarter = np.array([0.25, 0.25])
    lower, upper = np.append(core - quarter, 0.0), np.append(core + quarter, 1.0)
    reach = 1.5 * float(np.linalg.norm(steps[0]))
    positions, _ = periodic_images(structure, reach, lower, upper)
    distances, crystal_steps = _bonds(positions, steps)
    corners = np.array([(1, 1), (0, 1), (-1, 1), (-1, 0), (-1, -1), (0, -1), (1, -1), (1, 0)])
    places = np.column_stack([core + corners * quarter, np.full(8, 0.5)]) @ structure.cell
    stations = _stations(positions, distances, places)
    _, before = dijkstra(distances, indices=stations, return_predecessors=True)
    walked = np.zeros(3)
    for way_back, start, end in zip(before, stations, np.roll(stations, -1), strict=True):
        while end != start:
            previous = int(way_back[end])
            if previous < 0:
                raise StructureError(_NO_LATTICE)
            walked += crystal_steps[previous, int(end)]
            end = previous
    return -walked


def _stations(positions: np.ndarray, bonds: csr_array, places: np.ndarray) -> np.ndarray:
    """Atoms nearest to the places, all on one sublattice: that of the atom nearest to the first."""
    _, sublattice = connected_components(bonds, directed=False)
    _, first = cKDTree(positions).query(places[0])
    members = np.flatnonzero(sublattice == sublattice[first])
    away, nearest = cKDTree(positions[members]).query(places)
    if away.max() > bonds.max():
        raise StructureError(_NO_LATTICE)
    return members[nearest]


def _bonds(
    positions: np.ndarray, steps: np.ndarray
) -> tuple[csr_array, dict[tuple[int, int], np.ndarray]]:
    """Pairs of atoms that are one lattice step apart: their distances, and the step of each."""
    length = float(np.linalg.norm(steps[0]))
    pairs = cKDTree(positions).query_pairs((1 + _TOLERANCE) * length, output_type="ndarray")
    pairs = np.vstack([pairs, pairs[:, ::-1]])
    bonds = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    misfit, nearest = cKDTree(steps).query(bonds)
    known = misfit < _TOLERANCE * length
    pairs, bonds, nearest = pairs[known], bonds[known], nearest[known]
    distances = coo_array(
        (np.linalg.norm(bonds, axis=1), (pairs[:, 0], pairs[:, 1])), shape=2 * (len(positions),)
    )
    crystal_steps = dict(zip(map(tuple, pairs.tolist()), steps[nearest], strict=True))
    return distances.tocsr(), crystal_steps
