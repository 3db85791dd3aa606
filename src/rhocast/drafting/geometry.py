"""What the geometry of a cell says of it: neighbours, edges, vacuum."""

import numpy as np
from scipy.spatial import cKDTree

from rhocast.structures import Structure, periodic_images

#: A gap without atoms that is so wide is vacuum, Bohr.
_VACUUM_BOHR = 12.0


def is_fourfold(structure: Structure) -> bool:
    """Say whether each atom has four nearest neighbours at about the same distance."""
    distances = neighbours(structure, 5)
    return bool(
        np.all(distances[:, 3] < 1.1 * distances[:, 0])
        and np.all(distances[:, 4] > 1.2 * distances[:, 0])
    )


def neighbours(structure: Structure, n: int) -> np.ndarray:
    """Return the distances of the n nearest neighbours of each atom, Bohr; (atoms, n)."""
    reach = 2.0 * structure.minimum_distance()
    while True:
        images, _ = periodic_images(structure, reach)
        inside = structure.fractional @ structure.cell
        distances, _ = cKDTree(images).query(inside, k=n + 1, distance_upper_bound=reach)
        if np.isfinite(distances).all():
            return np.asarray(distances[:, 1:])
        reach *= 1.5


def edges_bohr(structure: Structure) -> np.ndarray:
    """Return the lengths of the edges, infinite across the vacuum of a slab or a wire; (3,)."""
    lengths = np.linalg.norm(structure.cell, axis=1)
    empty = vacuum_axes(structure)
    if len(empty) < 3:
        lengths[["abc".index(axis) for axis in empty]] = np.inf
    return lengths


def vacuum_axes(structure: Structure) -> str:
    """Return the lattice vectors along which a wide gap holds no atoms, such as ``c``."""
    places = np.sort(structure.fractional, axis=0)
    gaps = np.diff(np.vstack([places, places[:1] + 1.0]), axis=0).max(axis=0)
    heights = 1.0 / np.linalg.norm(np.linalg.inv(structure.cell), axis=0)
    # A single layer of atoms has one gap: the whole height.
    return "".join(np.array(list("abc"))[gaps * heights > _VACUUM_BOHR])
