"""A model as plain arrays: what compiled code computes with, on the processor or on a GPU."""

from typing import Any

import numpy as np

from rhocast.descriptors import MultipoleBasis, PseudoAtoms, SmoothDescriptor
from rhocast.model import DensityModel, Normalisation
from rhocast.model.network import MIN_STD


def _single(array: Any) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


def descriptor_arrays(descriptor: SmoothDescriptor, normalisation: Normalisation) -> dict[str, Any]:
    """Reaches, and the way from products of bare sums to normalised features."""
    n_species = len(descriptor.species)
    norms = descriptor.norms
    degrees = np.arange(1, descriptor.parameters.angular + 1)
    first, second = np.triu_indices(len(norms))
    products = norms[first, 1:] * norms[second, 1:] / np.sqrt(2 * degrees + 1)
    own = norms[:, 1:] ** 2 / np.sqrt(2 * degrees + 1)
    contrast = np.concatenate([norms[:, 0], own.T.ravel()])
    bare = [norms[:, 0], products.T.ravel(), np.tile(contrast, n_species - 1)]
    std = normalisation.feature_std.astype(np.float64)
    mean = normalisation.feature_mean.astype(np.float64)
    return {
        "species": n_species,
        "degree": descriptor.parameters.angular,
        "reaches": _single(descriptor.reaches_bohr),
        "scale": _single(np.concatenate(bare) / std),
        "shift": _single(-mean / std),
    }


def network_arrays(model: DensityModel, spread: np.ndarray | None) -> dict[str, Any]:
    """Weights; the target's mean and spread go into the head."""
    weights = [_single(layer.weight) for layer in model.network.layers]
    biases = [_single(layer.bias) for layer in model.network.layers]
    scale = float(model.normalisation.target_std)
    weights[-1] = weights[-1] * _single([[scale], [1.0]])
    biases[-1] = biases[-1] * _single([scale, 1.0])
    biases[-1][0] += float(model.normalisation.target_mean)
    return {
        "weights": weights,
        "biases": biases,
        "layers_per_block": model.parameters.layers_per_block,
        "target_std": scale,
        "min_std": MIN_STD,
        "form_weight": None if spread is None else _single(scale * spread[:, :-1]),
        "form_bias": None if spread is None else _single(scale * spread[:, -1]),
    }


def spline_arrays(baseline: PseudoAtoms | None, n_species: int) -> dict[str, Any]:
    """Splines as powers of the place within an interval instead of B-splines."""
    if baseline is None:
        return {"baseline_reach": 0.0, "splines": np.zeros((n_species, 0, 4), np.float32)}
    powers = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6.0
    windows = np.lib.stride_tricks.sliding_window_view(baseline.tables, 4, axis=1)
    return {
        "baseline_reach": baseline.parameters.cutoff_bohr,
        "splines": _single(windows @ powers.T),
    }


def multipole_arrays(baseline: PseudoAtoms | None, species: tuple[str, ...]) -> dict[str, Any]:
    """Reaches, and the way from bare sums at an atom to what multiplies bare functions."""
    if baseline is None or baseline.multipoles is None or baseline.parameters.multipoles is None:
        empty = np.zeros((len(species), len(species), 0, 0, 0), np.float32)
        return {
            "multipole_reaches": np.zeros(0, np.float32),
            "multipole_coefficients": empty,
            "multipole_usual_sum": 0.0,
        }
    basis = MultipoleBasis(baseline.parameters.multipoles, species)
    norms = basis.sums_over_neighbours.norms.T
    inducing = np.tile(norms, basis.shape[4] // basis.shape[3])
    return {
        "multipole_reaches": _single(basis.sums_over_neighbours.reaches_bohr),
        "multipole_coefficients": _single(
            norms[:, :, None] * inducing[:, None, :] * baseline.multipoles
        ),
        "multipole_usual_sum": basis.usual_sum or 0.0,
    }
