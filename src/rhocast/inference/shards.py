"""The shard file: some layers of one field.

HDF5. Datasets: the predicted arrays of `rhocast.fields.DENSITY_FIELDS`, of shape (rows, ny, nz);
``block_sums``, of each block the sum of the density and, before the bound at zero, the number of
negative densities and the lowest (`Shard.bound`); ``cell``; in shard 0 ``positions`` and
``numbers``. Attributes: see `ShardHeader`.
"""

import json
import logging
from dataclasses import dataclass
from functools import cached_property
from math import inf, prod
from pathlib import Path

import numpy as np

from rhocast.checked_field import CheckedField
from rhocast.checksums import (
    GROUP,
    check_attributes,
    damaged,
    read_checked,
    sum_of,
)
from rhocast.density.zero_bound import Bound
from rhocast.errors import FileFormatError
from rhocast.fields import STRUCTURE_FIELDS
from rhocast.grid import Blocks, Mesh
from rhocast.hdf5 import open_hdf5, reading
from rhocast.inference.provenance import Provenance
from rhocast.inference.request import Request
from rhocast.structures import Structure

log = logging.getLogger(__name__)

FORMAT_VERSION = 3
KIND = "rhocast shard"
REMEDY = "predict this shard again"


@dataclass(frozen=True)
class ShardHeader:
    """What a shard is part of.

    Attributes
    ----------
    field_hash
        Of everything that determines the field; the same for all its shards.
    shard, n_shards
        Which part this is; counted from 0.
    mesh_shape, block_shape
        Of the whole field.
    fields
        Names of the predicted arrays.
    record
        Where the numbers come from; of the first shard, `Request.whole_record`.
    """

    field_hash: str
    shard: int
    n_shards: int
    mesh_shape: tuple[int, int, int]
    block_shape: tuple[int, int, int]
    fields: tuple[str, ...]
    record: Provenance

    @classmethod
    def of(cls, request: Request, shard: int, n_shards: int) -> "ShardHeader":
        """Describe one shard of a request."""
        return cls(
            field_hash=request.hash,
            shard=shard,
            n_shards=n_shards,
            mesh_shape=request.mesh.shape,
            block_shape=request.blocks.block_shape,
            fields=request.fields,
            record=request.whole_record if shard == 0 else request.record,
        )

    @property
    def identity(self) -> tuple[object, ...]:
        """What the numbers follow from: not by what they were computed."""
        layout = (self.mesh_shape, self.block_shape, self.fields)
        return (self.field_hash, self.shard, self.n_shards, *layout)

    @property
    def blocks(self) -> Blocks:
        """Division of the whole mesh."""
        return Blocks(self.mesh_shape, self.block_shape)

    @property
    def own_blocks(self) -> range:
        """Blocks of this shard."""
        return self.blocks.shard_blocks(self.shard, self.n_shards)

    @property
    def rows(self) -> slice:
        """Rows of the mesh along x that lie in this shard."""
        return self.blocks.shard_rows(self.shard, self.n_shards)


def is_finished(path: Path, header: ShardHeader) -> bool:
    """Say whether a complete shard with this header is at ``path``."""
    try:
        with Shard(path) as shard:
            return shard.header.identity == header.identity
    except FileFormatError:
        return False


class Shard:
    """A finished shard, open for reading.

    Raises
    ------
    FileFormatError
        If it is missing, truncated, incomplete or no shard.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.file = open_hdf5(self.path, REMEDY)
        try:
            with reading(self.path, REMEDY):
                self.header = self._read_header()
                check_attributes(self.path, self.file, REMEDY)
                self._check_complete()
                self._check_sums()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> "Shard":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    @property
    def structure(self) -> Structure:
        """Atoms and cell of the whole field; shard 0 alone has them."""
        return Structure(**read_checked(self.path, self.file, STRUCTURE_FIELDS, REMEDY))

    @cached_property
    def fields(self) -> dict[str, CheckedField]:
        """The predicted arrays, verified as they are read."""
        names = self.header.fields
        return {name: CheckedField(self.path, self.file, name, REMEDY) for name in names}

    @property
    def mesh(self) -> Mesh:
        """Mesh of the whole field."""
        cell = read_checked(self.path, self.file, ["cell"], REMEDY)["cell"]
        return Mesh(self.header.mesh_shape, cell)

    @property
    def block_sums(self) -> np.ndarray:
        """Sum of the density over each block of the shard, float64."""
        found = self._block_sums
        return found if found.ndim == 1 else found[:, 0]

    @property
    def bound(self) -> Bound | None:
        """What the density was before the bound at zero; None if an earlier version wrote it."""
        found = self._block_sums
        if found.ndim == 1:
            return None
        rows = self.header.rows
        points = (rows.stop - rows.start) * prod(self.header.mesh_shape[1:])
        return Bound(points, int(found[:, 1].sum()), float(found[:, 2].min(initial=inf)))

    @property
    def _block_sums(self) -> np.ndarray:
        return self.file["block_sums"][()]

    def _read_header(self) -> ShardHeader:
        version = self.file.attrs.get("format_version", 0)
        if self.file.attrs.get("kind") != KIND:
            raise FileFormatError(
                f"{self.path}: no shard, it holds {sorted(self.file) or 'nothing'}; expected a "
                "file that `rhocast predict --shard` wrote"
            )
        if version > FORMAT_VERSION:
            raise FileFormatError(
                f"{self.path}: shard format {version}, this program reads up to {FORMAT_VERSION}; "
                "upgrade rhocast"
            )
        values = json.loads(self.file.attrs["header"])
        for name in ("mesh_shape", "block_shape", "fields"):
            values[name] = tuple(values[name])
        record = Provenance.read(values.pop("record"))
        return ShardHeader(**values, record=record)

    def _check_sums(self) -> None:
        checks = self.file.get(f"{GROUP}/block_sums")
        if checks is None:
            log.info("%s: block_sums has no checksums, damage to it cannot be detected", self.path)
        elif [sum_of(row) for row in self._block_sums] != checks[()].tolist():
            raise damaged(self.path, "block_sums", REMEDY)

    def _check_complete(self) -> None:
        missing = int(np.isnan(self.block_sums).sum())
        if missing:
            raise FileFormatError(
                f"{self.path}: {missing} of {len(self.header.own_blocks)} blocks are missing; run "
                "the prediction of this shard again, it goes on where it stopped"
            )
