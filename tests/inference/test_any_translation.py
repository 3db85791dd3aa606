"""Where atoms are written down does not matter: wrapped, moved by the lattice, in another order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_model import make_model, make_smooth_model, make_structure

from rhocast.grid import Mesh
from rhocast.inference import predict_on_mesh
from rhocast.structures import Structure

SHAPE = (7, 6, 9)

MODELS = {"sorted": make_model, "smooth": lambda: make_smooth_model(multipoles=True)}


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    return MODELS[request.param]()


def density(model, structure: Structure) -> np.ndarray:
    return predict_on_mesh(model, structure, Mesh(SHAPE, structure.cell)).density


whole = st.tuples(*[st.integers(-3, 3)] * 3)


@settings(max_examples=8)
@given(shifts=st.lists(whole, min_size=5, max_size=5), left_handed=st.booleans())
def test_lattice_vectors_added_to_atoms_change_nothing(model, shifts, left_handed):
    structure = make_structure()
    cell = structure.cell[[1, 0, 2]] if left_handed else structure.cell
    structure = replace(structure, cell=cell)
    expected = density(model, structure)
    moved = replace(structure, positions=structure.positions + np.array(shifts) @ cell)
    np.testing.assert_allclose(density(model, moved), expected, rtol=1e-5, atol=1e-8)
    wrapped = replace(moved, positions=moved.fractional @ cell)
    np.testing.assert_allclose(density(model, wrapped), expected, rtol=1e-5, atol=1e-8)


@settings(max_examples=8)
@given(steps=whole, order=st.permutations(range(5)))
def test_the_density_moves_with_the_atoms(model, steps, order):
    structure = make_structure()
    shift = np.array(steps) / SHAPE @ structure.cell
    moved = replace(
        structure,
        positions=(structure.positions + shift)[list(order)],
        numbers=structure.numbers[list(order)],
    )
    expected = np.roll(density(model, structure), steps, axis=(0, 1, 2))
    np.testing.assert_allclose(density(model, moved), expected, rtol=1e-4, atol=1e-7)
