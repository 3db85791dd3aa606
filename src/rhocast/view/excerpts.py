"""What a page shows of a density: the whole cell, coarse if it is large, and boxes as stored.

Nothing here holds a field as a whole: it is read layer by layer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rhocast.density import Density
from rhocast.density.quantity import is_part
from rhocast.density.refine import refined
from rhocast.grid import Mesh

#: Layers along x that are read at a time, points.
_LAYERS = 32


@dataclass(frozen=True)
class Excerpt:
    """The whole cell or a box of it, with values on a mesh of its own.

    Attributes
    ----------
    name
        What the page calls it.
    origin : (3,) float64 array
        Place of the first value, Bohr.
    cell : (3, 3) float64 array
        Edges as rows, Bohr; the whole cell is periodic, a box or a part of the cell is not.
    periodic
        Whether the values repeat after the edges.
    values : dict of (nx, ny, nz) float32 arrays
        By name of the field, e/Bohr³.
    positions : (n, 3) float64 array
        Of the atoms within, Bohr.
    numbers : (n,) int array
        Their atomic numbers.
    """

    name: str
    origin: np.ndarray
    cell: np.ndarray
    periodic: bool
    values: dict[str, np.ndarray]
    positions: np.ndarray
    numbers: np.ndarray


def with_difference(excerpt: Excerpt, other: Excerpt) -> Excerpt:
    """Add the density less that of the same part of another density, as the field `difference`."""
    difference = excerpt.values["density"] - other.values["density"]
    return replace(excerpt, values=excerpt.values | {"difference": difference})


def as_difference(excerpt: Excerpt) -> Excerpt:
    """Take the density of a file that holds a difference of densities for what it is."""
    return replace(excerpt, values={"difference": excerpt.values["density"]})


def whole_cell(density: Density, max_points: int, max_atoms: int) -> Excerpt:
    """Return the whole cell: interpolated if it is small, as means over blocks if it is large.

    A small cell is interpolated to half the spacing, by the spline of `rhocast.density.refine`.
    The means are weighted by volume, so the coarse density holds the electrons of the fine one.

    Parameters
    ----------
    density
        The density.
    max_points
        Of its mesh.
    max_atoms
        Within it; where the cell has more, none are shown.
    """
    fine = density.mesh.shape
    part = is_part(density.record)
    if not part and 8 * density.mesh.n_points <= max_points:
        density = _refined_twice(density)
        fine = density.mesh.shape
    shape = coarse_shape(fine, max_points)
    values = {name: block_means(density, name, shape) for name in density.fields}
    ratio = np.array(fine) / np.array(shape)
    first = 0.5 * (ratio - 1.0) / np.array(fine)  # a mean stands in the middle of its block
    few = len(density.structure) <= max_atoms
    positions = (
        _wrapped(density.structure.positions, density.mesh.cell) if few else np.empty((0, 3))
    )
    numbers = density.structure.numbers if few else np.empty(0, dtype=int)
    name = "part of the cell" if part else "whole cell"
    if shape != fine:
        name += " (means over {:.3g} × {:.3g} × {:.3g} points)".format(*ratio)
    edges = density.mesh.cell
    if part:  # from the first point to the last
        counts = np.array(shape)
        edges = edges * np.where(counts > 1, (counts - 1) / counts, 1.0)[:, None]
    origin = first @ density.mesh.cell
    return Excerpt(name, origin, edges, not part, values, positions, numbers)


def _refined_twice(density: Density) -> Density:
    nx, ny, nz = density.mesh.shape
    arrays = {name: density.read(name) for name in density.fields}
    field = replace(Density.of(density.structure, arrays, density.record), source=density.source)
    return refined(field, Mesh((2 * nx, 2 * ny, 2 * nz), density.mesh.cell))


def box_around(density: Density, centre: tuple[int, int, int], side: int, name: str) -> Excerpt:
    """Return the values as stored in a box around a mesh point.

    Parameters
    ----------
    density
        The density.
    centre
        Indices of the mesh point.
    side
        Points along each edge of the box; fewer where the cell has fewer.
    name
        What the page calls the box.
    """
    shape = np.array(density.mesh.shape)
    counts = np.minimum(side, shape)
    first = np.array(centre) - counts // 2
    if is_part(density.record):
        first = np.clip(first, 0, shape - counts)
    indices = tuple((f + np.arange(c)) % n for f, c, n in zip(first, counts, shape, strict=True))
    values = {field: density.read_periodic(field, indices) for field in density.fields}
    steps = density.mesh.cell / shape[:, None]
    origin, edges = first @ steps, steps * (counts - 1)[:, None]
    inside = _images_inside(density, first / shape, (counts - 1) / shape)
    return Excerpt(name, origin, edges, False, values, *inside)


def most_uncertain(density: Density, count: int, side: int) -> list[tuple[int, int, int]]:
    """Return the mesh points of largest σ, no two of them in one box of a given side.

    σ is the root of the summed squares of both standard deviations; a density without them has no
    such points.
    """
    names = [name for name in ("epistemic_std", "aleatoric_std") if name in density.fields]
    if not names:
        return []
    peaks: list[tuple[float, tuple[int, int, int]]] = []
    for start, *layers in _layers(density, names):
        variance = np.sum([layer.astype(np.float64) ** 2 for layer in layers], axis=0)
        for x, y, z in _block_maxima(variance, side):
            peaks.append((float(variance[x, y, z]), (start + x, y, z)))
    peaks.sort(reverse=True)
    chosen: list[tuple[int, int, int]] = []
    shape = np.array(density.mesh.shape)
    for _, place in peaks:
        away = [np.abs((np.array(place) - other + shape // 2) % shape - shape // 2)
                for other in chosen]  # fmt: skip
        if all((distance >= side // 2).any() for distance in away):
            chosen.append(place)
        if len(chosen) == count:
            break
    return chosen


def coarse_shape(shape: tuple[int, int, int], max_points: int) -> tuple[int, int, int]:
    """Return the largest mesh of at most so many points whose blocks are about equally wide."""
    n_points = float(np.prod(shape))
    factor = max(1.0, (n_points / max_points) ** (1.0 / 3.0))
    nx, ny, nz = (max(1, int(n / factor)) for n in shape)
    return nx, ny, nz


def block_means(density: Density, name: str, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the means of a field over the blocks of a coarser mesh; float32."""
    fine = density.mesh.shape
    if shape == fine:
        return density.read(name)
    wx, wy, wz = (_overlaps(n, m) for n, m in zip(fine, shape, strict=True))
    means = np.zeros(shape, dtype=np.float32)
    for start, values in _layers(density, [name]):
        along_yz = np.tensordot(np.tensordot(values, wz, axes=(2, 1)), wy, axes=(1, 1))  # x, z, y
        part = wx[:, start : start + len(values)]
        rows = np.flatnonzero(part.any(axis=1))
        means[rows] += np.tensordot(part[rows], along_yz, axes=(1, 0)).transpose(0, 2, 1)
    return means


def _layers(density: Density, names: Sequence[str]) -> Iterator[tuple]:
    for start in range(0, density.mesh.shape[0], _LAYERS):
        box = (slice(start, start + _LAYERS),)
        yield start, *(density.read(name, box) for name in names)


def _overlaps(n_fine: int, n_coarse: int) -> np.ndarray:
    """Share of each of n_coarse blocks that each of n_fine cells fills; rows sum to 1."""
    edges = np.arange(n_coarse + 1) * n_fine / n_coarse
    cells = np.arange(n_fine)
    upper = np.minimum(edges[1:, None], cells + 1)
    lower = np.maximum(edges[:-1, None], cells)
    return (np.maximum(0.0, upper - lower) * n_coarse / n_fine).astype(np.float32)


def _block_maxima(values: np.ndarray, side: int) -> Iterator[tuple[int, int, int]]:
    """Yield where the largest value of each column of side × side points lies."""
    _, ny, nz = values.shape
    for y in range(0, ny, side):
        for z in range(0, nz, side):
            block = values[:, y : y + side, z : z + side]
            i, j, k = np.unravel_index(int(block.argmax()), block.shape)
            yield int(i), y + int(j), z + int(k)


def _wrapped(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    fractional = positions @ np.linalg.inv(cell)
    return (fractional % 1.0) @ cell


def _images_inside(
    density: Density, lower: np.ndarray, extent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and numbers of the atoms within a fractional box, wrapped into it."""
    structure = density.structure
    fractional = lower + (structure.positions @ np.linalg.inv(density.mesh.cell) - lower) % 1.0
    inside = (fractional <= lower + extent).all(axis=1)
    return fractional[inside] @ density.mesh.cell, structure.numbers[inside]
