"""A model on a device, ready for the points of one mesh."""

from typing import Any

import numpy as np

from rhocast import config, descriptors
from rhocast.descriptors import SmoothDescriptor
from rhocast.descriptors.tiles import kinds_of
from rhocast.errors import ModelError
from rhocast.evaluation.compiled.arrays import (
    descriptor_arrays,
    multipole_arrays,
    network_arrays,
    spline_arrays,
)
from rhocast.evaluation.gpu.bound import BoundEvaluator
from rhocast.evaluation.gpu.devices import Device
from rhocast.grid import Mesh
from rhocast.model import DensityModel

#: Inputs and outputs that a tensor core takes at a time, as in `network.cu`.
_STEP, _TILE = 16, 8

#: Sums of a point that a thread holds in registers.
_REGISTERS = 150


def evaluates(model: DensityModel) -> bool:
    """Tell whether such a model can be evaluated here: one with the smooth descriptor."""
    return isinstance(model.descriptor, config.SmoothDescriptor)


class Evaluator:
    """A model, ready for the points of one mesh.

    Parameters
    ----------
    model
        With the smooth descriptor.
    mesh
        Where it is evaluated.
    device
        What computes.
    spread
        Whether ``epistemic_std`` is wanted: the fast one.

    Raises
    ------
    ModelError
        If the model has another descriptor, or no fast uncertainty that is wanted.
    """

    def __init__(
        self, model: DensityModel, mesh: Mesh, device: Device, spread: bool = False
    ) -> None:
        descriptor = descriptors.make(model.descriptor, model.species)
        if not isinstance(descriptor, SmoothDescriptor):
            raise ModelError(
                f"device: a model with the descriptor {model.descriptor} is evaluated on the "
                "processor alone, expected the smooth one"
            )
        self.device, self.species, self.has_spread = device, model.species, spread
        self.frame = _frame(mesh.cell)
        self.steps = mesh.cell / np.array(mesh.shape)[:, None] @ self.frame.T
        form = model.check_last_layer().factor if spread else None
        with device.using():
            self._load(model, descriptor, form)
            device.wait()

    def _load(
        self, model: DensityModel, descriptor: SmoothDescriptor, form: np.ndarray | None
    ) -> None:
        """Bring the model to the device and compile for it."""
        species, up = len(model.species), self.up
        sums = descriptor_arrays(descriptor, model.normalisation)
        network = network_arrays(model, form)
        splines = spline_arrays(model.baseline, species)
        poles = multipole_arrays(model.baseline, model.species)
        reaches, pole_reaches = sums["reaches"], poles["multipole_reaches"]
        self.members = (sums["degree"] + 1) ** 2
        self.radial = len(reaches)
        self.n_features = descriptor.n_features
        self.group = min(self.radial, max(1, _REGISTERS // self.members))
        self.inverses = up(1.0 / reaches.astype(float) ** 2, np.float32)
        self.scale, self.shift = up(sums["scale"]), up(sums["shift"])
        self.layers = up(_layers(network))
        self.target_std, self.min_std = float(network["target_std"]), float(network["min_std"])
        self.cutoff = float(splines["baseline_reach"])
        intervals = splines["splines"].shape[1]
        beyond = np.zeros((species, 1, 4))
        self.splines = up(np.concatenate([splines["splines"], beyond], axis=1), np.float32)
        self.inverse_interval = intervals / self.cutoff if intervals else 0.0
        self.pole_reach = float(pole_reaches[-1]) if len(pole_reaches) else 0.0
        self.pole_radial = len(pole_reaches)
        coefficients = poles["multipole_coefficients"]  # s(j), s, l, n, n'
        degree = coefficients.shape[2] - 1 if self.pole_radial else 0
        self.poles = (degree + 1) ** 2
        self.pole_stride = -(-self.poles // 4) * 4
        self.coefficients = up(coefficients.transpose(0, 2, 3, 4, 1), np.float32)
        self.usual_sum = float(poles["multipole_usual_sum"])
        self.pole_inverses = up(1.0 / pole_reaches.astype(float) ** 2, np.float32)
        self.reach = max(float(reaches[-1]), self.cutoff, self.pole_reach)
        names = ["count_near", "list_near", "sum_atoms", "make_features", "run_network"]
        names += ["pole_moments", "induce"] if self.pole_radial else []
        names += ["add_baseline"] if intervals else []
        sizes = {
            "SPECIES": species,
            "RADIAL": self.radial,
            "DEGREE": sums["degree"],
            "GROUP": self.group,
            "POLE_RADIAL": self.pole_radial,
            "POLE_DEGREE": degree,
            "POLE_INDUCING": coefficients.shape[4],
            "INTERVALS": intervals,
            "FEATURES": self.n_features,
            "WIDTH": model.parameters.width,
            "BLOCKS": model.parameters.blocks,
            "LAYERS": model.parameters.layers_per_block,
            "OUTPUTS": 2 + (0 if form is None else len(form)),
        }
        self.kernels = self.device.compile(names, sizes)

    def up(self, array: np.ndarray, dtype: type | None = None) -> Any:
        """Bring an array to the device."""
        return self.device.xp.asarray(np.ascontiguousarray(array, dtype))

    def bind_atoms(
        self, positions: np.ndarray, numbers: np.ndarray, seen: np.ndarray | None = None
    ) -> BoundEvaluator:
        """Take atoms: their images within reach of all points are among them.

        Parameters
        ----------
        positions : (n, 3) float64 array
            From mesh point (0, 0, 0), Bohr.
        numbers : (n,) int array
            Atomic numbers, of the model's species.
        seen : (n,) bool array
            Which ones may be within the model's range of a point; the others only surround these.
            All by default.
        """
        kinds = kinds_of(numbers, self.species)
        order = np.argsort(kinds, kind="stable")
        seen = np.ones(len(kinds), dtype=bool) if seen is None else seen
        with self.device.using():
            return BoundEvaluator(
                self, positions[order] @ self.frame.T, kinds[order], np.flatnonzero(seen[order])
            )


def _frame(cell: np.ndarray) -> np.ndarray:
    """Return three axes, as rows, of which the last is along the third lattice vector."""
    last = cell[2] / np.linalg.norm(cell[2])
    first = cell[0] - cell[0] @ last * last
    first /= np.linalg.norm(first)
    return np.array([first, np.cross(last, first), last])


def _layers(network: dict[str, Any]) -> np.ndarray:
    """All layers, one after the other, as the kernel reads them; uint32."""
    weights, biases = list(network["weights"]), list(network["biases"])
    if network["form_weight"] is not None:
        weights[-1] = np.concatenate([weights[-1], network["form_weight"]])
        biases[-1] = np.concatenate([biases[-1], network["form_bias"]])
    *inner, last = zip(weights, biases, strict=True)
    return np.concatenate([*(_packed(*layer, _STEP) for layer in inner), _packed(*last, _TILE)])


def _packed(weights: np.ndarray, bias: np.ndarray, whole: int) -> np.ndarray:
    """Bias and weights (outputs, inputs), filled up: each lane's of a step and tile together."""
    outputs, inputs = weights.shape
    filled = np.zeros((inputs + 1, outputs + -outputs % whole), np.float32)
    filled[:, :outputs] = np.vstack([bias, weights.T])
    padded = np.pad(filled[1:], [(0, -inputs % _STEP), (0, 0)])
    parts = padded.reshape(-1, 2, 4, 2, padded.shape[1] // _TILE, _TILE)
    parts = parts.transpose(0, 4, 5, 2, 1, 3)  # step, tile, output, lane of it, eights, pair
    high, rest = _bfloat16(parts)
    low, _ = _bfloat16(rest)
    pairs = np.ascontiguousarray(np.stack([high, low], axis=4))
    return np.concatenate([filled[0].view(np.uint32), pairs.view(np.uint32).ravel()])


def _bfloat16(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round; return the bits and what is left over."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    even = np.uint32(0x7FFF) + (bits >> np.uint32(16) & np.uint32(1))
    high = np.where(np.isnan(values), np.uint32(0x7FC0), bits + even >> np.uint32(16))
    rounded = (high << np.uint32(16)).view(np.float32)
    return high.astype(np.uint16), values - rounded
