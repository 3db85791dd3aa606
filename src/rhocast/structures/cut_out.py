"""Small periodic cells around places of a large structure, for the next DFT calculation."""

import numpy as np
from scipy.spatial import cKDTree

from rhocast.errors import StructureError
from rhocast.structures.structure import Structure

#: Atoms that meet across the new faces stay if they are no closer than this share of the shortest
#: distance within the small cell.
_SHARE_OF_SHORTEST = 0.9


def cut_out(structure: Structure, centre: np.ndarray, edge_bohr: float) -> Structure:
    """Cut a small periodic cell out of a structure.

    Its edges are parallel to the lattice vectors and of one length, or the whole vector where that
    is shorter. Faces are new: of atoms that they bring too close together, the one that is further
    from the centre is left out. Around the centre, up to about half the edge, all is as it was.

    Parameters
    ----------
    structure
        Of any size; the time is linear in the atoms.
    centre : (3,) array
        Place that will be the middle of the small cell, Bohr.
    edge_bohr
        Length of the edges, Bohr.

    Raises
    ------
    StructureError
        If no atom lies within it.
    """
    inverse = np.linalg.inv(structure.cell)
    lengths = np.linalg.norm(structure.cell, axis=1)
    share = np.minimum(edge_bohr / lengths, 1.0)
    away = (structure.positions - centre) @ inverse
    away -= np.round(away)
    inside = np.flatnonzero((np.abs(away) <= 0.5 * share).all(axis=1))
    if not len(inside):
        raise StructureError(
            f"no atom within {0.5 * edge_bohr:g} Bohr of {np.round(centre, 2).tolist()} along the "
            "lattice vectors; cut out a larger cell"
        )
    cell = structure.cell * share[:, None]
    order = np.argsort(np.linalg.norm(away[inside] @ structure.cell, axis=1))
    kept = inside[order]
    places = away[kept] @ structure.cell
    stays = _far_enough(places, cell, _shortest(places))
    return Structure(places[stays] + 0.5 * cell.sum(axis=0), cell, structure.numbers[kept][stays])


def _shortest(places: np.ndarray) -> float:
    """Return the shortest distance between two places; 0 for one alone."""
    if len(places) < 2:
        return 0.0
    return float(cKDTree(places).query(places, k=2)[0][:, 1].min())


def _far_enough(places: np.ndarray, cell: np.ndarray, shortest: float) -> np.ndarray:
    """Return which places stay, the first ones first, so that no two images are too close."""
    shifts = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    images = cKDTree((places[:, None] + shifts).reshape(-1, 3))
    stays = np.ones(len(places), dtype=bool)
    for number, near in enumerate(images.query_ball_point(places, _SHARE_OF_SHORTEST * shortest)):
        others = np.unique(np.array(near) // len(shifts))
        stays[number] = not stays[others[others < number]].any()
    return stays
