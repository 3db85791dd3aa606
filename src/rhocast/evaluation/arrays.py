"""A model as plain arrays: what compiled code computes with, on the processor or on a GPU."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rhocast import config, descriptors
from rhocast.descriptors import MultipoleBasis, PseudoAtoms, SmoothDescriptor
from rhocast.descriptors.products import Coupling, Products, coupling_table
from rhocast.errors import ModelError
from rhocast.model import DensityModel
from rhocast.model.network import MIN_STD


@dataclass(frozen=True)
class KernelArrays:
    """A model with the smooth descriptor, as the kernels read it; all arrays are float32.

    The names are those of the arguments of the C++ extension.

    Attributes
    ----------
    species, degree
        Number S of species, and l_max of the descriptor.
    reaches : (n,) array
        R_n of the descriptor, Bohr.
    scale, shift : (d,) arrays
        From products of sums without norms to normalised features.
    weights, biases
        Of all layers, (outputs, inputs) and (outputs,). The target's mean and spread are in the
        last one.
    layers_per_block
        Layers that a residual connection spans.
    target_std, min_std
        Unit of the network's outputs, e/Bohr³, and the smallest standard deviation in it.
    form_weight, form_bias : (r, w) and (r,) arrays
        L of the variance |L φ|² of the fast uncertainty, e/Bohr³; None where it is not wanted.
    baseline_reach
        Reach of the pseudo-atoms, Bohr; 0 without them.
    splines : (S, intervals, 4) array
        Pseudo-atoms: powers of the place within each interval.
    fading_density
        The correction fades where the pseudo-atoms' density is lower, e/Bohr³; 0: nowhere.
    multipole_reaches : (m,) array
        R_n of the multipoles, Bohr; none without them.
    multipole_coefficients : (S, S, degrees, m, m or 2 m) array
        From sums over an atom's neighbours to the coefficients of its multipoles.
    multipole_usual_sum
        Sum of the neighbours at the usual density of atoms; 0 if the density does not matter.
    product_numbers : (f,) int32 array
        n of the sums that are multiplied with each other; none without products.
    product_places : (e, 3) int32 array
        Terms of the products: the places of both factors among the sums (f, harmonics), and that
        of the result among all products, (2 l + 1) numbers each. Results rise.
    product_weights : (e,) array
        What each term is multiplied by.
    product_degrees : (K,) int32 array
        Degree l of each product, rising.
    product_coefficients : (S, m, K) array
        From products to coefficients of the multipoles.
    """

    species: int
    degree: int
    reaches: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    weights: list[np.ndarray]
    biases: list[np.ndarray]
    layers_per_block: int
    target_std: float
    min_std: float
    form_weight: np.ndarray | None
    form_bias: np.ndarray | None
    baseline_reach: float
    splines: np.ndarray
    fading_density: float
    multipole_reaches: np.ndarray
    multipole_coefficients: np.ndarray
    multipole_usual_sum: float
    product_numbers: np.ndarray
    product_places: np.ndarray
    product_weights: np.ndarray
    product_degrees: np.ndarray
    product_coefficients: np.ndarray

    @classmethod
    def of(cls, model: DensityModel, fast: bool) -> "KernelArrays":
        """Take a model apart.

        Parameters
        ----------
        model
            With the smooth descriptor.
        fast
            Whether the fast uncertainty is wanted.

        Raises
        ------
        ModelError
            If the model has another descriptor, or no fast uncertainty that is wanted.
        """
        if not isinstance(model.descriptor, config.SmoothDescriptor):
            raise ModelError(
                f"kernels: found a model with the descriptor {model.descriptor}, expected the "
                "smooth one; leave the device out, and NumPy evaluates it"
            )
        reaches, scale, shift = _descriptor(model)
        weights, biases = _layers(model)
        form_weight, form_bias = _form(model) if fast else (None, None)
        pole_reaches, coefficients, usual_sum = _multipoles(model.baseline, model.species)
        return cls(
            species=len(model.species),
            degree=model.descriptor.angular,
            reaches=reaches,
            scale=scale,
            shift=shift,
            weights=weights,
            biases=biases,
            layers_per_block=model.parameters.layers_per_block,
            target_std=float(model.normalisation.target_std),
            min_std=MIN_STD,
            form_weight=form_weight,
            form_bias=form_bias,
            baseline_reach=0.0 if model.baseline is None else model.baseline.parameters.cutoff_bohr,
            splines=np.zeros((len(model.species), 0, 4), np.float32)
            if model.baseline is None
            else splines_of(model.baseline),
            fading_density=0.0 if model.baseline is None else model.fading_density,
            multipole_reaches=pole_reaches,
            multipole_coefficients=coefficients,
            multipole_usual_sum=usual_sum,
            **_products(model.baseline, model.species),
        )


def _single(array: Any) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


def _descriptor(model: DensityModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reaches, and the way from products of bare sums to normalised features."""
    descriptor = descriptors.make(model.descriptor, model.species)
    assert isinstance(descriptor, SmoothDescriptor)
    norms = descriptor.norms
    degrees = np.arange(1, descriptor.parameters.angular + 1)
    first, second = np.triu_indices(len(norms))
    products = norms[first, 1:] * norms[second, 1:] / np.sqrt(2 * degrees + 1)
    own = norms[:, 1:] ** 2 / np.sqrt(2 * degrees + 1)
    contrast = np.concatenate([norms[:, 0], own.T.ravel()])
    bare = [norms[:, 0], products.T.ravel(), np.tile(contrast, len(model.species) - 1)]
    std = model.normalisation.feature_std.astype(np.float64)
    mean = model.normalisation.feature_mean.astype(np.float64)
    scale = _single(np.concatenate(bare) / std)
    return _single(descriptor.reaches_bohr), scale, _single(-mean / std)


def _layers(model: DensityModel) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights; the target's mean and spread go into the head."""
    weights = [_single(layer.weight) for layer in model.network.layers]
    biases = [_single(layer.bias) for layer in model.network.layers]
    scale = float(model.normalisation.target_std)
    weights[-1] = weights[-1] * _single([[scale], [1.0]])
    biases[-1] = biases[-1] * _single([scale, 1.0])
    biases[-1][0] += float(model.normalisation.target_mean)
    return weights, biases


def _form(model: DensityModel) -> tuple[np.ndarray, np.ndarray]:
    """L of the fast uncertainty, for the last hidden layer and for its bias."""
    scale, factor = float(model.normalisation.target_std), model.check_last_layer().factor
    return _single(scale * factor[:, :-1]), _single(scale * factor[:, -1])


def splines_of(baseline: PseudoAtoms) -> np.ndarray:
    """Return the pseudo-atoms as powers of the place within each interval: (S, intervals, 4)."""
    powers = np.array([[1, 4, 1, 0], [-3, 0, 3, 0], [3, -6, 3, 0], [-1, 3, -3, 1]]) / 6.0
    windows = np.lib.stride_tricks.sliding_window_view(baseline.tables, 4, axis=1)
    return _single(windows @ powers.T)


def _multipoles(
    baseline: PseudoAtoms | None, species: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray, float]:
    """Reaches, and the way from bare sums at an atom to what multiplies bare functions."""
    if baseline is None or baseline.multipoles is None or baseline.parameters.multipoles is None:
        empty = np.zeros((len(species), len(species), 0, 0, 0), np.float32)
        return np.zeros(0, np.float32), empty, 0.0
    basis = MultipoleBasis(baseline.parameters.multipoles, species)
    norms = basis.sums_over_neighbours.norms.T
    inducing = np.tile(norms, basis.shape[4] // basis.shape[3])
    coefficients = _single(norms[:, :, None] * inducing[:, None, :] * baseline.multipoles)
    reaches = _single(basis.sums_over_neighbours.reaches_bohr)
    return reaches, coefficients, basis.usual_sum or 0.0


def _products(baseline: PseudoAtoms | None, species: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Terms of products of bare sums, and the way to what multiplies bare functions."""
    given = None if baseline is None else baseline.parameters.multipoles
    found = None if given is None else MultipoleBasis(given, species).products
    if baseline is None or baseline.products is None or given is None or found is None:
        return {
            "product_numbers": np.zeros(0, np.int32),
            "product_places": np.zeros((0, 3), np.int32),
            "product_weights": np.zeros(0, np.float32),
            "product_degrees": np.zeros(0, np.int32),
            "product_coefficients": np.zeros((len(species), 0, 0), np.float32),
        }
    norms = SmoothDescriptor(given, species).norms
    terms = [
        term for number, coupling in enumerate(found.couplings)
        for term in _terms(found, norms, number, coupling)
    ]  # fmt: skip
    places, weights = zip(*terms, strict=True)
    return {
        "product_numbers": np.array(found.numbers, np.int32),
        "product_places": np.array(places, np.int32),
        "product_weights": _single(weights),
        "product_degrees": found.degrees.astype(np.int32),
        "product_coefficients": _single(norms[:, found.degrees] * baseline.products),
    }


def _terms(
    products: Products, norms: np.ndarray, number: int, coupling: Coupling
) -> list[tuple[tuple[int, int, int], float]]:
    """Places and weights of the terms of one product; a factor with itself comes once."""
    degree, (n1, l1), (n2, l2) = coupling
    table = coupling_table(l1, l2, degree) * norms[n1, l1] * norms[n2, l2]
    table *= bare_scale(l1)[:, None, None] * bare_scale(l2)[:, None] / bare_scale(degree)
    if (n1, l1) == (n2, l2):
        once = 2.0 * np.tril(np.ones(table.shape[:2]), -1) + np.eye(len(table))
        table *= once[:, :, None]
    size = (products.highest + 1) ** 2
    first = products.numbers.index(n1) * size + l1 * l1
    second = products.numbers.index(n2) * size + l2 * l2
    result = int(np.sum(2 * products.degrees[:number] + 1))
    found = np.argwhere(table.transpose(2, 0, 1))
    return [
        ((first + i, second + j, result + m), float(table[i, j, m])) for m, i, j in found.tolist()
    ]


def bare_scale(degree: int) -> np.ndarray:
    """Return σ_lm, what Racah's harmonics are in units of bare ones (method.md, Eq. 6); (2 l + 1,).

    Bare ones are polynomials in z whose leading coefficient is 1, times Re or Im (x + iy)^m.
    """
    scales = []
    for m in range(degree + 1):
        scale = math.sqrt((2 if m else 1) * math.factorial(2 * m)) / (2**m * math.factorial(m))
        for ell in range(m + 1, degree + 1):
            scale *= (2 * ell - 1) / math.sqrt(ell**2 - m**2)
        scales.append(scale)
    return np.array(scales[:0:-1] + scales)
