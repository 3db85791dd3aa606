"""The predicted values at the points of one block."""

from collections.abc import Iterator

import numpy as np
from ase.data import atomic_numbers
from scipy.spatial import cKDTree

from rhocast.errors import ModelError
from rhocast.grid import Neighbourhood
from rhocast.inference.request import Task, range_bohr
from rhocast.inference.vacuum import TAPER_FROM, taper, weight
from rhocast.model import BoundModel, DensityModel
from rhocast.structures import Structure

#: Points along each side of what goes through the model at a time: it bounds the memory, and what
#: has no atom within range is left out.
TILE = 16

#: Points along each side of the parts of a tile whose distance from the atoms is looked up.
_PART = 8

#: Of a box, in units of its sides.
_DIAGONALS = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]])


class BlockPredictor:
    """Computes the fields block by block.

    It knows the atoms around a block and no others. What surrounds a block follows from structure
    and mesh alone, so the values do not depend on which shard or rank computes them.

    Parameters
    ----------
    model
        The model.
    task
        What it is to predict.
    """

    def __init__(self, model: DensityModel, task: Task) -> None:
        self._model = model
        self._task = task
        self._blocks = task.blocks
        samples = task.samples if task.uncertainty == "sampled" else 0
        self._draws = model.draw(samples, task.seed)
        self._range = range_bohr(model)
        self._vacuum = self._far_from_atoms()

    def __call__(self, block: int, atoms: Neighbourhood | None) -> np.ndarray:
        """Compute a block.

        Parameters
        ----------
        block
            Its number.
        atoms
            What lies around it; None for nothing.

        Returns
        -------
        (f, bx, by, bz) float32 array
            Values of `Task.fields` at the points of the block, e/Bohr³.

        Raises
        ------
        ModelError
            If the model answers with NaN or infinity.
        """
        shape = self._blocks.shape(block)
        values = np.empty((len(self._vacuum), *shape), dtype=np.float32)
        values[...] = self._vacuum[:, None, None, None]
        if atoms is not None:
            self._fill(values, atoms)
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self._task.where}: the model answers with NaN or infinity in block {block}; its "
                "weights are damaged or the structure is far from all it was trained on"
            )
        return values

    def _fill(self, values: np.ndarray, atoms: Neighbourhood) -> None:
        """Compute all tiles that have atoms within range."""
        mesh = self._task.mesh
        bound = self._model.bind(atoms.structure, atoms.lower, atoms.upper)
        tree = cKDTree(atoms.structure.positions)
        distances, half = self._distances(values.shape[1:], atoms.corner, tree)
        for tile in _tiles(values.shape[1:]):
            nearest = distances[*(slice(s.start // _PART, -(-s.stop // _PART)) for s in tile)]
            if nearest.min() - half >= self._range:
                continue
            points = atoms.corner + mesh.offsets(tile)
            rows = self._rows(bound, points)
            if nearest.max() + half > TAPER_FROM * self._range:
                taper(rows, weight(tree.query(points)[0], self._range))
            part = values[:, *tile]
            part[...] = rows.reshape(part.shape)

    def _distances(
        self, shape: tuple[int, ...], corner: np.ndarray, tree: cKDTree
    ) -> tuple[np.ndarray, float]:
        """Distance to the nearest atom from the middles of parts of a block, and half a part, Bohr.

        A point is at most half a part's longest diagonal away from the part's middle.
        """
        mesh = self._task.mesh
        starts = [np.arange(0, n, _PART) for n in shape]
        middles = [
            (start + np.minimum(start + _PART, n) - 1) / (2 * count)
            for start, n, count in zip(starts, shape, mesh.shape, strict=True)
        ]
        centres = np.stack(np.meshgrid(*middles, indexing="ij"), axis=-1) @ mesh.cell
        distances, _ = tree.query(corner + centres)
        diagonals = _DIAGONALS * (_PART - 1) / mesh.shape @ mesh.cell
        return distances, 0.5 * float(np.linalg.norm(diagonals, axis=1).max())

    def _rows(self, bound: BoundModel, points: np.ndarray) -> np.ndarray:
        """Predict at points (p, 3); (f, p) float32."""
        prediction = bound(points, self._draws, fast=self._task.uncertainty == "fast")
        rows = [prediction.mean]
        if prediction.epistemic_std is not None:
            rows += [prediction.epistemic_std, prediction.aleatoric_std]
        return np.stack(rows).astype(np.float32, copy=False)

    def _far_from_atoms(self) -> np.ndarray:
        """Values of the fields where no atom is within range; (f,) float32."""
        side = 8.0 * self._range
        number = atomic_numbers[self._model.species[0]]
        alone = Structure(np.zeros((1, 3)), side * np.eye(3), np.array([number]))
        rows = self._rows(self._model.bind(alone), np.full((1, 3), 0.5 * side))
        taper(rows, np.zeros(1, dtype=np.float32))
        return rows[:, 0]


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice, slice]]:
    """Cut a box of points into tiles."""
    nx, ny, nz = shape
    for x in range(0, nx, TILE):
        for y in range(0, ny, TILE):
            for z in range(0, nz, TILE):
                yield (
                    slice(x, min(x + TILE, nx)),
                    slice(y, min(y + TILE, ny)),
                    slice(z, min(z + TILE, nz)),
                )
