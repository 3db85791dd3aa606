"""A finer mesh, or a part of the cell, from a stored field.

The field is read and written box by box, by all ranks or threads: none ever holds it as a whole,
and no number depends on who has made it. The integral of the fine density is a weighted sum over
the coarse one, with weights that follow from the two meshes; one pass over the coarse field
therefore tells, before anything is written, what to scale by so that the fine density holds exactly
the electrons of the coarse one.
"""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from itertools import product, repeat
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.density.density import Density, least_share
from rhocast.density.disk import check_disk
from rhocast.density.field_writer import FieldWriter, allocate_density
from rhocast.density.formats.field import field_bytes, open_field
from rhocast.density.spline import AxisMap, interpolate_strips
from rhocast.errors import FileFormatError, RhocastError
from rhocast.grid import Mesh
from rhocast.parallel.blas import available_threads, one_blas_thread
from rhocast.parallel.progress import Progress
from rhocast.parallel.ranks import (
    end_all_on_failure,
    first_alone,
    from_first,
    share,
    together,
    wait_for_all,
)
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: Points along each side of the boxes that are interpolated at a time, whole chunks of a file: long
#: in z, so that what is done along x and y serves many points.
BOX = (96, 96, 1536)

#: Points along z of a strip of such a box, and along each axis where weights are made.
STRIP = 96

Box = tuple[slice, slice, slice]

#: Fractional coordinates of a part of the cell: lower and upper end along each axis.
Part = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

WHOLE: Part = ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0))


def refine(
    source: str | Path,
    out: str | Path,
    mesh_spacing_bohr: float | None = None,
    part: Part = WHOLE,
    scale: float = 1.0,
    comm: Any = None,
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
    comm
        Communicator of `rhocast.parallel.ranks.find_communicator`: every rank interpolates and
        writes boxes of its own. A process that is alone does so on all threads that it has.

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
    with ExitStack() as stack:
        stack.enter_context(one_blas_thread())
        threads = available_threads()
        stored = together(comm, lambda: stack.enter_context(open_field(source)))
        cell = stored.mesh.cell * (np.array(part)[:, 1] - np.array(part)[:, 0])[:, None]
        mesh = Mesh.with_spacing(cell, mesh_spacing_bohr or stored.mesh.spacing.max())

        def prepare() -> Structure:
            atoms = _inside(stored.structure, cell, part)
            out.parent.mkdir(parents=True, exist_ok=True)
            check_disk(out, field_bytes(stored.fields) * mesh.n_points, mesh.shape)
            return atoms

        atoms = first_alone(comm, prepare)
        with end_all_on_failure(comm):
            factor = 1.0 if part != WHOLE else _conserving_factor(stored, mesh, comm, threads)
        record = _record(stored, mesh, part, factor)
        record["scale"] = scale * record.get("scale", 1.0)

        def allocate() -> Path:
            assert atoms is not None
            return stack.enter_context(
                allocate_density(out, atoms, record, mesh.shape, stored.fields)
            )

        partial = from_first(comm, first_alone(comm, allocate))
        interpolation = Interpolation(
            stored, mesh, part, scale * factor, least_share(record["scale"])
        )
        with end_all_on_failure(comm):
            _interpolate_to_file(interpolation, partial, out.name, comm, threads)
            stack.close()  # the file gets its name
            wait_for_all(comm)


def _interpolate_to_file(
    interpolation: "Interpolation", partial: Path, label: str, comm: Any, threads: int
) -> None:
    """Share out the boxes of all fields; results are how many points have been written."""
    fields, shape = interpolation.stored.fields, interpolation.mesh.shape
    progress = Progress(f"{label}, interpolation", len(fields) * interpolation.mesh.n_points)
    with FieldWriter(partial) as writer:

        def compute(item: tuple[str, Box]) -> np.ndarray:
            name, box = item
            for strip, values in interpolation.strips(name, box):
                writer.write(name, strip, values)
            return np.array([np.prod([side.stop - side.start for side in box])])

        def count(_: tuple[str, Box], points: np.ndarray) -> None:
            progress.add(int(points[0]))

        share(comm, product(fields, boxes(shape)), compute, count, threads)
        wait_for_all(comm)


def refined(field: Density, mesh: Mesh) -> Density:
    """Interpolate a density in memory to another mesh of its cell, as `refine` does."""
    arrays = {name: np.empty(mesh.shape, dtype=np.float32) for name in field.fields}
    threads = available_threads()
    with one_blas_thread():
        factor = _conserving_factor(field, mesh, None, threads)
        least = least_share(field.record.get("scale", 1.0))
        interpolation = Interpolation(field, mesh, WHOLE, factor, least)

        def compute(item: tuple[str, Box]) -> np.ndarray:
            name, box = item
            for strip, values in interpolation.strips(name, box):
                arrays[name][strip] = values
            return arrays[name][box]

        items = product(field.fields, boxes(mesh.shape))
        share(None, items, compute, lambda *_: None, threads)
    return Density.of(field.structure, arrays, _record(field, mesh, WHOLE, factor))


class Interpolation:
    """Fields of a stored density at the points of another mesh, some at a time.

    Parameters
    ----------
    stored
        The density.
    mesh
        Of the part.
    part
        Of the stored cell.
    scale
        What to multiply all fields by.
    least_share
        The least epistemic standard deviation, as a share of the density.
    """

    def __init__(
        self,
        stored: Density,
        mesh: Mesh,
        part: Part = WHOLE,
        scale: float = 1.0,
        least_share: float = 0.0,
    ) -> None:
        self.stored = stored
        self.mesh = mesh
        self._part = part
        self._scale = scale
        self._least_share = least_share

    def strips(self, name: str, box: Box) -> Iterator[tuple[Box, np.ndarray]]:
        """Interpolate a field to a box of `boxes`: parts of the box, and the values there."""
        maps = self._splines if name == "density" else self._lines
        x, y = (axis[side.start // STRIP] for axis, side in zip(maps, box[:2], strict=False))
        along_z = maps[2][box[2].start // STRIP : -(-box[2].stop // STRIP)]
        count = along_z[-1].first + along_z[-1].weights.shape[1] - along_z[0].first
        z = (along_z[0].first + np.arange(count)) % self.stored.mesh.shape[2]
        values = self.stored.read_periodic(name, (x.sources, y.sources, z))
        if not np.isfinite(values).all():
            raise FileFormatError(
                f"{self.stored.source}: {name} holds NaN or infinity; compute or predict it again"
            )
        if name != "density":
            values = np.square(values)
        start = box[2].start
        bounded = name == "epistemic_std" and self._least_share > 0.0
        densities = self.strips("density", box) if bounded else repeat((box, values))
        strips = interpolate_strips(values, x, y, along_z)
        for strip, (_, density) in zip(strips, densities, strict=False):
            if name != "density":
                np.sqrt(strip, out=strip)
            if bounded:
                np.maximum(strip, self._least_share * np.abs(density), out=strip)
            end = start + strip.shape[2]
            yield (box[0], box[1], slice(start, end)), strip
            start = end

    @cached_property
    def _splines(self) -> list[list[AxisMap]]:
        x, y, z = self._maps(AxisMap.spline)
        return [x, y, [axis.scaled(self._scale) for axis in z]]

    @cached_property
    def _lines(self) -> list[list[AxisMap]]:
        """Of the squares."""
        x, y, z = self._maps(AxisMap.linear)
        return [x, y, [axis.scaled(self._scale**2) for axis in z]]

    def _maps(self, kind: Callable[[np.ndarray, int], AxisMap]) -> list[list[AxisMap]]:
        """For each axis, for one strip after the other."""
        return [
            [kind(places[start : start + STRIP], n) for start in range(0, len(places), STRIP)]
            for places, n in zip(self._places, self.stored.mesh.shape, strict=True)
        ]

    @property
    def _places(self) -> list[np.ndarray]:
        """Where the points of the mesh lie along each axis, in stored spacings."""
        meshes = zip(self._part, self.mesh.shape, self.stored.mesh.shape, strict=True)
        return [(low + np.arange(n) * (high - low) / n) * c for (low, high), n, c in meshes]


def _record(stored: Density, mesh: Mesh, part: Part, factor: float) -> dict[str, Any]:
    record = dict(stored.record) | {
        "mesh_spacing_bohr": mesh.spacing.tolist(),
        "refined_from_mesh": list(stored.mesh.shape),
        "refined_scale": factor,
    }
    if part != WHOLE:
        lower, upper = np.array(part).T
        record |= {"part_lower": lower.tolist(), "part_upper": upper.tolist()}
        record.pop("n_electrons", None)
    return record


def _conserving_factor(stored: Density, mesh: Mesh, comm: Any, threads: int) -> float:
    """Electrons of the stored density over those of its interpolant on the mesh."""
    axes = [_integration_weights(c, n) for c, n in zip(stored.mesh.shape, mesh.shape, strict=True)]
    found: list[np.ndarray] = []

    def add_up(box: Box) -> np.ndarray:
        values = stored.read("density", box).astype(np.float64)
        wx, wy, wz = (axis[side] for axis, side in zip(axes, box, strict=True))
        along_z = np.einsum("ijk,k->ij", values, wz)
        return np.array([values.sum(), np.einsum("i,j,ij->", wx, wy, along_z)])

    coarse_boxes = boxes(stored.mesh.shape, (STRIP, STRIP, STRIP))
    share(comm, coarse_boxes, add_up, lambda _, sums: found.append(sums), threads)
    # Exactly rounded, so that they do not depend on the order.
    sums = [math.fsum(values) for values in zip(*found, strict=True)]
    coarse, fine = from_first(comm, sums)
    if not math.isfinite(coarse + fine) or fine == 0.0:
        raise FileFormatError(
            f"{stored.source}: the density holds NaN or infinity, or no electrons; compute or "
            "predict it again"
        )
    factor = coarse * stored.mesh.voxel_volume / (fine * mesh.voxel_volume)
    log.info("the interpolated density is scaled by 1 %+.2g to keep its electrons", factor - 1.0)
    return float(factor)


def _integration_weights(coarse: int, fine: int) -> np.ndarray:
    """Weight of each coarse point in the sum over the fine points of an axis; shape (coarse,).

    Of weights as they are used: in single precision.
    """
    weights = np.zeros(coarse)
    places = np.arange(fine) * (coarse / fine)
    for start in range(0, fine, STRIP):
        part = AxisMap.spline(places[start : start + STRIP], coarse)
        single = part.weights.astype(np.float32)
        np.add.at(weights, part.sources, single.sum(axis=0, dtype=np.float64))
    return weights


def _inside(structure: Structure, cell: np.ndarray, part: Part) -> Structure:
    """Atoms of a part of the cell, measured from its corner."""
    if part == WHOLE:
        return structure
    lower = np.array(part)[:, 0]
    shifted = (structure.fractional - lower) % 1.0
    inside = (shifted < np.array(part)[:, 1] - lower).all(axis=1)
    if not inside.any():
        raise RhocastError(f"box {part}: no atom in it, expected at least one; make it larger")
    return Structure(shifted[inside] @ structure.cell, cell, structure.numbers[inside])


def boxes(shape: tuple[int, int, int], sides: tuple[int, int, int] = BOX) -> Iterator[Box]:
    """Divide a mesh."""
    parts = (
        [slice(a, min(a + b, n)) for a in range(0, n, b)] for n, b in zip(shape, sides, strict=True)
    )
    return product(*parts)


def _check(part: Part) -> None:
    for low, high in part:
        if not 0.0 < high - low <= 1.0:
            raise RhocastError(
                f"box: expected lower and upper ends in units of the lattice vectors, at most 1 "
                f"apart, found {low:g} and {high:g}"
            )
