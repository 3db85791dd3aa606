"""Potentials: plane waves, Madelung's constant, charges that cancel, ABINIT's own potential."""

import numpy as np
import pytest
from gaussian_atoms import CELLS, VALENCE, crystal, on_mesh

from rhocast.density import Density
from rhocast.engines import Launcher, make_engine, resolve_engine
from rhocast.engines.abinit.input import electronic_variables
from rhocast.engines.abinit.process import open_netcdf, run_abinit
from rhocast.engines.calculation import Calculation
from rhocast.errors import FileFormatError, ModelError
from rhocast.grid import Mesh
from rhocast.properties.electrostatics import (
    electrostatic_potential,
    gaussian_ion,
    hartree,
    ionic,
    pseudo_ion,
    structure_factors,
)
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

__all__ = ["crystal"]

#: Of rock salt, for the distance between neighbours.
MADELUNG = 1.7475645946


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_potential_of_a_plane_wave(cell):
    mesh = Mesh((12, 15, 16), cell)
    g = 2.0 * np.pi * np.array([2, -1, 3]) @ np.linalg.inv(cell).T
    wave = np.cos(mesh.points(np.arange(mesh.n_points)) @ g + 0.3).reshape(mesh.shape)
    expected = 4.0 * np.pi / (g @ g) * wave
    np.testing.assert_allclose(hartree(mesh, 0.5 + wave), expected, atol=1e-10)


def test_madelungs_constant_of_rock_salt():
    """Narrow Gaussian ions: what is left at a site but its own potential, q √(2/π) / w."""
    near, width = 2.5, 0.4
    sites = np.stack(np.meshgrid(*3 * [np.arange(2)], indexing="ij"), -1).reshape(-1, 3)
    numbers = np.where(sites.sum(axis=1) % 2, 17, 11)
    structure = Structure(near * sites, 2.0 * near * np.eye(3), numbers)
    ions = {"Na": gaussian_ion(1.0, width), "Cl": gaussian_ion(-1.0, width)}
    potential = ionic(structure, Mesh((48, 48, 48), structure.cell), ions)
    own = np.sqrt(2.0 / np.pi) / width
    assert potential[0, 0, 0] == pytest.approx(MADELUNG / near - own, abs=1e-6)
    assert potential[24, 0, 0] == pytest.approx(-MADELUNG / near + own, abs=1e-6)


def test_electrons_on_ions_of_their_shape_leave_nothing(crystal):
    ions = {"Al": gaussian_ion(VALENCE[13]), "Si": gaussian_ion(VALENCE[14])}
    density = Density(crystal, on_mesh(crystal, (27, 29, 31)))
    np.testing.assert_allclose(electrostatic_potential(density, ions), 0.0, atol=1e-5)
    with pytest.raises(ModelError, match="Si: no ion of it is given"):
        electrostatic_potential(density, {"Al": ions["Al"]})


def test_electrons_that_are_not_those_of_the_ions_are_refused(crystal):
    """A wrong unit, or a charge that no such ion has, gave a potential without a word."""
    ions = {"Al": gaussian_ion(VALENCE[13]), "Si": gaussian_ion(VALENCE[14])}
    density = Density(crystal, on_mesh(crystal) * ANGSTROM_PER_BOHR**3)
    with pytest.raises(FileFormatError, match=r"of the ions within 5%; .*--density-unit bohr"):
        electrostatic_potential(density, ions)
    with pytest.raises(FileFormatError, match=r"expected \d+ of the ions"):
        electrostatic_potential(
            Density(crystal, on_mesh(crystal)), ions | {"Al": gaussian_ion(5.0)}
        )


def test_atoms_and_mesh_move_together(crystal):
    shape, steps = (18, 20, 21), np.array([5, -3, 7])
    moved = Structure(
        crystal.positions + steps / shape @ crystal.cell, crystal.cell, crystal.numbers
    )
    ions = {"Al": gaussian_ion(VALENCE[13], 0.8), "Si": gaussian_ion(VALENCE[14], 1.2)}
    first, second = (
        electrostatic_potential(Density(one, on_mesh(one, shape)), ions) for one in (crystal, moved)
    )
    np.testing.assert_allclose(np.roll(first, steps, (0, 1, 2)), second, atol=1e-6)


def test_structure_factors_of_gaussians(crystal):
    density = Density(crystal, on_mesh(crystal, (25, 26, 27)))
    indices, found = structure_factors(density, 2.0)
    g = 2.0 * np.pi * indices @ np.linalg.inv(crystal.cell).T
    assert (np.diff(np.linalg.norm(g, axis=1)) > -1e-12).all()
    charges = np.array([VALENCE[number] for number in crystal.numbers])
    expected = np.exp(-0.5 * np.sum(g**2, axis=1)) * (
        np.exp(1j * g @ crystal.positions.T) @ charges
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)
    both = {tuple(h) for h in indices.tolist()} & {tuple(-h) for h in indices}
    assert both == {(0, 0, 0)}


@pytest.mark.abinit
def test_abinits_own_potential(silicon, settings, pseudopotentials, tmp_path):
    """Hartree and local pseudopotential, up to the longest wave that ABINIT has of them."""
    dft = settings(kpoint_spacing_per_bohr=1.0, abinit={"prtvclmb": 1, "prtvha": 1})
    calculation = Calculation.plan(silicon, dft, {"Si": pseudopotentials["Si"]})
    engine = make_engine(resolve_engine("abinit"))
    variables = electronic_variables(calculation, 1) | {"prtden": 1}
    run_abinit(engine.record.executable, calculation, variables, Launcher(), tmp_path)
    fields = {}
    for name, file in (("density", "runo_DEN.nc"), ("vhartree_vloc", "runo_VCLMB.nc")):
        with open_netcdf(tmp_path / file) as stored:
            fields[name] = np.array(stored[name][0, ..., 0]).transpose(2, 1, 0)
    found = electrostatic_potential(
        Density(silicon, fields["density"]), {"Si": pseudo_ion(pseudopotentials["Si"])}
    )
    longest = 2.0 * np.sqrt(2.0 * dft.cutoff_ha)
    waves, expected = structure_factors(Density(silicon, fields["vhartree_vloc"]), longest)
    same, ours = structure_factors(Density(silicon, found), longest)
    np.testing.assert_array_equal(waves, same)
    assert len(waves) > 500
    np.testing.assert_allclose(ours[1:], expected[1:], atol=1e-4 * np.abs(expected[1:]).max())
