"""VTK's structured grid (``.vts``) for ParaView and PyVista: lengths in Bohr, all fields, no text.

A structured grid holds each point, so that a sheared cell keeps its mesh. An image (``.vti``) with
a sheared direction matrix would be a quarter as large, but VTK 9.7 draws isosurfaces of it with
wrong normals and areas, and sums over it have a wrong volume.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rhocast.density.density import Density
from rhocast.density.quantity import is_difference
from rhocast.errors import ConfigError

_HEADER = """<?xml version="1.0"?>
<VTKFile type="StructuredGrid" version="1.0" byte_order="LittleEndian" header_type="UInt64">
<StructuredGrid WholeExtent="{extent}">
<FieldData>
{atoms}</FieldData>
<Piece Extent="{extent}">
<PointData Scalars="{scalars}">
{fields}</PointData>
<Points>
{points}</Points>
</Piece>
</StructuredGrid>
<AppendedData encoding="raw">
_"""

_ARRAY = (
    '<DataArray type="{type}" Name="{name}" NumberOfComponents="{components}" '
    'NumberOfTuples="{tuples}" format="appended" offset="{offset}"/>\n'
)

#: VTK's names of the types that are written.
_TYPES = {"<f4": "Float32", "<f8": "Float64", "<i4": "Int32"}


def write(path: Path, density: Density, field: str) -> None:
    """Write all fields of a density, streamed; the far end points repeat the first.

    Atoms are arrays of the file's field data. The grid of a left-handed cell is written with its
    first and last axis exchanged: VTK takes the volumes of a left-handed one for negative.

    Raises
    ------
    ConfigError
        If ``field`` is not ``density``: the file holds all fields there are.
    """
    if field != "density":
        raise ConfigError(f"{path}: a VTK file holds all fields; do not choose {field}")
    order = (2, 1, 0) if np.linalg.det(density.cell) > 0.0 else (0, 1, 2)
    shape = tuple(density.mesh.shape[axis] + 1 for axis in order)
    structure, n_points = density.structure, int(np.prod(shape))
    atoms = {"positions": structure.positions.astype("<f8"), "numbers": structure.numbers}
    arrays = [
        ("positions", "<f8", 3, len(structure)),
        ("numbers", structure.numbers.dtype.str, 1, len(structure)),
    ]
    values = "difference" if is_difference(density.record) else "density"
    names = [values, *density.fields[1:]]
    arrays += [(name, "<f4", 1, n_points) for name in names]
    arrays += [("points", "<f4", 3, n_points)]
    with path.open("wb") as file:
        file.write(_header(shape, arrays, len(atoms)))
        for array in atoms.values():
            _write_size(file, array.nbytes)
            file.write(array.tobytes())
        for name in density.fields:
            _write_size(file, 4 * n_points)
            for part in _closed_layers(density, name, order):
                file.write(part.tobytes())
        _write_size(file, 12 * n_points)
        for points in _points(density, order):
            file.write(points.tobytes())
        file.write(b"\n</AppendedData>\n</VTKFile>\n")


def _header(
    shape: tuple[int, ...], arrays: list[tuple[str, str, int, int]], n_atoms_arrays: int
) -> bytes:
    """Return all before the numbers; ``arrays`` are name, type, components and tuples of each."""
    lines, offset = [], 0
    for name, dtype, components, tuples in arrays:
        lines.append(
            _ARRAY.format(
                type=_TYPES[dtype], name=name, components=components, tuples=tuples, offset=offset
            )
        )
        offset += 8 + np.dtype(dtype).itemsize * components * tuples
    text = _HEADER.format(
        extent=" ".join(f"0 {n - 1}" for n in reversed(shape)),
        atoms="".join(lines[:n_atoms_arrays]),
        scalars=arrays[n_atoms_arrays][0],
        fields="".join(lines[n_atoms_arrays:-1]),
        points=lines[-1],
    )
    return text.encode("ascii")


def _write_size(file: BinaryIO, n_bytes: int) -> None:
    file.write(np.array(n_bytes, dtype="<u8").tobytes())


def _closed_layers(
    density: Density, name: str, order: tuple[int, int, int]
) -> Iterator[np.ndarray]:
    """Yield a field with its end points, axes in an order, part by part along the first of them."""
    first = None
    for layers in density.layers(name, axis=order[0]):
        closed = np.pad(layers.transpose(order), ((0, 0), (0, 1), (0, 1)), mode="wrap")
        first = closed[:1] if first is None else first
        yield closed.astype("<f4")
    if first is not None:
        yield first.astype("<f4")


def _points(density: Density, order: tuple[int, int, int]) -> Iterator[np.ndarray]:
    """Yield the points with those at the ends, in the same order, layer by layer; Bohr."""
    slow, middle, fast = (
        np.linspace(0.0, 1.0, density.mesh.shape[axis] + 1)[:, None] * density.cell[axis]
        for axis in order
    )
    layer = middle[:, None] + fast
    for corner in slow:
        yield (corner + layer).astype("<f4")
