"""A finer mesh, or a part of the cell, from a stored field.

The field is read and written box by box: it is never held as a whole. The integral of the fine
density is a weighted sum over the coarse one, with weights that follow from the two meshes; one
pass over the coarse field therefore tells, before anything is written, what to scale by so that
the fine density holds exactly the electrons of the coarse one.
"""

import logging
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.errors import RhocastError
from rhocast.grid import Mesh
from rhocast.inference.chunks import rounded
from rhocast.inference.density_field import DensityField
from rhocast.inference.interpolation import AxisMap, interpolate
from rhocast.inference.limits import check_disk
from rhocast.inference.progress import Progress
from rhocast.inference.storage import (
    DensityFile,
    create_density,
    create_field,
    field_bytes,
    open_density,
)
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: Points along each side of the boxes that are interpolated at a time; whole chunks of a file.
BOX = 96

#: Fractional coordinates of a part of the cell: lower and upper end along each axis.
Part = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

WHOLE: Part = ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0))

#: A density on disk or in memory.
Stored = DensityFile | DensityField


def refine(
    source: str | Path,
    out: str | Path,
    mesh_spacing_bohr: float | None = None,
    part: Part = WHOLE,
    scale: float = 1.0,
) -> None:
    """Interpolate a density-field file to another mesh.

    The density is a periodic quintic spline through the stored one, the standard deviations the
    square roots of linear interpolants of their squares.

    Parameters
    ----------
    source
        The density-field file.
    out
        The file to write.
    mesh_spacing_bohr
        At most, Bohr; by default as stored.
    part
        What part of the cell to write. The file of a part has the part as its cell, and the atoms
        within; it is not periodic.
    scale
        What to multiply the density, and its standard deviations, by.

    Raises
    ------
    FileFormatError
        If the source cannot be read.
    RhocastError
        If the part is empty, or larger than the cell.
    ParallelError
        If the disk is too small.
    """
    out = Path(out)
    _check(part)
    with open_density(source) as stored:
        lower, upper = np.array(part).T
        cell = stored.mesh.cell * (upper - lower)[:, None]
        mesh = Mesh.with_spacing(cell, mesh_spacing_bohr or stored.mesh.spacing.max())
        places = _places(stored, mesh, part)
        factor = _conserving_factor(stored, mesh) if part == WHOLE else 1.0
        record = _record(stored, mesh, factor)
        record["scale"] = scale * record.get("scale", 1.0)
        if part != WHOLE:
            record |= {"part_lower": lower.tolist(), "part_upper": upper.tolist()}
            record.pop("n_electrons", None)
        out.parent.mkdir(parents=True, exist_ok=True)
        check_disk(out, field_bytes(stored.fields) * mesh.n_points, mesh.shape)
        with create_density(out, _inside(stored.structure, lower, cell, part), record) as file:
            progress = Progress(f"{out.name}, interpolation", len(stored.fields) * mesh.n_points)
            for name in stored.fields:
                target = create_field(file, name, mesh.shape)
                for box in _boxes(mesh.shape):
                    values = interpolated(
                        stored, name, [p[s] for p, s in zip(places, box, strict=True)]
                    )
                    target[box] = rounded(scale * factor * values, target.dtype)
                    progress.add(values.size)


def refined(field: DensityField, mesh: Mesh) -> DensityField:
    """Interpolate a density in memory to another mesh of its cell, as `refine` does."""
    places = _places(field, mesh, WHOLE)
    factor = _conserving_factor(field, mesh)
    arrays = {name: np.empty(mesh.shape, dtype=np.float32) for name in field.fields}
    for name, box in product(field.fields, _boxes(mesh.shape)):
        values = interpolated(field, name, [p[s] for p, s in zip(places, box, strict=True)])
        arrays[name][box] = factor * values
    return DensityField(field.structure, record=_record(field, mesh, factor), **arrays)


def _places(stored: Stored, mesh: Mesh, part: Part) -> list[np.ndarray]:
    """Return where the points of a mesh lie along each axis, in stored spacings."""
    return [
        (low + np.arange(n) * (high - low) / n) * coarse
        for (low, high), n, coarse in zip(part, mesh.shape, stored.mesh.shape, strict=True)
    ]


def _record(stored: Stored, mesh: Mesh, factor: float) -> dict[str, Any]:
    return dict(stored.record) | {
        "mesh_spacing_bohr": mesh.spacing.tolist(),
        "refined_from_mesh": list(stored.mesh.shape),
        "refined_scale": factor,
    }


def interpolated(stored: Stored, name: str, places: list[np.ndarray]) -> np.ndarray:
    """Interpolate a field at some points of each axis, given in coarse spacings."""
    kind = AxisMap.spline if name == "density" else AxisMap.linear
    x, y, z = (kind(p, n) for p, n in zip(places, stored.mesh.shape, strict=True))
    values = stored.read_periodic(name, (x.sources, y.sources, z.sources)).astype(np.float64)
    if name == "density":
        return interpolate(values, (x, y, z))
    return np.sqrt(interpolate(values**2, (x, y, z)))


def _conserving_factor(stored: Stored, mesh: Mesh) -> float:
    """Electrons of the stored density over those of its interpolant on the mesh."""
    axes = [_integration_weights(c, n) for c, n in zip(stored.mesh.shape, mesh.shape, strict=True)]
    coarse, fine = 0.0, 0.0
    for x, y, z in _boxes(stored.mesh.shape):
        values = stored.read("density", (x, y, z)).astype(np.float64)
        coarse += values.sum()
        fine += np.einsum("i,j,k,ijk->", axes[0][x], axes[1][y], axes[2][z], values, optimize=True)
    factor = coarse * stored.mesh.voxel_volume / (fine * mesh.voxel_volume)
    log.info("the interpolated density is scaled by 1 %+.2g to keep its electrons", factor - 1.0)
    return float(factor)


def _integration_weights(coarse: int, fine: int) -> np.ndarray:
    """Weight of each coarse point in the sum over the fine points of an axis; shape (coarse,)."""
    weights = np.zeros(coarse)
    places = np.arange(fine) * (coarse / fine)
    for start in range(0, fine, BOX):
        part = AxisMap.spline(places[start : start + BOX], coarse)
        np.add.at(weights, part.sources, part.weights.sum(axis=0))
    return weights


def _inside(structure: Structure, lower: np.ndarray, cell: np.ndarray, part: Part) -> Structure:
    """Atoms of a part of the cell, measured from its corner."""
    if part == WHOLE:
        return structure
    shifted = (structure.fractional - lower) % 1.0
    inside = (shifted < np.array(part)[:, 1] - lower).all(axis=1)
    if not inside.any():
        raise RhocastError(f"box {part}: no atom in it, expected at least one; make it larger")
    return Structure(shifted[inside] @ structure.cell, cell, structure.numbers[inside])


def _boxes(shape: tuple[int, int, int]) -> list[tuple[slice, slice, slice]]:
    sides = ([slice(a, min(a + BOX, n)) for a in range(0, n, BOX)] for n in shape)
    return list(product(*sides))


def _check(part: Part) -> None:
    for low, high in part:
        if not 0.0 < high - low <= 1.0:
            raise RhocastError(
                f"box: expected lower and upper ends in units of the lattice vectors, at most 1 "
                f"apart, found {low:g} and {high:g}"
            )
