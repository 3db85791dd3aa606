"""Hirshfeld charges: sums, symmetry, and the definition itself, one atom after the other."""

import logging

import numpy as np
import pytest
from small_model import make_smooth_model, make_structure

from rhocast.density import Density, open_density, write_density
from rhocast.descriptors import PseudoAtoms
from rhocast.errors import ModelError
from rhocast.evaluation import compiled as kernels
from rhocast.grid import Mesh
from rhocast.inference import Predictor
from rhocast.properties import divide_among_atoms, hirshfeld_charges
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


def test_error_bars_are_as_defined(structure, pseudo_atoms):
    parts = free_densities(structure, pseudo_atoms)
    random = np.random.default_rng(3).random((2, *SHAPE))
    rho = parts.sum(axis=0)
    density = Density(structure, rho, epistemic_std=0.1 * random[0], aleatoric_std=random[1])
    shares = parts / rho
    expected = (shares * density.std).sum(axis=(1, 2, 3)) * density.mesh.voxel_volume
    found = divide_among_atoms(density, pseudo_atoms, VALENCE)
    np.testing.assert_allclose(found.std, expected, rtol=1e-3)
    assert found.std.sum() == pytest.approx(density.mesh.integral(density.std), rel=1e-6)
    bare = divide_among_atoms(Density(structure, rho), pseudo_atoms, VALENCE)
    assert bare.std is None
    np.testing.assert_allclose(found.charges, bare.charges, atol=2e-6)


def test_error_bars_bound_charges_and_tell_misplaced_electrons(structure, pseudo_atoms):
    """However errors are correlated: normal ones, the same everywhere or different everywhere."""
    shares = (parts := free_densities(structure, pseudo_atoms)) / parts.sum(axis=0)
    std = 0.01 * parts.sum(axis=0)
    density = Density(structure, parts.sum(axis=0), epistemic_std=std, aleatoric_std=0.0 * std)
    bars = divide_among_atoms(density, pseudo_atoms, VALENCE).std
    draws = np.random.default_rng(4)
    for shape in ((1, 1, 1), SHAPE):
        errors = [std * draws.standard_normal(shape) for _ in range(400)]
        voxel = density.mesh.voxel_volume
        charges = np.array([np.einsum("aijk,ijk->a", shares, e) for e in errors]) * voxel
        misplaced = np.array([np.einsum("aijk,ijk->a", shares, abs(e)) for e in errors]) * voxel
        assert (charges.std(axis=0) < 1.1 * bars).all()
        np.testing.assert_allclose(misplaced.mean(axis=0), np.sqrt(2 / np.pi) * bars, rtol=0.1)


def test_the_sum_is_the_charge_of_the_cell(structure, pseudo_atoms):
    density = Density(structure, 0.03 + 0.01 * np.random.default_rng(1).random(SHAPE))
    found = hirshfeld_charges(density, pseudo_atoms, VALENCE)
    neutral = structure.count_electrons(VALENCE)
    assert found.sum() == pytest.approx(neutral - density.electron_count, abs=1e-5)


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


def test_without_the_kernels_charges_are_the_same(structure, pseudo_atoms, monkeypatch):
    random = np.random.default_rng(5).random((3, *SHAPE)).astype(np.float32)
    density = Density(structure, random[0], epistemic_std=random[1], aleatoric_std=random[2])
    expected = divide_among_atoms(density, pseudo_atoms, VALENCE)
    monkeypatch.setenv(kernels.VARIABLE, "none")
    found = divide_among_atoms(density, pseudo_atoms, VALENCE)
    np.testing.assert_allclose(found.charges, expected.charges, rtol=1e-4)
    np.testing.assert_allclose(found.std, expected.std, rtol=1e-4)


def test_electrons_of_no_atom_are_told(pseudo_atoms, caplog):
    lonely = Structure(np.zeros((1, 3)), 30.0 * np.eye(3), np.array([13]))
    with caplog.at_level(logging.WARNING):
        hirshfeld_charges(Density(lonely, np.full((12, 12, 12), 1e-3)), pseudo_atoms, VALENCE)
    assert "belong to no atom" in caplog.text


def test_a_foreign_element_is_refused(structure, pseudo_atoms):
    other = Structure(structure.positions, structure.cell, np.full(len(structure), 6))
    with pytest.raises(ModelError, match="C: unknown to the model"):
        hirshfeld_charges(Density(other, np.ones(SHAPE)), pseudo_atoms, VALENCE)
