"""Useful operations: what the mathematics of a prediction needs at each mesh point.

A multiply-add counts as two. Neither exponentials and activations count, nor padding, nor atoms
that only other points of a block need. What pseudo-atoms and multipoles take of x and y alone
counts once for a column of points.
"""

import math
from dataclasses import dataclass

import numpy as np

from rhocast import config, descriptors
from rhocast.descriptors import PseudoAtoms
from rhocast.descriptors.smooth import SmoothDescriptor
from rhocast.model import DensityModel

#: 1 − r²/R² and its eighth power.
_FLOP_PER_RADIAL = 5.0

#: Points above each other that share what depends on x and y alone.
_COLUMN = 4

#: Square distance in the plane 5, with height 3, cubic polynomial 6, addition 1.
_FLOP_PER_PSEUDO_ATOM = 5.0 / _COLUMN + 3.0 + 6.0 + 1.0

#: Of a distance and of a cosine in the paper's descriptor: vectors, their scalar products.
_FLOP_PER_DISTANCE, _FLOP_PER_COSINE = 8.0, 6.0


@dataclass(frozen=True)
class Operations:
    """FLOP for each point.

    Attributes
    ----------
    sums
        Over the atoms, in the descriptor: distances, harmonics, radial functions.
    invariants
        Made of these sums, and normalised.
    baseline
        Superposition of spherical pseudo-atoms.
    multipoles
        Of the pseudo-atoms; what the atoms make of their neighbours is left out, it is nothing to a
        point.
    network
        With the posterior of its last layer, where that is asked for.
    unrounded
        The part of it that is not multiplied in bfloat16 even where the processor can: first layer
        and head; the head alone where the first layer is split into halves of bfloat16 (AMX), whose
        three products count as the one that they stand for.
    """

    sums: float
    invariants: float
    baseline: float
    multipoles: float
    network: float
    unrounded: float

    @property
    def descriptor(self) -> float:
        """All that precedes the network or is added to it."""
        return self.sums + self.invariants + self.baseline + self.multipoles

    @property
    def rounded(self) -> float:
        """What is multiplied in bfloat16 where the processor can."""
        return self.network - self.unrounded

    def seconds(self, fp32: float, bf16: float | None) -> float:
        """Return the time that a core of these peaks (GFLOP/s) would need for a point, seconds."""
        full = self.descriptor + self.unrounded
        return 1e-9 * (full / fp32 + self.rounded / (bf16 or fp32))

    @classmethod
    def of(
        cls,
        model: DensityModel,
        atoms_per_bohr3: float,
        fast: bool = False,
        isa: str | None = None,
    ) -> "Operations":
        """Count the operations of a model at a point with so many atoms around it.

        Parameters
        ----------
        model
            The model.
        atoms_per_bohr3
            Number density of the atoms, 1/Bohr³.
        fast
            With both standard deviations of the fast uncertainty.
        isa
            The instruction set, one of `rhocast.evaluation.compiled.isas`; None is any but
            ``amx_bf16``.
        """
        sums, invariants = _descriptor(model, atoms_per_bohr3)
        baseline = multipoles = 0.0
        if model.baseline is not None:
            within = atoms_per_bohr3 * _sphere(model.baseline.parameters.cutoff_bohr)
            baseline = _FLOP_PER_PSEUDO_ATOM * float(within)
            multipoles = _multipoles(model.baseline, atoms_per_bohr3)
        first, *_, head = [layer.weight for layer in model.network.layers]
        unrounded = 2.0 * (head.size if fast else head.shape[1])
        if isa != "amx_bf16":
            unrounded += 2.0 * first.size
        return cls(sums, invariants, baseline, multipoles, _network(model, fast), unrounded)


def _descriptor(model: DensityModel, atoms_per_bohr3: float) -> tuple[float, float]:
    parameters = model.descriptor
    if isinstance(parameters, config.SortedDescriptor):
        distances = len(model.species) * parameters.distances
        cosines = len(model.species) * parameters.angle_atoms * parameters.angle_neighbours
        counted = _FLOP_PER_DISTANCE * distances + _FLOP_PER_COSINE * cosines
        return counted, 2.0 * model.n_features
    made = descriptors.make(parameters, model.species)
    assert isinstance(made, SmoothDescriptor)
    within = atoms_per_bohr3 * np.asarray(_sphere(made.reaches_bohr))
    degree, n = parameters.angular, parameters.radial_functions
    harmonics = (degree + 1) ** 2
    once = _harmonics(degree)
    # Every atom that a radial function reaches: its value, times each (x + iy)^m, times each p_lm
    # but p_mm = 1, added up.
    turns = 2 * degree + 1
    each = _FLOP_PER_RADIAL + (turns - 1) + 2.0 * (harmonics - turns) + turns
    sums = once * float(within[-1]) + each * float(np.sum(within))
    products = n * (n + 1) // 2 * (harmonics - 1) + (len(model.species) - 1) * n * harmonics
    return sums, 2.0 * (products + made.n_features)


def _multipoles(baseline: PseudoAtoms, atoms_per_bohr3: float) -> float:
    parameters = baseline.parameters.multipoles
    if parameters is None:
        return 0.0
    made = SmoothDescriptor(parameters, baseline.species)
    within = atoms_per_bohr3 * np.asarray(_sphere(made.reaches_bohr))
    degree = parameters.angular
    # Of an atom in a column: x² + y² and (x + iy)^m. For each radial function that reaches it, the
    # harmonics make a polynomial in z, from a factor for each z^k (x² + y²)^j (x + iy)^m of degree
    # l_max at most.
    terms = math.comb(degree + 3, 3)
    once = (5.0 + 6.0 * max(0, degree - 1)) / _COLUMN + 3.0
    each = 2.0 * (terms - degree - 1) / _COLUMN + 2.0 * degree + _FLOP_PER_RADIAL + 2.0
    return once * float(within[-1]) + each * float(np.sum(within))


def _harmonics(degree: int) -> float:
    """Distance of an atom, p_lm(z, r²) from p_l-1,m and p_l-2,m, (x + iy)^m."""
    return _FLOP_PER_DISTANCE + 4.0 * degree * (degree - 1) / 2 + 6.0 * max(0, degree - 1)


def _network(model: DensityModel, fast: bool) -> float:
    *hidden, head = [layer.weight for layer in model.network.layers]
    weights = sum(layer.size for layer in hidden)
    weights += head.size if fast else head.shape[1]
    if fast:  # |L φ|², L being triangular
        factor = model.check_last_layer().factor
        weights += int(np.count_nonzero(factor)) + len(factor)
    return 2.0 * weights


def _sphere(radius: np.ndarray | float) -> np.ndarray | float:
    return 4.0 / 3.0 * np.pi * radius**3
