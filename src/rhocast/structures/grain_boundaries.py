"""Symmetric [001] tilt grain boundaries in periodic cells."""

from dataclasses import replace

import numpy as np
from scipy.spatial import cKDTree

from rhocast.errors import StructureError
from rhocast.structures.lattices import NEIGHBOUR_DISTANCE, oriented_cell, repeat
from rhocast.structures.structure import Structure, periodic_images

#: Atoms of the two grains closer than this share of the crystal's neighbour distance are one.
CLOSEST_SHARE = 0.7

#: Share of the cell's height, in the middle of each grain, that its axes are measured in.
_INNER_SHARE = 0.25


def tilt_boundaries(
    lattice: str,
    constant_bohr: float,
    plane: tuple[int, int, int],
    counts: tuple[int, int, int],
    element: str,
) -> Structure:
    """Build two grains, mirror images of each other, and measure how they are turned.

    The mirrors are two planes (h k 0), the cell's x-z planes at y = 0 and ½; the edges are
    [k −h 0], [h k 0] and [0 0 1]. The grains share a coincidence site lattice with
    Σ = h² + k², halved if that is even. Atoms of the upper grain that come too close to one of the
    lower grain, or lie on the mirror with it, are taken out.

    Parameters
    ----------
    lattice
        ``fcc``, ``bcc`` or ``diamond``.
    constant_bohr
        Cubic lattice constant, Bohr.
    plane
        Miller indices (h, k, 0).
    counts
        Cells along the boundary, across each grain, and along the tilt axis.
    element
        Chemical symbol.

    Returns
    -------
    Structure
        Its record holds ``sigma``, ``misorientation_degree`` (measured) and ``atoms_taken_out``.

    Raises
    ------
    StructureError
        If the misorientation measured is not that of the plane: the grains are too thin.
    """
    h, k, _ = plane
    axes = np.array([[k, -h, 0], [h, k, 0], [0, 0, 1]])
    grain = repeat(oriented_cell(lattice, constant_bohr, axes, element), counts)
    lower, upper = _grains(grain)
    closest = CLOSEST_SHARE * NEIGHBOUR_DISTANCE[lattice] * constant_bohr
    built = _joined(lower, upper, closest)
    found = misorientation_degree(built, constant_bohr)
    expected = np.degrees(2.0 * np.arctan2(k, h)) % 90.0
    expected = min(expected, 90.0 - expected)
    if not abs(found - expected) < 0.1:
        raise StructureError(
            f"grain_boundary: expected a misorientation of {expected:.2f}°, measured {found:.2f}°; "
            "the grains are too thin, raise the second number of `repeat`"
        )
    square = h * h + k * k
    return replace(
        built,
        record={
            "grain_boundary": f"[001] symmetric tilt ({h} {k} 0)",
            "sigma": square if square % 2 else square // 2,
            "misorientation_degree": round(found, 4),
            "atoms_taken_out": len(lower) + len(upper) - len(built),
        },
    )


def misorientation_degree(structure: Structure, constant_bohr: float) -> float:
    """Measure the angle between the cube axes of two grains, 0 to 45 degrees.

    The axes are taken from pairs of atoms one lattice constant apart in the middle of each grain:
    the phase of the mean of exp(4iφ), φ their directions about [001].

    Parameters
    ----------
    structure
        Two grains, [001] along z, with boundaries at y = 0 and half the cell.
    constant_bohr
        Cubic lattice constant, Bohr.
    """
    angles = [_axis_angle(structure, constant_bohr, middle) for middle in (0.25, 0.75)]
    difference = np.degrees(angles[1] - angles[0]) % 90.0
    return float(min(difference, 90.0 - difference))


def _axis_angle(structure: Structure, constant_bohr: float, middle: float) -> float:
    inner = np.abs(structure.fractional[:, 1] - middle) < 0.5 * _INNER_SHARE
    if not inner.any():
        return np.nan
    tolerance = 0.05 * constant_bohr
    grain = Structure(structure.positions[inner], structure.cell, structure.numbers[inner])
    images, _ = periodic_images(grain, constant_bohr + tolerance)
    pairs = cKDTree(images).query_pairs(constant_bohr + tolerance, output_type="ndarray")
    steps = images[pairs[:, 1]] - images[pairs[:, 0]]
    axial = np.linalg.norm(steps, axis=1) > constant_bohr - tolerance
    steps = steps[axial & (np.abs(steps[:, 2]) < tolerance)]
    if len(steps) == 0:
        return np.nan
    return float(np.angle(np.exp(4j * np.arctan2(steps[:, 1], steps[:, 0])).mean())) / 4.0


def _grains(grain: Structure) -> tuple[Structure, Structure]:
    """Grain from y = 0 to its cell's edge, both included, and its mirror image above it."""
    height = grain.cell[1, 1]
    cell = grain.cell * [[1.0], [2.0], [1.0]]
    scaled = grain.fractional
    scaled[scaled > 1.0 - 1e-6] = 0.0
    shared = scaled[scaled[:, 1] < 1e-6] + [0.0, 1.0, 0.0]
    lower = np.vstack([scaled, shared]) @ grain.cell
    upper = lower * [1.0, -1.0, 1.0] + [0.0, 2.0 * height, 0.0]
    numbers = np.full(len(lower), grain.numbers[0])
    return Structure(lower, cell, numbers), Structure(upper, cell, numbers)


def _joined(lower: Structure, upper: Structure, closest: float) -> Structure:
    """Both grains, the upper one without the atoms that are too close to the lower one's."""
    images, _ = periodic_images(lower, closest)
    distances, _ = cKDTree(images).query(
        upper.fractional @ upper.cell, distance_upper_bound=closest
    )
    kept = np.isinf(distances)
    return Structure(
        np.vstack([lower.positions, upper.positions[kept]]),
        lower.cell,
        np.append(lower.numbers, upper.numbers[kept]),
    )
