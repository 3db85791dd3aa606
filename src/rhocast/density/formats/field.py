"""The density-field file: one predicted density with its uncertainty.

HDF5, readable by plain h5py; see `rhocast.fields.DENSITY_FIELDS` for the arrays. Each dataset has
its ``unit``. Attributes of the file:

``kind``, ``format_version``; ``mesh_shape``; ``field_hash`` (of all that determines the numbers),
``model_hash``, ``config_hash`` (may be empty); ``uncertainty``, ``samples``, ``seed``;
``electron_count_before_scaling`` (∫ρ as predicted); ``evaluated_points``, ``points_below_zero``,
``lowest_before_bound`` (see `rhocast.density.zero_bound`); ``n_electrons`` (valence electrons of
the structure, absent if the model does not know them), ``outside_training_share`` (of points unlike
those that the model was trained on, estimated; absent if the model does not know), ``scale`` (what
the stored density and its standard deviations have been multiplied by); ``kernels`` (instruction
set of the compiled kernels, absent where they were not used); ``device`` (the GPU that computed,
absent for the processor); ``evaluated_mesh_spacing_bohr``,
``asked_mesh_spacing_bohr`` (absent if nothing was asked for) and ``interpolation_error`` (share of
the electrons that interpolation to a finer mesh misplaces, absent if nobody certified it);
``version_…`` of the software.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from importlib import metadata
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast import __version__
from rhocast.checked_field import CheckedField, slices_of
from rhocast.checksums import (
    OF_ATTRIBUTES,
    check_attributes,
    read_checked,
    seal_attributes,
    seal_chunks,
    seal_dataset,
)
from rhocast.density import shown
from rhocast.density.density import MESH_FIELDS, Density
from rhocast.errors import ConfigError, FileFormatError, StructureError
from rhocast.fields import DENSITY_FIELDS, STRUCTURE_FIELDS, check_shapes
from rhocast.files import replacing
from rhocast.grid import Mesh
from rhocast.hdf5 import open_hdf5, plain, reading
from rhocast.structures import EmptyPart, Structure

FORMAT_VERSION = 2
KIND = "rhocast density"
REMEDY = "merge or predict it again"

#: Points of a chunk along each axis: parts of blocks, read well in any direction.
CHUNK_SHAPE = (32, 32, 32)


class DensityFile(Density):
    """A density-field file, open for reading; its fields are h5py datasets, read by slices.

    Attributes
    ----------
    path
        Of the file.
    file : h5py.File
        The open file.
    """

    path: Path
    file: h5py.File
    _checked: dict[str, "CheckedField | _CheckedParts"]

    def __init__(self, path: Path, file: h5py.File) -> None:
        with reading(path, REMEDY):
            _check(path, file)
            record = {key: plain(value) for key, value in file.attrs.items()}
            record.pop(OF_ATTRIBUTES, None)
            checked = {name: _checked(path, file, name) for name in MESH_FIELDS if name in file}
        fields = {name: file.get(name) for name in MESH_FIELDS}
        vars(self).update(path=path, source=str(path), file=file, record=record, **fields)
        vars(self).update(_checked=checked)

    def __repr__(self) -> str:
        return super().__repr__() if self.file else f"<{type(self).__name__} {self.path}, closed>"

    def _repr_html_(self) -> str | None:
        """Return a table for notebooks; None of a file that has been closed."""
        return super()._repr_html_() if self.file else None

    def summary(self) -> list[tuple[str, str]]:
        """Return names and texts: formula, cell, mesh, electrons, names of the fields, the file."""
        return [
            *shown.cell_and_mesh(self.structure, self.mesh, type(self).__name__),
            *shown.electrons(self.record),
            ("fields", shown.names(self.fields)),
            ("file", self.source),
        ]

    @cached_property
    def mesh(self) -> Mesh:
        """Mesh of the fields."""
        nx, ny, nz = self.density.shape
        return Mesh((nx, ny, nz), read_checked(self.path, self.file, ["cell"])["cell"])

    @cached_property
    def structure(self) -> Structure:
        """Atoms and cell; read when they are first asked for, FileFormatError if impossible."""
        arrays = read_checked(self.path, self.file, STRUCTURE_FIELDS)
        empty = "part_lower" in self.record and not len(arrays["numbers"])
        try:
            return (EmptyPart if empty else Structure)(**arrays)
        except StructureError as error:
            raise FileFormatError(f"{self.path}: {error}") from None

    @property
    def electron_count(self) -> float:
        """∫ρ over the cell, electrons; read part by part."""
        sums = [float(part.sum()) for part in self.layers("density", checked=False)]
        return math.fsum(sums) * self.mesh.voxel_volume

    def read(self, name: str, box: tuple[slice, ...] = ()) -> np.ndarray:
        """Read a field, or a box of it; float32, whatever it is stored as."""
        return self._checked[name][box].astype(np.float32, copy=False)

    def read_periodic(
        self, name: str, indices: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> np.ndarray:
        """Read a field at points of a box, as `Density.read_periodic` says; float32."""
        values = np.empty([len(axis) for axis in indices], dtype=np.float32)
        for places in product(*map(_runs, indices)):
            box = tuple(slice(int(axis[p.start]), int(axis[p.start]) + p.stop - p.start)
                        for axis, p in zip(indices, places, strict=True))  # fmt: skip
            values[places] = self._checked[name][box]
        return values


@contextmanager
def open_field(path: str | Path) -> Iterator[DensityFile]:
    """Open a density-field file to read slices of it.

    Raises
    ------
    FileFormatError
        If it is missing, truncated, no density field, or a virtual one that lacks a shard.
    """
    path = Path(path)
    with open_hdf5(path, REMEDY, virtual=MESH_FIELDS) as file:
        yield DensityFile(path, file)


def read(path: Path) -> Density:
    """Read a whole density-field file into memory; see `open_field` for large ones."""
    with open_field(path) as stored:
        arrays = {name: stored.read(name) for name in stored.fields}
        return Density.of(stored.structure, arrays, stored.record)


def write(path: Path, density: Density, field: str) -> None:
    """Write all fields of a density to ``path``, which is renamed afterwards; streamed.

    Raises
    ------
    ConfigError
        If ``field`` is not ``density``: the file holds all fields there are.
    """
    if field != "density":
        raise ConfigError(f"{path}: a density field holds all fields; do not choose {field}")
    arrays = {name: getattr(density, name) for name in density.fields}
    check_shapes(arrays, DENSITY_FIELDS, str(path))
    with h5py.File(path, "w", libver="v110") as file:
        describe(file, density.structure, density.record)
        for name in density.fields:
            dataset = create_field(file, name, density.mesh.shape)
            start = 0
            for layers in density.layers(name):
                dataset[start : start + len(layers)] = layers
                start += len(layers)
        seal_chunks(file, density.fields)
        seal_attributes(file)


@contextmanager
def create_density(
    path: str | Path, structure: Structure, record: Mapping[str, Any]
) -> Iterator[h5py.File]:
    """Create a density-field file without its fields; it gets its name when the block ends well.

    Parameters
    ----------
    path
        What it will be called.
    structure
        Atoms and cell.
    record
        Further attributes; those that are None are left out.
    """
    with replacing(path) as partial, h5py.File(partial, "w", libver="v110") as file:
        describe(file, structure, record)
        yield file
        seal_attributes(file)


def describe(file: h5py.File, structure: Structure, record: Mapping[str, Any]) -> None:
    """Write all but the fields into a new density-field file; see `create_density`."""
    for name in ("positions", "cell", "numbers"):
        file[name] = getattr(structure, name)
        file[name].attrs["unit"] = DENSITY_FIELDS[name].unit
        seal_dataset(file[name])
    file.attrs.update({key: value for key, value in record.items() if value is not None})
    file.attrs["kind"] = KIND
    file.attrs["format_version"] = FORMAT_VERSION
    file.attrs.update(software_versions())


def chunks_of(shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the chunks of a field."""
    return tuple(min(c, n) for c, n in zip(CHUNK_SHAPE, shape, strict=True))


def create_field(file: h5py.File, name: str, shape: tuple[int, int, int]) -> h5py.Dataset:
    """Create an array over the mesh, full of NaN, in an open density-field file."""
    entry = DENSITY_FIELDS[name]
    dataset = file.create_dataset(
        name, shape=shape, dtype=entry.dtype, chunks=chunks_of(shape), fillvalue=np.nan
    )
    dataset.attrs["unit"] = entry.unit
    file.attrs["mesh_shape"] = shape
    return dataset


def software_versions() -> dict[str, str]:
    """Return the versions of the software that the numbers depend on, by attribute name.

    Torch is left out where it is not installed: only `sampled` uncertainties need it.
    """
    versions = {"version_rhocast": __version__}
    for name in ("torch", "numpy", "h5py"):
        with suppress(metadata.PackageNotFoundError):
            versions[f"version_{name}"] = metadata.version(name)
    return versions


def field_bytes(names: Iterable[str]) -> int:
    """Return what some fields take of a file at each point, bytes."""
    return sum(np.dtype(DENSITY_FIELDS[name].dtype).itemsize for name in names)


def _check(path: Path, file: h5py.File) -> None:
    if plain(file.attrs.get("kind")) != KIND:
        raise FileFormatError(
            f"{path}: no density field, it holds {sorted(file) or 'nothing'}; expected a file "
            "that `rhocast predict` or `rhocast merge` wrote"
        )
    version = plain(file.attrs.get("format_version", 0))
    if version > FORMAT_VERSION:
        raise FileFormatError(
            f"{path}: density format {version}, this program reads up to {FORMAT_VERSION}; "
            "upgrade rhocast"
        )
    missing = {"density", "positions", "cell", "numbers"} - set(file)
    if missing:
        raise FileFormatError(f"{path}: lacks {', '.join(sorted(missing))}")
    arrays = {name: file[name] for name in DENSITY_FIELDS if name in file}
    check_shapes(arrays, DENSITY_FIELDS, str(path))
    check_attributes(path, file, REMEDY)
    for name in MESH_FIELDS:
        if name in file and file[name].is_virtual:
            _check_sources(path, file, name)


def _checked(path: Path, file: h5py.File, name: str) -> "CheckedField | _CheckedParts":
    if file[name].is_virtual:
        return _CheckedParts(path, file, name)
    return CheckedField(path, file, name, REMEDY)


class _CheckedParts:
    """A virtual field, verified shard by shard when a part of it is first read."""

    def __init__(self, path: Path, file: h5py.File, name: str) -> None:
        self._dataset, self._name = file[name], name
        self._sources = {
            path.parent / source.file_name: source.vspace.get_regular_hyperslab()
            for source in file[name].virtual_sources()
        }

    def __getitem__(self, box: Any) -> np.ndarray:
        """Read a box; FileFormatError if a shard that it touches is damaged."""
        given = box if isinstance(box, tuple) else (box,)
        rows = slices_of(given[:1], self._dataset.shape) or [slice(None)]
        wanted = range(self._dataset.shape[0])[rows[0]]
        for shard, (start, _, _, block) in list(self._sources.items()):
            if start[0] < wanted.stop and wanted.start < start[0] + block[0]:
                with open_hdf5(shard, "predict this shard again") as part:
                    CheckedField(shard, part, self._name, "predict this shard again").verify()
                self._sources.pop(shard, None)
        return self._dataset[box]


def _runs(indices: np.ndarray) -> list[slice]:
    """Cut wrapped indices where a period ends."""
    ends = [0, *(np.flatnonzero(np.diff(indices) != 1) + 1), len(indices)]
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]


def _check_sources(path: Path, file: h5py.File, name: str) -> None:
    """Check that the shards of a virtual dataset are there and belong to it.

    HDF5 itself reads a missing shard as the fill value, without an error.
    """
    for source in file[name].virtual_sources():
        shard = path.parent / source.file_name
        try:
            with open_hdf5(shard, "predict it again") as part:
                identity = str(plain(part.attrs.get("identity", "")))
        except FileFormatError as error:
            raise FileFormatError(
                f"{path}: its shard {shard} cannot be read ({error}); predict that shard again, or "
                "copy it to where the merged file expects it"
            ) from error
        if identity.split()[:1] != [file.attrs["field_hash"]]:
            raise FileFormatError(
                f"{path}: its shard {shard} belongs to another prediction; merge the shards again"
            )
