"""What remains of a density that is not kept: planar averages, block means, histograms, peaks of σ.

A `Reduction` takes a field block by block, in any order, and holds little whatever the mesh. Its
arrays are all that it knows: a run that is interrupted stores them and goes on.
"""

import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from rhocast.checksums import check_attributes, read_checked, seal_attributes, seal_dataset
from rhocast.density.density import Density
from rhocast.density.zero_bound import Bound
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.grid import Blocks, Mesh
from rhocast.hdf5 import open_hdf5, reading
from rhocast.structures import Structure

KIND = "rhocast reduction"
FORMAT_VERSION = 1
REMEDY = "predict it again"

#: Width of the bins of the density, e/Bohr³, and their number; what lies outside is in the last.
DENSITY_BIN, DENSITY_BINS = 1e-4, 20_000
#: The bins of σ: edges of equal ratio, e/Bohr³; what lies outside is in the first or the last.
STD_EDGES = np.geomspace(1e-8, 1.0, 321)
#: What the edges of all bins take in a file.
EDGES_BYTES = 8 * (DENSITY_BINS + 1 + len(STD_EDGES))

#: Copies of the arrays in memory while they are written, what is stored for a restart included;
#: measured.
COPIES = 4.5
#: Memory of the sums of an atom; further copies are made when the sorted atoms are gone.
BYTES_PER_ATOM = 8


@dataclass(frozen=True)
class Shares:
    """What belongs to the atoms around a block.

    Attributes
    ----------
    atoms : (m,) int array
        Which atoms; an atom occurs once for each of its images.
    sums : (1 or 2, m) array
        Sums over the points of the block: of ρ and, where there is one, of σ; e/Bohr³.
    """

    atoms: np.ndarray
    sums: np.ndarray


@dataclass(frozen=True)
class Reduction:
    """Sums over a field, of the blocks that have been added.

    Attributes
    ----------
    blocks
        Division of the mesh.
    coarse_shape
        Number of coarse cells along each axis.
    arrays
        ``finished`` (blocks,): which have been added. ``profile_0`` to ``profile_2`` (2, n): sums
        of ρ and σ over the other two axes. ``coarse`` (2, cx, cy, cz): sums of both in coarse
        cells. ``density_counts``, ``std_counts``: points in each bin. ``peak_std``, ``peak_index``
        (3, blocks): largest σ of each block and its mesh point. ``bound`` (3,): the numbers of a
        `rhocast.density.zero_bound.Bound`. ``atoms`` (2, n) float32: sums of both over the points,
        those that belong to an atom; n is 0 where they are not asked for.
    """

    blocks: Blocks
    coarse_shape: tuple[int, int, int]
    arrays: dict[str, np.ndarray]

    @classmethod
    def empty(cls, mesh: Mesh, coarse_bohr: float, n_atoms: int = 0) -> "Reduction":
        """Begin one with coarse cells of at least a length, Bohr, along each lattice vector.

        With ``n_atoms`` it holds what belongs to so many atoms, too.
        """
        blocks, coarse = Blocks(mesh.shape), _coarse_shape(mesh, coarse_bohr)
        arrays = {
            "finished": np.zeros(len(blocks), dtype=bool),
            **{f"profile_{axis}": np.zeros((2, n)) for axis, n in enumerate(mesh.shape)},
            "coarse": np.zeros((2, *coarse)),
            "density_counts": np.zeros(DENSITY_BINS, dtype=np.int64),
            "std_counts": np.zeros(len(STD_EDGES) - 1, dtype=np.int64),
            "peak_std": np.zeros(len(blocks)),
            "peak_index": np.zeros((3, len(blocks)), dtype=np.int64),
            "bound": np.array(astuple(Bound())),
            "atoms": np.zeros((2, n_atoms), dtype=np.float32),
        }
        return cls(blocks, coarse, arrays)

    @staticmethod
    def memory_bytes(mesh: Mesh, coarse_bohr: float, n_atoms: int = 0) -> int:
        """Return the memory that one takes at most: while it is written, beside what is stored."""
        n_blocks = len(Blocks(mesh.shape))
        places = math.prod(_coarse_shape(mesh, coarse_bohr)) + sum(mesh.shape) + 2 * n_blocks
        bins = DENSITY_BINS + len(STD_EDGES)
        return int(COPIES * (16 * places + n_blocks + 8 * bins)) + BYTES_PER_ATOM * n_atoms

    @property
    def n_bytes(self) -> int:
        """Size of the arrays, and about that of the file besides the edges of the bins."""
        return sum(array.nbytes for array in self.arrays.values())

    @property
    def pending(self) -> list[int]:
        """Blocks that have not been added."""
        return [int(block) for block in np.flatnonzero(~self.arrays["finished"])]

    def add(
        self,
        block: int,
        density: np.ndarray,
        std: np.ndarray | None,
        shares: "Shares | None" = None,
        bound: Bound | None = None,
    ) -> None:
        """Add a block: ρ, σ of both kinds together where there is one, and the atoms' shares.

        ``bound`` tells what a predicted ρ was before the bound at zero.
        """
        box = self.blocks.box(block)
        for row, values in enumerate((density, std)):
            if values is None:
                continue
            sums = values.astype(np.float64)
            for axis, side in enumerate(box):
                others = tuple(other for other in range(3) if other != axis)
                self.arrays[f"profile_{axis}"][row, side] += sums.sum(axis=others)
            for axis, (side, n, count) in enumerate(
                zip(box, self.blocks.mesh_shape, self.coarse_shape, strict=True)
            ):
                sums = np.add.reduceat(sums, _starts(side, n, count), axis=axis)
            self.arrays["coarse"][row][self._coarse_box(box)] += sums
        bins = np.clip(density.ravel() / DENSITY_BIN, 0, DENSITY_BINS - 1).astype(np.int32)
        self.arrays["density_counts"] += np.bincount(bins, minlength=DENSITY_BINS)
        if std is not None:
            inside = np.clip(std, STD_EDGES[0], STD_EDGES[-1])
            self.arrays["std_counts"] += np.histogram(inside, STD_EDGES)[0]
            place = np.unravel_index(int(np.argmax(std)), std.shape)
            self.arrays["peak_std"][block] = std[place]
            first = [side.start for side in box]
            self.arrays["peak_index"][:, block] = np.add(first, place)
        if shares is not None:
            for row, sums in zip(self.arrays["atoms"], shares.sums, strict=False):
                np.add.at(row, shares.atoms, sums.astype(np.float32))
        if bound is not None:
            self.arrays["bound"][:] = astuple(Bound.of_all([self.bound, bound]))
        self.arrays["finished"][block] = True

    @property
    def bound(self) -> Bound:
        """What the density was before the bound at zero, of the blocks that have been added."""
        points, below, lowest = self.arrays["bound"].tolist()
        return Bound(int(points), int(below), lowest)

    @property
    def density_sum(self) -> float:
        """Σ ρ over the points of the blocks that have been added, e/Bohr³."""
        return float(self.arrays["profile_0"][0].sum())

    def _coarse_box(self, box: tuple[slice, ...]) -> tuple[slice, ...]:
        return tuple(
            slice(side.start * count // n, (side.stop - 1) * count // n + 1)
            for side, n, count in zip(box, self.blocks.mesh_shape, self.coarse_shape, strict=True)
        )


def _coarse_shape(mesh: Mesh, coarse_bohr: float) -> tuple[int, int, int]:
    """Return the number of coarse cells of at least a length, Bohr, along each lattice vector."""
    lengths = mesh.spacing * mesh.shape
    x, y, z = np.minimum(np.maximum(lengths // coarse_bohr, 1), mesh.shape).astype(int).tolist()
    return x, y, z


def _starts(side: slice, n: int, count: int) -> np.ndarray:
    """Return where coarse cells begin among the indices of a side."""
    cells = np.arange(side.start, side.stop) * count // n
    return np.flatnonzero(np.diff(cells, prepend=-1))


def reduce_density(density: Density, coarse_bohr: float) -> Reduction:
    """Reduce a density that is in memory or in a file, block by block."""
    reduction = Reduction.empty(density.mesh, coarse_bohr)
    for block in reduction.pending:
        box = reduction.blocks.box(block)
        values = {name: density.read(name, box).astype(np.float64) for name in density.fields}
        reduction.add(block, values["density"], total_std(values))
    return reduction


def total_std(values: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """Return the standard deviation of both kinds together, None where there is none."""
    if "epistemic_std" not in values:
        return None
    return np.hypot(values["epistemic_std"], values["aleatoric_std"])


def most_uncertain(
    reduction: Reduction, mesh: Mesh, number: int, apart_bohr: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the largest σ, at least a distance apart.

    One place of each block is looked at: its largest σ.

    Returns
    -------
    positions, std : (k, 3) and (k,) float64 arrays, k ≤ number
        Bohr; e/Bohr³, the largest first.
    """
    std, index = reduction.arrays["peak_std"], reduction.arrays["peak_index"].T
    fractional = index / mesh.shape
    chosen: list[int] = []
    for block in np.argsort(-std):
        if len(chosen) == number or not std[block] > 0.0:
            break
        between = fractional[chosen] - fractional[block]
        between -= np.round(between)
        if (np.linalg.norm(between @ mesh.cell, axis=1) >= apart_bohr).all():
            chosen.append(int(block))
    return fractional[chosen] @ mesh.cell, std[chosen]


def write_reduction(
    path: str | Path,
    reduction: Reduction,
    structure: Structure,
    mesh: Mesh,
    record: Mapping[str, Any],
    places: int,
    columns: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write means, histograms and places as an HDF5 file; see `docs/formats.md`.

    Parameters
    ----------
    path
        The file.
    reduction
        Of all blocks.
    structure, mesh
        What was reduced.
    record
        Attributes of the file, None for those that it lacks; ``scale`` multiplies ρ and σ.
    places
        Number of places of large σ.
    columns
        What belongs to each atom, by name.
    """
    scale, arrays = float(record.get("scale", 1.0)), reduction.arrays
    apart_bohr = float((mesh.spacing * mesh.shape / reduction.coarse_shape).min())
    positions, std = most_uncertain(reduction, mesh, places, apart_bohr)
    found: dict[str, np.ndarray] = {
        "cell": structure.cell,
        "density_edges": scale * DENSITY_BIN * np.arange(DENSITY_BINS + 1),
        "density_counts": arrays["density_counts"],
        "std_edges": scale * STD_EDGES,
        "std_counts": arrays["std_counts"],
        "uncertain_positions": positions,
        "uncertain_std": scale * std,
    }
    points = np.ones(())
    for axis, (n, count) in enumerate(zip(mesh.shape, reduction.coarse_shape, strict=True)):
        other = mesh.n_points / n
        found[f"profile_{axis}"] = scale * arrays[f"profile_{axis}"] / other
        points = points[..., None] * np.bincount(np.arange(n) * count // n)
    found["coarse"] = scale * arrays["coarse"] / points
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        told = {name: value for name, value in record.items() if value is not None}
        file.attrs.update({"kind": KIND, "format_version": FORMAT_VERSION} | told)
        own = {name: values.astype(np.float32) for name, values in (columns or {}).items()}
        for name, values in (found | own).items():
            file[name] = values
            seal_dataset(file[name])
        seal_attributes(file)


def is_reduction(path: str | Path) -> bool:
    """Tell whether a file is one that `write_reduction` writes."""
    if not h5py.is_hdf5(path):
        return False
    path = Path(path)
    with open_hdf5(path, REMEDY) as file, reading(path, REMEDY):
        return bool(file.attrs.get("kind") == KIND)


def read_reduction(path: str | Path) -> dict[str, np.ndarray]:
    """Read the arrays that `write_reduction` writes, by name; see `docs/formats.md`.

    Raises
    ------
    FileFormatError
        If the file is no reduction, or damaged.
    """
    path = Path(path)
    with open_hdf5(path, REMEDY) as file, reading(path, REMEDY):
        if file.attrs.get("kind") != KIND:
            raise FileFormatError(f"{path}: expected a file of `rhocast predict --reduce`")
        check_attributes(path, file, REMEDY)
        return read_checked(path, file, tuple(file), REMEDY)
