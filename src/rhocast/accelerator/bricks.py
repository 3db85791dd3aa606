"""Bricks: parts of the mesh that are all alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rhocast.grid import Mesh

#: Longest side of a brick, Bohr: harmonics around points far from its centre lose digits, and many
#: atoms that a brick gathers would be out of reach of most of its points.
SIDE_BOHR = 2.5

#: Most points along it.
SIDE = 8


@dataclass(frozen=True)
class Bricks:
    """The division of a mesh's boxes.

    Attributes
    ----------
    shape : tuple of three int
        Points of a brick along each lattice vector.
    steps : (3, 3) float64 array
        From one mesh point to the next, as rows, Bohr.
    """

    shape: tuple[int, int, int]
    steps: np.ndarray

    @classmethod
    def of(cls, mesh: Mesh) -> "Bricks":
        """Choose the bricks for a mesh."""
        nx, ny, nz = (_side(spacing) for spacing in mesh.spacing)
        return cls((nx, ny, nz), mesh.cell / np.array(mesh.shape)[:, None])

    @property
    def n_points(self) -> int:
        """Number of points p of a brick."""
        return int(np.prod(self.shape))

    @property
    def offsets(self) -> np.ndarray:
        """From the centre to the points; (p, 3) float64, Bohr, in C order."""
        axes = [np.arange(n) - 0.5 * (n - 1) for n in self.shape]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ self.steps

    @property
    def radius_bohr(self) -> float:
        """From the centre to the farthest point, Bohr."""
        return float(np.linalg.norm(self.offsets, axis=1).max())

    def counts(self, box: Sequence[slice]) -> tuple[int, int, int]:
        """Return the number of bricks along each side of a box; the last ones stick out."""
        x, y, z = (-(-(s.stop - s.start) // n) for s, n in zip(box, self.shape, strict=True))
        return x, y, z

    def centres(self, box: Sequence[slice]) -> np.ndarray:
        """Return the centres of a box's bricks, from mesh point (0, 0, 0); (b, 3), Bohr."""
        axes = [
            s.start + n * np.arange(count) + 0.5 * (n - 1)
            for s, n, count in zip(box, self.shape, self.counts(box), strict=True)
        ]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ self.steps

    def joined(self, values: Tensor, box: Sequence[slice]) -> Tensor:
        """Put values (f, b, p) of a box's bricks where they belong; (f, bx, by, bz)."""
        (i, j, k), (x, y, z) = self.counts(box), self.shape
        parts = values.reshape(-1, i, j, k, x, y, z).permute(0, 1, 4, 2, 5, 3, 6)
        whole = parts.reshape(-1, i * x, j * y, k * z)
        inside = tuple(slice(0, side.stop - side.start) for side in box)
        return whole[(slice(None), *inside)]


def _side(spacing_bohr: float) -> int:
    """Return the largest power of two that makes no side longer than `SIDE_BOHR`."""
    side = 1
    while 2 * side <= SIDE and (2 * side - 1) * spacing_bohr <= SIDE_BOHR:
        side *= 2
    return side


@dataclass(frozen=True)
class Near:
    """The nearest atoms of one species, for some centres; the nearest first.

    Attributes
    ----------
    vectors : (b, a, 3) float32 tensor
        From the centres to the atoms, Bohr.
    atoms : (b, a) int64 tensor
        Which atoms these are.
    """

    vectors: Tensor
    atoms: Tensor

    def first(self, count: int) -> "Near":
        """Return no more than so many of each."""
        return Near(self.vectors[:, :count], self.atoms[:, :count])


@dataclass(frozen=True)
class Atoms:
    """Atoms on a device, those of each species apart.

    Attributes
    ----------
    positions : tuple of (n, 3) float64 tensors
        Of each species, Bohr.
    rows : tuple of (n,) int64 tensors
        Places among all atoms.
    """

    positions: tuple[Tensor, ...]
    rows: tuple[Tensor, ...]

    @classmethod
    def of(
        cls, positions: np.ndarray, kinds: np.ndarray, n_species: int, device: torch.device
    ) -> "Atoms":
        """Take atoms at positions (n, 3), Bohr, of kinds (n,)."""
        rows = [np.flatnonzero(kinds == kind) for kind in range(n_species)]
        return cls(
            tuple(torch.from_numpy(positions[own]).to(device) for own in rows),
            tuple(torch.from_numpy(own).to(device) for own in rows),
        )

    def census(self, centres: Tensor, reaches: Sequence[float]) -> np.ndarray:
        """Count the atoms within reaches of centres; (b, species, reaches) int64, on the CPU."""
        counts = []
        for positions in self.positions:
            distances = torch.cdist(centres, positions)
            counts.append(torch.stack([(distances < r).sum(dim=1) for r in reaches], dim=-1))
        return torch.stack(counts, dim=1).numpy(force=True)

    def near(self, centres: Tensor, species: int, count: int) -> Near:
        """Find so many atoms nearest to centres (b, 3), float64."""
        positions = self.positions[species]
        found = torch.cdist(centres, positions).topk(count, dim=1, largest=False).indices
        vectors = positions[found] - centres[:, None]
        return Near(vectors.float(), self.rows[species][found])
