"""A finer mesh, or a part of the cell, from a stored field.

The field is read and written box by box, by all ranks or threads: none ever holds it as a whole,
and no number depends on who has made it. Between coarse points the spline of a density may fall
below zero, where it is set to zero. One pass over the density therefore tells, before anything is
written, how often that is so, and what to scale by so that the fine density holds exactly the
electrons of the coarse one.
"""

import logging
import math
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.density.density import Density
from rhocast.density.difference import LEAST_NET_SHARE
from rhocast.density.disk import check_disk
from rhocast.density.electron_scale import least_share
from rhocast.density.field_writer import FieldWriter, allocate_density
from rhocast.density.formats.field import field_bytes, open_field
from rhocast.density.interpolation import STRIP, WHOLE, Box, Interpolation, Part, boxes
from rhocast.density.quantity import check_whole, is_difference
from rhocast.density.zero_bound import Bound
from rhocast.errors import ConfigError, FileFormatError
from rhocast.grid import Mesh
from rhocast.parallel.blas import available_threads, one_blas_thread
from rhocast.parallel.progress import Progress
from rhocast.parallel.ranks import (
    end_all_on_failure,
    first_alone,
    from_first,
    together,
    wait_for_all,
)
from rhocast.parallel.sharing import share
from rhocast.structures import EmptyPart, Structure

log = logging.getLogger(__name__)


def refine(
    source: str | Path,
    out: str | Path,
    mesh_spacing_bohr: float | None = None,
    part: Part = WHOLE,
    scale: float = 1.0,
    comm: Any = None,
) -> None:
    """Interpolate a density-field file to another mesh.

    The density is a periodic quintic spline through the stored one, set to zero where that is
    below, and scaled to keep its electrons; the standard deviations are the square roots of linear
    interpolants of their squares. A difference of densities keeps both signs, and is not scaled.

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
        If the source cannot be read, or holds a part of a cell, which is not periodic.
    ConfigError
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
        check_whole(stored.record, stored.source)
        cell = stored.mesh.cell * (np.array(part)[:, 1] - np.array(part)[:, 0])[:, None]
        mesh = Mesh.with_spacing(cell, mesh_spacing_bohr or stored.mesh.spacing.max())

        def prepare() -> Structure:
            atoms = _inside(stored.structure, cell, part)
            out.parent.mkdir(parents=True, exist_ok=True)
            check_disk(out, field_bytes(stored.fields) * mesh.n_points, mesh.shape)
            return atoms

        atoms = first_alone(comm, prepare)
        with end_all_on_failure(comm):
            factor, bound = _survey(stored, mesh, part, comm, threads)
        record = _record(stored, mesh, part, factor, bound)
        record["scale"] = scale * record.get("scale", 1.0)

        def allocate() -> Path:
            assert atoms is not None
            return stack.enter_context(
                allocate_density(out, atoms, record, mesh.shape, stored.fields)
            )

        partial = from_first(comm, first_alone(comm, allocate))
        interpolation = Interpolation(
            stored, mesh, part, scale * factor, least_share(record["scale"]), bound is not None
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
    """Interpolate a density in memory to another mesh of its cell, as `refine` does.

    Raises
    ------
    FileFormatError
        If it is of a part of a cell, or holds NaN or infinity.
    """
    check_whole(field.record, field.source)
    arrays = {name: np.empty(mesh.shape, dtype=np.float32) for name in field.fields}
    threads = available_threads()
    with one_blas_thread():
        factor, bound = _survey(field, mesh, WHOLE, None, threads)
        least = least_share(field.record.get("scale", 1.0))
        interpolation = Interpolation(field, mesh, WHOLE, factor, least, bound is not None)

        def compute(item: tuple[str, Box]) -> np.ndarray:
            name, box = item
            for strip, values in interpolation.strips(name, box):
                arrays[name][strip] = values
            return arrays[name][box]

        items = product(field.fields, boxes(mesh.shape))
        share(None, items, compute, lambda *_: None, threads)
    return Density.of(field.structure, arrays, _record(field, mesh, WHOLE, factor, bound))


def _record(
    stored: Density, mesh: Mesh, part: Part, factor: float, bound: Bound | None
) -> dict[str, Any]:
    record = dict(stored.record) | {
        "mesh_spacing_bohr": mesh.spacing.tolist(),
        "refined_from_mesh": list(stored.mesh.shape),
        "refined_scale": factor,
    }
    if bound is not None:
        record |= bound.interpolated_attributes
    if part != WHOLE:
        lower, upper = np.array(part).T
        record |= {"part_lower": lower.tolist(), "part_upper": upper.tolist()}
        record.pop("n_electrons", None)
    return record


def _survey(
    stored: Density, mesh: Mesh, part: Part, comm: Any, threads: int
) -> tuple[float, Bound | None]:
    """Return what to scale an interpolated density by, and what it is before the bound at zero.

    The factor is electrons of the stored density over those of its bounded interpolant; 1 for a
    part of the cell, of which nobody knows how many it holds. 1 and None for a difference of
    densities, which has no electrons to keep and two signs.
    """
    coarse, absolute = _sums(stored, comm, threads)
    if is_difference(stored.record) or abs(coarse) < LEAST_NET_SHARE * absolute:
        return 1.0, None
    interpolation = Interpolation(stored, mesh, part)
    found: list[np.ndarray] = []

    def look(box: Box) -> np.ndarray:
        bounds, total = [], 0.0
        for _, strip in interpolation.strips("density", box):
            bounds.append(Bound.put_on(strip))
            total += float(strip.sum(dtype=np.float64))
        every = Bound.of_all(bounds)
        return np.array([total, every.points_below_zero, every.lowest_before_bound])

    share(comm, boxes(mesh.shape), look, lambda _, row: found.append(row), threads)
    totals, below, lowest = zip(*found, strict=True) if found else ((), (), ())
    # Exactly rounded, so that they do not depend on the order.
    sums = (math.fsum(totals), int(sum(below)), float(min(lowest, default=np.inf)))
    fine, points_below, lowest_value = from_first(comm, sums)
    if not math.isfinite(coarse + fine) or fine == 0.0:
        raise FileFormatError(
            f"{stored.source}: the density holds NaN or infinity, or no electrons; compute or "
            "predict it again"
        )
    bound = Bound(mesh.n_points, points_below, lowest_value)
    if part != WHOLE:
        return 1.0, bound
    factor = coarse * stored.mesh.voxel_volume / (fine * mesh.voxel_volume)
    log.info(
        "%s: interpolated to %s points: %s; scaled by 1 %+.2g to keep its electrons",
        stored.source,
        "×".join(map(str, mesh.shape)),
        bound,
        factor - 1.0,
    )
    return float(factor), bound


def _sums(stored: Density, comm: Any, threads: int) -> tuple[float, float]:
    """Add up a stored density's values, and their absolute values, exactly rounded."""
    found: list[np.ndarray] = []

    def add_up(box: Box) -> np.ndarray:
        values = stored.read("density", box).astype(np.float64)
        return np.array([values.sum(), np.abs(values).sum()])

    coarse_boxes = boxes(stored.mesh.shape, (STRIP, STRIP, STRIP))
    share(comm, coarse_boxes, add_up, lambda _, sums: found.append(sums), threads)
    net, absolute = (math.fsum(column) for column in zip(*found, strict=True)) if found else (0, 0)
    return from_first(comm, (net, absolute))


def _inside(structure: Structure, cell: np.ndarray, part: Part) -> Structure:
    """Atoms of a part of the cell, measured from its corner."""
    if part == WHOLE:
        return structure
    lower = np.array(part)[:, 0]
    shifted = (structure.fractional - lower) % 1.0
    inside = (shifted < np.array(part)[:, 1] - lower).all(axis=1)
    kind = Structure if inside.any() else EmptyPart
    return kind(shifted[inside] @ structure.cell, cell, structure.numbers[inside])


def _check(part: Part) -> None:
    for low, high in part:
        if not 0.0 < high - low <= 1.0:
            raise ConfigError(
                f"box: expected lower and upper ends in units of the lattice vectors, at most 1 "
                f"apart, found {low:g} and {high:g}"
            )
