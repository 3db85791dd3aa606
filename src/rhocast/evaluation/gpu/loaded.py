"""A model's arrays on a device, with the kernels that were compiled for it."""

import math
from typing import Any

import numpy as np

from rhocast.descriptors import MultipoleBasis
from rhocast.descriptors.products import Products
from rhocast.evaluation.arrays import KernelArrays
from rhocast.evaluation.gpu.device import Device
from rhocast.grid import Mesh
from rhocast.model import DensityModel

#: Inputs and outputs that a tensor core takes at a time, as in `network.cu`.
_STEP, _TILE = 16, 8

#: Sums of a point that a thread holds in registers.
_REGISTERS = 150


class LoadedModel:
    """A model on a device, ready for the points of one mesh.

    Parameters
    ----------
    model
        With the smooth descriptor.
    mesh
        Where it is evaluated.
    device
        What computes.
    fast
        Whether the fast uncertainty is wanted.

    Raises
    ------
    ModelError
        If the model has another descriptor, or no fast uncertainty that is wanted.
    """

    def __init__(self, model: DensityModel, mesh: Mesh, device: Device, fast: bool) -> None:
        self.device, self.n_species = device, len(model.species)
        self.frame = _frame(mesh.cell)
        self.steps = mesh.cell / np.array(mesh.shape)[:, None] @ self.frame.T
        self.cutoff_bohr = model.cutoff_bohr
        arrays = KernelArrays.of(model, fast)
        with device.using():
            self._load(model, arrays)
            device.wait()

    def _load(self, model: DensityModel, arrays: KernelArrays) -> None:
        """Bring the model to the device and compile for it."""
        species, up = arrays.species, self.up
        self.members = (arrays.degree + 1) ** 2
        self.radial = len(arrays.reaches)
        self.n_features = len(arrays.scale)
        self.group = min(self.radial, max(1, _REGISTERS // self.members))
        self.inverses = up(1.0 / arrays.reaches.astype(float) ** 2, np.float32)
        self.scale, self.shift = up(arrays.scale), up(arrays.shift)
        self.layers = up(_layers(arrays))
        self.target_std, self.min_std = arrays.target_std, arrays.min_std
        self.baseline_reach = arrays.baseline_reach
        self.inverse_fading = 1.0 / arrays.fading_density if arrays.fading_density else 0.0
        intervals = arrays.splines.shape[1]
        beyond = np.zeros((species, 1, 4))
        self.splines = up(np.concatenate([arrays.splines, beyond], axis=1), np.float32)
        self.inverse_interval = intervals / self.baseline_reach if intervals else 0.0
        self.pole_radial = len(arrays.multipole_reaches)
        self.pole_reach = float(arrays.multipole_reaches[-1]) if self.pole_radial else 0.0
        coefficients = arrays.multipole_coefficients  # s(j), s, l, n, n'
        degree = coefficients.shape[2] - 1 if self.pole_radial else 0
        self.poles = (degree + 1) ** 2
        self.pole_stride = -(-self.poles // 4) * 4
        self.coefficients = up(coefficients.transpose(0, 2, 3, 4, 1), np.float32)
        self.usual_sum = arrays.multipole_usual_sum
        self.pole_inverses = up(1.0 / arrays.multipole_reaches.astype(float) ** 2, np.float32)
        self._load_products(model)
        names = ["count_near", "list_near", "sum_atoms", "make_features", "run_network"]
        names += ["pole_moments", "induce"] if self.pole_radial else []
        names += ["add_baseline"] if intervals else []
        sizes = {
            "SPECIES": species,
            "RADIAL": self.radial,
            "DEGREE": arrays.degree,
            "GROUP": self.group,
            "POLE_RADIAL": self.pole_radial,
            "POLE_DEGREE": degree,
            "POLE_INDUCING": coefficients.shape[4],
            "INTERVALS": intervals,
            "FEATURES": self.n_features,
            "WIDTH": model.parameters.width,
            "BLOCKS": model.parameters.blocks,
            "LAYERS": model.parameters.layers_per_block,
            "OUTPUTS": 2 + (0 if arrays.form_weight is None else len(arrays.form_weight)),
        }
        self.kernels = self.device.compile(names, sizes)

    def _load_products(self, model: DensityModel) -> None:
        """Bring what products of sums need: plain arrays are fast enough, atom by atom."""
        self.products: Products | None = None
        baseline = model.baseline
        if baseline is None or baseline.products is None or baseline.parameters.multipoles is None:
            return
        basis = MultipoleBasis(baseline.parameters.multipoles, model.species)
        self.products = basis.products
        self.product_coefficients = self.up(baseline.products, np.float32)
        degree = np.repeat(np.arange(basis.shape[2]), 2 * np.arange(basis.shape[2]) + 1)
        norms = basis.sums_over_neighbours.norms[:, degree]
        self.racah = self.up(norms * _racah(basis.shape[2] - 1), np.float32)

    def up(self, array: np.ndarray, dtype: type | None = None) -> Any:
        """Bring an array to the device."""
        return self.device.xp.asarray(np.ascontiguousarray(array, dtype))


def _frame(cell: np.ndarray) -> np.ndarray:
    """Return three axes, as rows, of which the last is along the third lattice vector."""
    last = cell[2] / np.linalg.norm(cell[2])
    first = cell[0] - cell[0] @ last * last
    first /= np.linalg.norm(first)
    return np.array([first, np.cross(last, first), last])


def _racah(highest: int) -> np.ndarray:
    """Return what turns harmonics of Ferrers' functions into Racah's; ((highest + 1)²,), Eq. 7."""
    return np.array(
        [
            math.sqrt((2 if m else 1) * math.factorial(ell - abs(m)) / math.factorial(ell + abs(m)))
            for ell in range(highest + 1)
            for m in range(-ell, ell + 1)
        ]
    )


def _layers(arrays: KernelArrays) -> np.ndarray:
    """All layers, one after the other, as the kernel reads them; uint32."""
    weights, biases = list(arrays.weights), list(arrays.biases)
    if arrays.form_weight is not None and arrays.form_bias is not None:
        weights[-1] = np.concatenate([weights[-1], arrays.form_weight])
        biases[-1] = np.concatenate([biases[-1], arrays.form_bias])
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
