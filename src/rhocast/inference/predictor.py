"""The predicted values at the points of one block."""

from collections.abc import Iterator
from functools import partial

import numpy as np
from ase.data import atomic_numbers

from rhocast.errors import ModelError
from rhocast.evaluation import Evaluator, gpu
from rhocast.evaluation.compiled import CompiledEvaluator
from rhocast.evaluation.gpu import GpuEvaluator
from rhocast.evaluation.reference import ReferenceEvaluator
from rhocast.evaluation.samples import SampleEvaluator
from rhocast.grid import Neighbourhood
from rhocast.inference.request import Task
from rhocast.inference.vacuum import TAPER_FROM, taper, weight
from rhocast.model import DensityModel
from rhocast.structures import Structure

#: Points along each side of the parts of a tile whose distance from the atoms is looked up.
_PART = 8

#: Points times atoms, up to which distances need no tree.
_FEW_PAIRS = 200_000

#: Of a box, in units of its sides.
_DIAGONALS = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]])


class BlockPredictor:
    """Computes the fields block by block; whoever keeps them puts the bound at zero on them.

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
        self._evaluator = evaluator_for(model, task)
        self._range = model.cutoff_bohr
        self._tapers = not model.fading_density  # else the density falls to zero without it
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
        values = self.values(self._blocks.shape(block), atoms)
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self._task.where}: the model answers with NaN or infinity in block {block}; its "
                "weights are damaged or the structure is far from all it was trained on"
            )
        return values

    def values(self, shape: tuple[int, int, int], atoms: Neighbourhood | None) -> np.ndarray:
        """Compute any part of the mesh, of a shape, from the atoms around it; as a block."""
        if atoms is None:
            return self._empty(shape)
        evaluate = self._evaluator.bind(atoms)
        positions = atoms.structure.positions
        distances, half = self._distances(shape, atoms.corner, positions)
        if self._evaluator.whole_blocks and distances.max() + half <= TAPER_FROM * self._range:
            x, y, z = shape
            return evaluate((slice(0, x), slice(0, y), slice(0, z)))
        values = self._empty(shape)
        for tile in _tiles(shape, self._evaluator.tile):
            nearest = distances[*(slice(s.start // _PART, -(-s.stop // _PART)) for s in tile)]
            if nearest.min() - half >= self._range:
                continue
            part = values[:, *tile]
            part[...] = evaluate(tile)
            if self._tapers and nearest.max() + half > TAPER_FROM * self._range:
                distance = to_nearest(positions, atoms.corner + self._task.mesh.offsets(tile))
                taper(part, weight(distance.reshape(part.shape[1:]), self._range))
        return values

    def _empty(self, shape: tuple[int, int, int]) -> np.ndarray:
        """Return the values of the fields in empty space."""
        values = np.empty((len(self._vacuum), *shape), dtype=np.float32)
        values[...] = self._vacuum[:, None, None, None]
        return values

    def _distances(
        self, shape: tuple[int, ...], corner: np.ndarray, positions: np.ndarray
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
        distances = to_nearest(positions, corner + centres)
        diagonals = _DIAGONALS * (_PART - 1) / mesh.shape @ mesh.cell
        return distances, 0.5 * float(np.linalg.norm(diagonals, axis=1).max())

    def _far_from_atoms(self) -> np.ndarray:
        """Values of the fields where no atom is within range; (f,) float32."""
        side = 8.0 * self._range
        number = atomic_numbers[self._model.species[0]]
        alone = Structure(np.zeros((1, 3)), side * np.eye(3), np.array([number]))
        middle = np.full(3, 0.5)
        evaluate = self._evaluator.bind(Neighbourhood(alone, middle, middle, np.zeros(1, np.int32)))
        values = evaluate((slice(0, 1), slice(0, 1), slice(0, 1)))[:, 0, 0, 0]
        if self._tapers:
            taper(values, np.zeros((), dtype=np.float32))
        return values


def evaluator_for(model: DensityModel, task: Task) -> Evaluator:
    """Make the evaluator that a task asks for: one for the whole field."""
    options = task.options
    if options.sample is not None:
        make = partial(_evaluator, task)
        return SampleEvaluator.of(model, options.sample, options.seed, make)
    return _evaluator(task, model, task.fields)


def _evaluator(task: Task, model: DensityModel, fields: tuple[str, ...]) -> Evaluator:
    """Make an evaluator of some fields of a model, on the device of a task."""
    options, mesh = task.options, task.mesh
    if options.device is not None:
        return GpuEvaluator(model, mesh, fields, gpu.open_device(options.device))
    if task.kernels is not None:
        return CompiledEvaluator(model, mesh, fields, task.kernels)
    samples = options.samples if options.uncertainty == "sampled" else 0
    return ReferenceEvaluator(model, mesh, fields, model.draw(samples, options.seed))


def to_nearest(positions: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return the distance from points (..., 3) to the nearest of some positions (n, 3), Bohr.

    Of a few pairs all are looked at: a tree takes longer to make, and the first one to import.
    """
    flat = points.reshape(-1, 3)
    if len(flat) * len(positions) <= _FEW_PAIRS:
        squares = np.square(flat[:, None] - positions).sum(axis=2)
        return np.sqrt(squares.min(axis=1)).reshape(points.shape[:-1])
    from scipy.spatial import cKDTree

    tree = cKDTree(positions, balanced_tree=False, compact_nodes=False)  # it is asked little
    distances, _ = tree.query(flat)
    return np.asarray(distances).reshape(points.shape[:-1])


def _tiles(shape: tuple[int, ...], side: int) -> Iterator[tuple[slice, slice, slice]]:
    """Cut a box of points into tiles."""
    nx, ny, nz = shape
    for x in range(0, nx, side):
        for y in range(0, ny, side):
            for z in range(0, nz, side):
                yield (
                    slice(x, min(x + side, nx)),
                    slice(y, min(y + side, ny)),
                    slice(z, min(z + side, nz)),
                )
