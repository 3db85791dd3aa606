"""Hirshfeld charges: sums, symmetry, and the definition itself, one atom after the other."""

import logging

import numpy as np
import pytest
from small_model import make_smooth_model, make_structure

from rhocast.density import Density, open_density, write_density
from rhocast.descriptors import PseudoAtoms
from rhocast.errors import ModelError
from rhocast.grid import Mesh
from rhocast.inference import Predictor
from rhocast.properties import hirshfeld_charges
from rhocast.structures import Structure

VALENCE = {"Al": 3.0, "Si": 4.0}
SHAPE = (40, 21, 22)


@pytest.fixture(scope="module")
def pseudo_atoms() -> PseudoAtoms:
    return make_smooth_model().baseline


@pytest.fixture(scope="module")
def structure() -> Structure:
    return make_structure()


def free_densities(structure, pseudo_atoms):
    """ρ_a on the mesh, atom by atom, by another way: the baseline of a cell with one atom."""
    points = Mesh(SHAPE, structure.cell).points(np.arange(np.prod(SHAPE)))
    parts = []
    for position, number in zip(structure.positions, structure.numbers, strict=True):
        alone = Structure(position[None], structure.cell, np.array([number]))
        parts.append(pseudo_atoms.bind(alone)(points).reshape(SHAPE))
    return np.array(parts)


def test_charges_are_as_defined(structure, pseudo_atoms):
    parts = free_densities(structure, pseudo_atoms)
    rho = np.random.default_rng(0).random(SHAPE) * parts.sum(axis=0)
    density = Density(structure, rho)
    shares = parts / parts.sum(axis=0)
    expected = [3.0 if n == 13 else 4.0 for n in structure.numbers]
    expected -= (shares * rho).sum(axis=(1, 2, 3)) * density.mesh.voxel_volume
    found = hirshfeld_charges(density, pseudo_atoms, VALENCE)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_the_sum_is_the_charge_of_the_cell(structure, pseudo_atoms):
    density = Density(structure, 0.03 + 0.01 * np.random.default_rng(1).random(SHAPE))
    found = hirshfeld_charges(density, pseudo_atoms, VALENCE)
    neutral = structure.count_electrons(VALENCE)
    assert found.sum() == pytest.approx(neutral - density.electron_count, abs=1e-9)


def test_atoms_that_symmetry_makes_alike_are_neutral():
    cell = 7.65 * np.eye(3)
    places = 0.5 * np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]) @ cell
    field = Predictor.load("al").predict(Structure(places, cell, np.full(4, 13)))
    model = Predictor.load("al").model
    found = hirshfeld_charges(field, model.baseline, model.metadata["valence"])
    np.testing.assert_allclose(found, 0.0, atol=1e-5)


def test_a_file_gives_the_same(structure, pseudo_atoms, tmp_path):
    density = Density(structure, np.random.default_rng(2).random(SHAPE).astype(np.float32))
    write_density(tmp_path / "field.h5", density)
    with open_density(tmp_path / "field.h5") as stored:
        found = hirshfeld_charges(stored, pseudo_atoms, VALENCE)
    expected = hirshfeld_charges(density, pseudo_atoms, VALENCE)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_electrons_of_no_atom_are_told(pseudo_atoms, caplog):
    lonely = Structure(np.zeros((1, 3)), 30.0 * np.eye(3), np.array([13]))
    with caplog.at_level(logging.WARNING):
        hirshfeld_charges(Density(lonely, np.full((12, 12, 12), 1e-3)), pseudo_atoms, VALENCE)
    assert "belong to no atom" in caplog.text


def test_a_foreign_element_is_refused(structure, pseudo_atoms):
    other = Structure(structure.positions, structure.cell, np.full(len(structure), 6))
    with pytest.raises(ModelError, match="C: the model has no pseudo-atom"):
        hirshfeld_charges(Density(other, np.ones(SHAPE)), pseudo_atoms, VALENCE)
