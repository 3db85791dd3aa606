"""The three ways to a model's values at a block of mesh points, to the same end.

`Compiled` has the kernels do everything at once; `Stepwise` computes descriptor, network and
baseline one after the other; `OnGpu` has a GPU do it. A field is made in one way throughout: the
GPU's where one is asked for, else the kernels' where the model has
them, but for the sampled uncertainty.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from rhocast.evaluation import compiled as kernels
from rhocast.evaluation import gpu
from rhocast.grid import Mesh, Neighbourhood
from rhocast.grid.binned_atoms import between
from rhocast.inference.request import Task
from rhocast.model import BoundModel, Calibration, DensityModel

Box = tuple[slice, slice, slice]

#: Points along each side of what goes through a model at a time: it bounds the memory, and what has
#: no atom within range is left out.
TILE = 16

#: Likewise for the kernels, which need little memory; but a call costs them 0.1 ms.
COMPILED_TILE = 32

#: For a GPU whole blocks, so that it has enough to do; it bounds its memory itself.
GPU_TILE = 64

#: Gives the values (f, bx, by, bz), float32, e/Bohr³, at the points of a box, whose indices count
#: from the lower corner of what the atoms lie around.
Values = Callable[[Box], np.ndarray]


class BlockEvaluator(Protocol):
    """A model that is asked for the fields of a task.

    Attributes
    ----------
    tile
        Points along each side of the boxes that it is best asked for.
    whole_blocks
        Whether it may as well be asked for a whole block where none of it is empty.
    """

    tile: int
    whole_blocks: bool

    def bind(self, atoms: Neighbourhood) -> Values:
        """Take the atoms around a block."""


def evaluator_of(model: DensityModel, task: Task) -> BlockEvaluator:
    """Make the evaluator that a task asks for."""
    if task.options.device is not None:
        return OnGpu(model, task)
    return Compiled(model, task) if task.kernels else Stepwise(model, task)


class Compiled:
    """The compiled kernels."""

    tile, whole_blocks = COMPILED_TILE, True

    def __init__(self, model: DensityModel, task: Task) -> None:
        fast = task.options.uncertainty == "fast"
        spread = model.check_last_layer().factor if fast else None
        self._evaluator = kernels.Evaluator(model, spread, task.kernels)
        self._fields = task.fields
        self._mesh = task.mesh
        self._factors = _factors(model, task)

    def bind(self, atoms: Neighbourhood) -> Values:
        """Take the atoms around a block."""
        structure = atoms.structure
        bound = self._evaluator.bind_atoms(structure.positions - atoms.corner, structure.numbers)

        def values(box: Box) -> np.ndarray:
            computed = bound(self._mesh, box, self._fields)
            computed *= self._factors
            return computed

        return values


class OnGpu:
    """The kernels of a GPU."""

    tile, whole_blocks = GPU_TILE, True

    def __init__(self, model: DensityModel, task: Task) -> None:
        assert task.options.device is not None
        fast = task.options.uncertainty == "fast"
        device = gpu.open_device(task.options.device)
        self._evaluator = gpu.Evaluator(model, task.mesh, device, fast)
        self._range = model.cutoff_bohr
        self._fields = task.fields
        self._factors = _factors(model, task)

    def bind(self, atoms: Neighbourhood) -> Values:
        """Take the atoms around a block."""
        structure, inverse = atoms.structure, np.linalg.inv(atoms.structure.cell)
        margin = self._range * np.linalg.norm(inverse, axis=0)
        seen = between(structure.positions @ inverse, atoms.lower - margin, atoms.upper + margin)
        positions = structure.positions - atoms.corner
        bound = self._evaluator.bind_atoms(positions, structure.numbers, seen)

        def values(box: Box) -> np.ndarray:
            return bound(box, self._fields) * self._factors

        return values


class Stepwise:
    """Descriptor, network and baseline, each in its own library."""

    tile, whole_blocks = TILE, False

    def __init__(self, model: DensityModel, task: Task) -> None:
        self._model = model
        self._mesh: Mesh = task.mesh
        self._fast = task.options.uncertainty == "fast"
        samples = task.options.samples if task.options.uncertainty == "sampled" else 0
        self._draws = model.draw(samples, task.options.seed)

    def bind(self, atoms: Neighbourhood) -> Values:
        """Take the atoms around a block."""
        bound = self._model.bind(atoms.structure, atoms.lower, atoms.upper)
        return lambda box: self._values(bound, atoms.corner, box)

    def _values(self, bound: BoundModel, corner: np.ndarray, box: Box) -> np.ndarray:
        prediction = bound(corner + self._mesh.offsets(box), self._draws, fast=self._fast)
        rows = [prediction.mean]
        if prediction.epistemic_std is not None:
            rows += [prediction.epistemic_std, prediction.aleatoric_std]
        shape = (side.stop - side.start for side in box)
        return np.stack(rows).astype(np.float32, copy=False).reshape(-1, *shape)


def _factors(model: DensityModel, task: Task) -> np.ndarray:
    """Calibration of every field, (f, 1, 1, 1) float32."""
    calibration = model.calibrations.get("fast", Calibration())
    factors = {"aleatoric_std": calibration.aleatoric, "epistemic_std": calibration.epistemic}
    row = [factors.get(name, 1.0) for name in task.fields]
    return np.array(row, dtype=np.float32)[:, None, None, None]
