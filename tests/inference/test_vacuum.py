"""Surfaces and molecules: no density far from the atoms, a large uncertainty, cheap blocks."""

import kernel_models
import numpy as np
import pytest
from small_model import DESCRIPTOR, make_model

from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, predict_on_mesh
from rhocast.inference.vacuum import TAPER_FROM, weight
from rhocast.model import BoundModel
from rhocast.structures import Structure

RANGE = DESCRIPTOR.cutoff_bohr

MESH = (24, 24, 140)


@pytest.fixture
def slab():
    """Four atoms in a plane, 70 Bohr from the next."""
    cell = np.diag([8.0, 8.0, 70.0])
    positions = np.array([[0, 0, 35], [4, 4, 35.5], [4, 0, 34], [0, 4, 36]], dtype=float)
    return Structure(positions, cell, np.array([13, 14, 13, 14]))


@pytest.fixture
def field(slab):
    return predict_on_mesh(
        make_model(),
        slab,
        Mesh(MESH, slab.cell),
        PredictionOptions(uncertainty="sampled", samples=3),
    )


def test_density_goes_to_zero_and_uncertainty_stays(field, slab):
    height = np.abs(np.arange(MESH[2]) * 0.5 - 35.0)
    far = height > RANGE + 1.0
    assert (field.density[:, :, far] == 0.0).all()
    left_out = field.epistemic_std[:, :, far]
    assert (left_out == left_out.flat[0]).all()
    assert left_out.flat[0] > 0.01  # what the untrained network would have said: some 0.03
    assert np.isfinite(field.std).all()


def test_a_correction_that_fades_leaves_no_density_and_a_constant_deviation(slab):
    model = kernel_models.make_model()
    slab = Structure(slab.positions, slab.cell, np.array([32, 14, 32, 14]))
    field = predict_on_mesh(
        model, slab, Mesh(MESH, slab.cell), PredictionOptions(uncertainty="fast")
    )
    height = np.abs(np.arange(MESH[2]) * 0.5 - 35.0)
    far = height > model.cutoff_bohr + 1.5
    assert (field.density[:, :, far] == 0.0).all()
    np.testing.assert_allclose(field.std[:, :, far], 0.3 * kernel_models.FADING, rtol=1e-6)
    edge = (height > 6.0) & ~far  # between slab and empty space, nothing jumps
    assert np.abs(np.diff(field.std[4, 6, edge & (np.arange(MESH[2]) > 70)])).max() < 0.01


def test_nothing_changes_near_the_atoms(field, slab):
    height = np.abs(np.arange(MESH[2]) * 0.5 - 35.0)
    near = np.flatnonzero(height < 2.5)
    points = Mesh(MESH, slab.cell).offsets((slice(4, 5), slice(6, 7), slice(near[0], near[-1] + 1)))
    expected = make_model().bind(slab)(points).mean
    np.testing.assert_allclose(field.density[4, 6, near], expected, rtol=0, atol=1e-7)


def test_the_weight_falls_smoothly_from_one_to_zero():
    distances = np.linspace(0.0, 2.0 * RANGE, 400)
    weights = weight(distances, RANGE)
    assert (weights[distances < TAPER_FROM * RANGE] == 1.0).all()
    assert (weights[distances > RANGE] == 0.0).all()
    assert (np.diff(weights) <= 0.0).all()
    assert np.abs(np.diff(weights, 2)).max() < 5e-3


def test_a_slab_costs_what_its_atoms_cost(slab, monkeypatch):
    evaluate, points = BoundModel.__call__, []

    def counted(self, where, draws=(), fast=False):
        points.append(len(where))
        return evaluate(self, where, draws, fast)

    monkeypatch.setattr(BoundModel, "__call__", counted)
    predict_on_mesh(make_model(), slab, Mesh(MESH, slab.cell))
    assert sum(points) < 0.5 * np.prod(MESH)
