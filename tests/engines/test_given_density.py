from dataclasses import replace

import numpy as np
import pytest

from rhocast.density import Density, Snapshot, read_density, write_snapshot
from rhocast.engines.calculation import Calculation
from rhocast.engines.given_density import fitted
from rhocast.engines.sparc.input import hand_over
from rhocast.errors import EngineError, FileFormatError, StructureError


@pytest.fixture
def calculation(silicon, settings, pseudopotentials):
    return Calculation.plan(silicon, settings(), pseudopotentials)


def waves(shape):
    """Return a density of two waves that a mesh of 7 points resolves, of 8 electrons on mean 8."""
    x, y, z = (np.arange(n) / n for n in shape)
    first = np.cos(2.0 * np.pi * x)[:, None, None] * np.sin(6.0 * np.pi * y)[:, None]
    return 1.0 + 0.3 * first + 0.2 * np.cos(4.0 * np.pi * z)


def test_density_of_another_mesh_is_resampled_and_scaled(calculation):
    mesh = calculation.mesh
    expected = waves(mesh.shape) * 8.0 / calculation.structure.volume
    given = waves((9, 11, 8)) * 7.8 / calculation.structure.volume
    found = fitted(given, mesh.shape, calculation)
    np.testing.assert_allclose(found, expected, atol=1e-14)
    assert np.isclose(mesh.integral(found), 8.0, rtol=1e-12)


@pytest.mark.parametrize("electrons", [7.0, 9.0, -8.0])
def test_density_of_other_pseudopotentials_is_refused(calculation, electrons):
    given = np.full((4, 4, 4), electrons / calculation.structure.volume)
    with pytest.raises(EngineError, match=rf"holds {electrons}.* electrons, expected 8"):
        fitted(given, calculation.mesh.shape, calculation)


def test_density_of_other_atoms_is_refused(silicon):
    given = Density(silicon, np.ones((4, 4, 4)), source="si.h5")
    periodic = replace(silicon, positions=silicon.positions + silicon.cell[1])
    given.check_atoms(periodic)
    moved = replace(silicon, positions=silicon.positions + np.array([[0.0], [0.1]]))
    given.check_cell(moved)
    with pytest.raises(StructureError, match=r"^si\.h5: a density of other atoms"):
        given.check_atoms(moved)
    strained = replace(silicon, cell=1.01 * silicon.cell)
    with pytest.raises(StructureError, match=r"^si\.h5: a density of the cell"):
        given.check_cell(strained)


def test_snapshot_and_cube_give_the_same_density(silicon, calculation, tmp_path):
    density = waves(calculation.mesh.shape) * 8.0 / silicon.volume
    snapshot = Snapshot(
        silicon, density.astype("f4"), np.zeros((2, 3)), -8.0, 8.0, 300.0, "1 1 1 shift 0 0 0"
    )
    write_snapshot(tmp_path / "si.h5", snapshot)
    hand_over(density, calculation, tmp_path)
    for name in ("si.h5", "start.cube"):
        given = read_density(tmp_path / name)
        given.check_atoms(silicon)
        np.testing.assert_allclose(given.density, density, rtol=1e-6)
        assert given.origin.startswith(f"{name} sha256:")


def test_cube_for_sparc_holds_the_lattice_to_its_tolerance(calculation, tmp_path):
    """SPARC wants the steps times the points within 1e-4 Bohr of the lattice."""
    hand_over(waves((8, 8, 8)) * 8.0 / calculation.structure.volume, calculation, tmp_path)
    rows = [row.split() for row in (tmp_path / "start.cube").read_text().splitlines()[3:6]]
    steps = np.array([row[1:] for row in rows], dtype=float)
    counts = np.array([int(row[0]) for row in rows])
    assert tuple(counts) == calculation.mesh.shape
    np.testing.assert_allclose(counts[:, None] * steps, calculation.mesh.cell, atol=1e-9)


def test_incomplete_density_is_refused(silicon, tmp_path):
    density = np.full((4, 4, 4), np.nan, dtype="f4")
    snapshot = Snapshot(silicon, density, np.zeros((2, 3)), -8.0, 8.0, 300.0, "", "rejected", "x")
    write_snapshot(tmp_path / "nan.h5", snapshot)
    with pytest.raises(FileFormatError, match="NaN or infinity"):
        read_density(tmp_path / "nan.h5")
