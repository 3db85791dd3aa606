"""How far two densities are apart, on one mesh and on two."""

import gzip
from dataclasses import replace

import numpy as np
import pytest
from gaussian_atoms import crystal, on_mesh

from rhocast.analysis.plane import panels_of
from rhocast.density import Density, read_density, write_density
from rhocast.density.convert import convert
from rhocast.density.difference import difference, subtracted
from rhocast.density.difference import on_mesh as resampled_to
from rhocast.density.electrons import explain_electrons
from rhocast.density.fourier import resample
from rhocast.density.quantity import MINUS, record_in
from rhocast.errors import FileFormatError, StructureError

__all__ = ["crystal"]


def test_figures_are_those_of_their_definitions(crystal):
    rng = np.random.default_rng(0)
    values = rng.random((40, 5, 6))  # more than one part of layers
    other = values + rng.normal(0.0, 0.1, values.shape)
    a, b = Density(crystal, values), Density(crystal, other)
    found = difference(a, b)
    assert found.nmae == pytest.approx(np.abs(other - values).sum() / values.sum())
    assert found.rmse == pytest.approx(np.sqrt(np.mean((other - values) ** 2)))
    assert found.max_difference == np.abs(other - values).max()
    assert found.electrons_a == a.electron_count
    assert found.electrons_b == b.electron_count


def test_the_same_density_on_two_meshes_is_the_same(crystal):
    coarse, fine = (Density(crystal, on_mesh(crystal, s)) for s in [(24, 25, 26), (27, 24, 30)])
    found = difference(coarse, fine)
    assert found.mesh == (27, 25, 30)
    assert found.nmae < 1e-6


def test_a_resampled_density_has_no_negative_values_and_its_electrons(crystal):
    """Waves through an edge overshoot; a difference keeps that."""
    values = np.full((12, 12, 12), 1e-6)
    values[4:9, 4:9, 4:9] = 0.05
    fine = resampled_to(Density(crystal, values), (20, 20, 20))
    assert resample(values, (20, 20, 20)).min() < -1e-3
    assert fine.density.min() == 0.0
    assert fine.electron_count == pytest.approx(values.mean() * crystal.volume, rel=1e-12)
    signed = resampled_to(Density(crystal, values, record={MINUS: "b.h5"}), (20, 20, 20))
    assert signed.density.min() < -1e-3
    assert signed.record == {MINUS: "b.h5"}


@pytest.mark.parametrize("name", ["d.h5", "d.cube", "d.xsf", "d.vasp", "d.npz", "d.cube.gz"])
def test_a_difference_says_so_in_every_format_that_is_read(crystal, tmp_path, name):
    strange = 'of \\ "two" é, minus 1.h5'
    density = Density(crystal, on_mesh(crystal))
    told = subtracted(density, Density(crystal, 0.9 * on_mesh(crystal), source=f"runs/{strange}"))
    assert told.record == {MINUS: strange}
    plain = tmp_path / name.removesuffix(".gz")
    write_density(plain, told)
    if name.endswith(".gz"):
        (tmp_path / name).write_bytes(gzip.compress(plain.read_bytes()))
    again = read_density(tmp_path / name)
    assert again.record[MINUS] == strange
    np.testing.assert_allclose(again.density, told.density, atol=1e-6)
    assert panels_of(again)[0][1] == "density difference"
    assert not again.notes
    with pytest.raises(FileFormatError, match=r"d\..*: is a difference of densities \(minus of "):
        difference(again, density)
    assert explain_electrons(again, 8.0) == "it is a difference of densities"
    write_density(plain, density)
    assert MINUS not in read_density(plain).record


def test_the_page_and_another_file_keep_what_a_cube_holds(crystal, tmp_path):
    density = Density(crystal, on_mesh(crystal))
    write_density(tmp_path / "d.cube", subtracted(density, replace(density, source="a.h5")))
    convert(tmp_path / "d.cube", tmp_path / "fine.xsf", mesh_spacing_bohr=0.6)
    convert(tmp_path / "fine.xsf", tmp_path / "d.vts")
    assert read_density(tmp_path / "fine.xsf").record[MINUS] == "a.h5"
    head = (tmp_path / "d.vts").read_bytes()[:3000]
    assert b'Scalars="difference"' in head
    assert b'Name="density"' not in head


@pytest.mark.parametrize(
    "title", ['difference of densities, minus "', 'minus "a"', 'x, minus "\\q"']
)
def test_other_titles_say_nothing(title):
    assert record_in(title) == {}


def test_other_cells_and_empty_densities_are_refused(crystal):
    density = Density(crystal, np.ones((3, 3, 3)), source="a.h5")
    other = Density(replace(crystal, cell=1.1 * crystal.cell), np.ones((3, 3, 3)), source="b.h5")
    with pytest.raises(StructureError, match=r"b\.h5: a density of the cell"):
        difference(density, other)
    with pytest.raises(FileFormatError, match=r"a\.h5: holds no electrons"):
        difference(replace(density, density=np.zeros((3, 3, 3))), density)
    signed = np.ones((3, 3, 4))
    signed[..., :2] = -0.99  # whatever the sign of the few electrons that are left
    with pytest.raises(FileFormatError, match=r"a\.h5: .* as many below zero as above"):
        difference(replace(density, density=signed), density)


def test_the_same_lattice_with_exchanged_axes_is_told(crystal):
    turned = replace(crystal, cell=crystal.cell[[1, 2, 0]])
    with pytest.raises(StructureError, match="same lattice with the axes in the order bca"):
        Density(crystal, np.ones((3, 3, 3))).check_cell(turned)
    with pytest.raises(StructureError, match=r"[^c]$"):
        Density(crystal, np.ones((3, 3, 3))).check_cell(replace(crystal, cell=2 * crystal.cell))
