"""The network as the bfloat16 kernels compute it: rounded at the same places, in NumPy.

`method.md`, Eq. 29, names the places: the weights of all hidden layers but the first and of the
form, and what enters these. A test leaves one of them out, or adds one, by naming it.
"""

import importlib.util
from pathlib import Path

import numpy as np

from rhocast.model import DensityModel

SCRIPT = Path(__file__).parents[2] / "src" / "native" / "polynomials.py"

#: Places that the kernels round, and places that they leave alone.
PLACES = frozenset({"weights", "inputs"})
OTHER_PLACES = frozenset({"features", "first weights", "stream", "head inputs", "head weights"})


def polynomials():
    """Return the script that writes the kernels' polynomials, as a module."""
    spec = importlib.util.spec_from_file_location("polynomials", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def to_bfloat16(values: np.ndarray) -> np.ndarray:
    """Round float32 numbers to the nearest of 8 bits, ties to even."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return rounded.astype(np.uint32).view(np.float32)


def rounded_network(
    model: DensityModel,
    features: np.ndarray,
    form: np.ndarray | None = None,
    places: frozenset[str] = PLACES,
    split: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Compute the density (less the baseline), the noise and the spread from normalised features.

    Parameters
    ----------
    model
        The model.
    features : (p, d) float32 array
        Normalised.
    form : (r, w + 1) float array
        L of the spread |L φ|; None without.
    places
        What is rounded.
    split
        Whether the first layer is three of four products of halves, as with AMX.

    Returns
    -------
    three (p,) float64 arrays
        e/Bohr³; the last one None without a form.
    """

    def at(place: str, values: np.ndarray) -> np.ndarray:
        return to_bfloat16(values) if place in places else np.asarray(values, np.float32)

    def product(inputs: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return (inputs.astype(float) @ weights.astype(float).T + bias).astype(np.float32)

    first, *hidden, head = [(layer.weight, layer.bias) for layer in model.network.layers]
    inputs, weights = at("features", features), at("first weights", first[0])
    if split:
        inputs, weights = _halves(inputs, weights)
    stream = _gelu(product(inputs, weights, first[1]))
    values = stream
    for number, (weight, bias) in enumerate(hidden, 1):
        values = _gelu(product(at("inputs", values), at("weights", weight), bias))
        if number % model.parameters.layers_per_block == 0:
            values = stream = at("stream", stream + values)
    outputs = product(at("head inputs", stream), at("head weights", head[0]), head[1]).astype(float)
    scale = float(model.normalisation.target_std)
    mean = scale * outputs[:, 0] + float(model.normalisation.target_mean)
    noise = scale * (np.logaddexp(0.0, outputs[:, 1]) + 1e-4)
    if form is None:
        return mean, noise, None
    last = at("inputs", stream)
    projected = product(last, at("weights", scale * form[:, :-1]), scale * form[:, -1])
    return mean, noise, np.linalg.norm(projected.astype(float), axis=1)


def _halves(inputs: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write a layer as one of three times as many inputs in bfloat16."""
    truncated = np.ascontiguousarray(inputs).view(np.uint32) & np.uint32(0xFFFF0000)
    high, weights_high = truncated.view(np.float32), to_bfloat16(weights)
    low, weights_low = to_bfloat16(inputs - high), to_bfloat16(weights - weights_high)
    return np.hstack([high, low, high]), np.hstack([weights_high, weights_high, weights_low])


def _gelu(x: np.ndarray) -> np.ndarray:
    short = next(p for p in polynomials().POLYNOMIALS if p.name == "normal_cdf_short")
    return x * short(np.clip(x, np.float32(short.lower), np.float32(short.upper)))
