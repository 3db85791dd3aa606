"""Profiles: means over planes and periods, the vacuum of slabs whose dipole is known."""

import numpy as np
import pytest
from gaussian_atoms import crystal, on_mesh

from rhocast.density import Density
from rhocast.properties.electrostatics import electrostatic_potential, gaussian_ion
from rhocast.properties.profiles import Profile, height, write_profile
from rhocast.structures import Structure

__all__ = ["crystal"]

CELL = np.array([[7.0, 0.0, 0.0], [1.5, 8.0, 0.0], [0.5, -0.7, 30.0]])


def slab(displaced_bohr: float, cell=CELL, at=0.4) -> Profile:
    """Two ions, and their electrons moved up by a length."""
    mesh = (14, 16, 60)
    places = np.array([[0.1, 0.2, at], [0.6, 0.7, at + 0.05]]) @ cell
    ions = Structure(places, cell, [13, 13])
    electrons = Structure(places + np.array([0.0, 0.0, displaced_bohr]), cell, [13, 13])
    density = Density(ions, on_mesh(electrons, mesh))
    potential = electrostatic_potential(density, {"Al": gaussian_ion(3.0)})
    return Profile.of(density, potential, 2)


@pytest.mark.parametrize("displaced_bohr", [0.3, -0.3])
def test_the_step_across_a_slab_is_that_of_its_dipole(displaced_bohr):
    """4π times the dipole per area: six electrons, higher than their ions."""
    area = np.linalg.norm(np.cross(*CELL[:2]))
    expected = 4.0 * np.pi * 6.0 * displaced_bohr / area
    profile = slab(displaced_bohr)
    assert profile.vacuum.step_ha == pytest.approx(expected, rel=1e-3)
    below, above = profile.vacuum.levels_ha
    assert above - below == pytest.approx(expected, rel=1e-3)


def test_where_the_slab_lies_does_not_matter():
    """Nor does a vacuum that reaches over the end of the cell."""
    levels = [slab(0.2, at=at).vacuum.levels_ha for at in (0.1, 0.4, 0.9)]
    np.testing.assert_allclose(levels, np.broadcast_to(levels[0], (3, 2)), atol=2e-4)
    assert slab(0.0).vacuum.step_ha == pytest.approx(0.0, abs=1e-5)


def test_more_vacuum_leaves_the_step():
    long = CELL.copy()
    long[2, 2] = 45.0
    first, second = slab(0.3).vacuum, slab(0.3, long).vacuum
    assert second.step_ha == pytest.approx(first.step_ha, rel=1e-3)


def test_a_crystal_has_no_vacuum(crystal):
    values = on_mesh(crystal)
    assert Profile.of(Density(crystal, values), values, 1).vacuum is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_are_those_of_the_mesh(crystal, axis):
    values = on_mesh(crystal)
    profile = Profile.of(Density(crystal, values), 2.0 * values, axis)
    expected = [values.take(i, axis).mean() for i in range(values.shape[axis])]
    np.testing.assert_allclose(profile.density, expected, rtol=1e-12)
    np.testing.assert_allclose(profile.potential, 2.0 * profile.density, rtol=1e-12)
    volume = abs(np.linalg.det(crystal.cell))
    across = np.delete(crystal.cell, axis, axis=0)
    area = np.linalg.norm(np.cross(*across))
    assert height(Density(crystal, values).mesh, axis) == pytest.approx(volume / area)


def test_running_means_over_a_period_leave_what_is_slower():
    heights = np.arange(120) * 24.0 / 120
    layers, slow = np.cos(2.0 * np.pi * heights / 4.0), np.cos(2.0 * np.pi * heights / 24.0)
    found = Profile(24.0, 1.0 + layers, slow + layers).macroscopic(4.0)
    np.testing.assert_allclose(found.density, 1.0, atol=1e-12)
    np.testing.assert_allclose(found.potential, np.sinc(4.0 / 24.0) * slow, atol=1e-12)
    twice = Profile(24.0, 1.0 + layers, slow).macroscopic(4.0, 6.0)
    np.testing.assert_allclose(twice.potential, np.sinc(1 / 6) * np.sinc(1 / 4) * slow, atol=1e-12)


def test_the_table_holds_what_was_averaged(tmp_path):
    profile = slab(0.3)
    write_profile(tmp_path / "profile.tsv", profile, profile.macroscopic(3.0))
    found = np.loadtxt(tmp_path / "profile.tsv", skiprows=1)
    assert found.shape == (60, 5)
    np.testing.assert_allclose(found[:, 0], profile.heights_bohr, rtol=1e-8)
    np.testing.assert_allclose(found[:, 2], profile.potential, rtol=1e-8)
