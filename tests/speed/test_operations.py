"""Useful operations, counted by hand for small models."""

from dataclasses import replace

import numpy as np
import pytest

from rhocast import config
from rhocast.descriptors import MultipoleBasis, SmoothDescriptor
from rhocast.speed.operations import Operations
from rhocast.speed.subject import random_model


@pytest.fixture(scope="module")
def model():
    return random_model()


#: Atoms per Bohr³.
DENSITY = 4000 / 60.0**3


def pairs_within(reaches):
    """Count atoms within each reach of a point, on average over random points and atoms."""
    rng = np.random.default_rng(0)
    atoms = 60.0 * rng.random((4000, 3))
    points = 20.0 + 20.0 * rng.random((300, 3))
    squares = ((points[:, None] - atoms) ** 2).sum(axis=-1)
    return [(squares < reach**2).sum(axis=1).mean() for reach in reaches]


def test_network_counts_the_weights_that_are_used(model):
    features, width = model.n_features, 128
    hidden = 2 * (features * width + 2 * width * width)
    assert Operations.of(model, 0.009).network == hidden + 2 * width
    assert Operations.of(model, 0.009).rounded == hidden - 2 * features * width
    assert Operations.of(model, 0.009, isa="amx_bf16").rounded == hidden
    triangle = (width + 1) * (width + 2) // 2
    with_spread = Operations.of(model, 0.009, fast=True).network
    assert with_spread == hidden + 2 * 2 * width + 2 * (triangle + width + 1)


def test_sums_count_the_atoms_that_each_radial_function_reaches(model):
    pairs = pairs_within(SmoothDescriptor(model.descriptor, ("Al",)).reaches_bohr)
    # l ≤ 4: 9 turns, 25 harmonics of which 16 are products with a polynomial other than 1.
    each = 5 + 8 + 2 * 16 + 9
    once = 8 + 4 * (3 + 2 + 1) + 6 * 3
    counted = Operations.of(model, DENSITY)
    assert counted.sums == pytest.approx(each * sum(pairs) + once * pairs[-1], rel=0.05)
    assert counted.descriptor == counted.sums + counted.invariants + counted.baseline


def test_multipoles_count_the_atoms_that_each_radial_function_reaches(model):
    assert Operations.of(model, DENSITY).multipoles == 0.0
    functions = config.Multipoles(
        cutoff_bohr=10.0, radial_functions=3, shortest_bohr=5.0, angular=3
    )
    basis = MultipoleBasis(functions, ("Al",))
    parameters = model.baseline.parameters.model_copy(update={"multipoles": functions})
    atoms = replace(model.baseline, parameters=parameters, multipoles=np.zeros(basis.shape))
    counted = Operations.of(replace(model, baseline=atoms), DENSITY)
    pairs = pairs_within(basis.sums_over_neighbours.reaches_bohr)
    # l ≤ 3: 20 terms z^k (x² + y²)^j (x + iy)^m, four of them the first of a power of z; four
    # points share them.
    each = 2 * (20 - 4) / 4 + 2 * 3 + 5 + 2
    once = (5 + 6 * 2) / 4 + 3
    assert counted.multipoles == pytest.approx(each * sum(pairs) + once * pairs[-1], rel=0.05)
    parts = counted.sums + counted.invariants + counted.baseline + counted.multipoles
    assert counted.descriptor == parts
