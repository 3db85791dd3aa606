"""A part of a cell says so in every format, and is no periodic cell."""

from dataclasses import replace

import numpy as np
import pytest
from gaussian_atoms import crystal, on_mesh

from rhocast.analysis.around import shells_around
from rhocast.analysis.cut import draw_line, values_along
from rhocast.analysis.plane import Plane, interpolated, name_of
from rhocast.analysis.render import draw_render
from rhocast.datasets.importing import import_density
from rhocast.density import Density, read_density, refine, write_density
from rhocast.density.convert import convert
from rhocast.density.difference import difference, subtracted
from rhocast.density.quantity import MINUS, PART, is_part, record_in, title_of
from rhocast.density.refine import refined
from rhocast.engines.given_density import planned
from rhocast.errors import ConfigError, FileFormatError
from rhocast.grid import Mesh
from rhocast.properties import hirshfeld_charges
from rhocast.properties.electrostatics import electrostatic_potential
from rhocast.properties.superposed_atoms import superposed_atoms
from rhocast.view.excerpts import whole_cell
from rhocast.view.page import page_of

__all__ = ["crystal"]

BOX = ((0.0, 0.55), (0.1, 0.9), (0.0, 0.6))


@pytest.fixture
def part(crystal, tmp_path):
    whole = Density(crystal, on_mesh(crystal).astype(np.float32))
    write_density(tmp_path / "whole.h5", whole)
    refine(tmp_path / "whole.h5", tmp_path / "part.h5", part=BOX)
    return read_density(tmp_path / "part.h5")


@pytest.mark.parametrize("name", ["p.h5", "p.cube", "p.xsf", "p.vasp", "p.npz"])
def test_a_part_says_so_in_every_format_that_is_read(part, tmp_path, name):
    write_density(tmp_path / name, part)
    again = read_density(tmp_path / name)
    assert is_part(again.record)
    np.testing.assert_allclose([again.record[n] for n in PART], np.array(BOX).T)
    write_density(tmp_path / name, replace(part, record={}))
    assert not is_part(read_density(tmp_path / name).record)


def test_the_difference_of_parts_says_both():
    lower, upper = PART
    record = {MINUS: 'a "b".h5', lower: (0.0, -0.25, 1e-5), upper: (0.5, 0.5, 1.0)}
    again = record_in(f"# {title_of(record)}")
    assert again[MINUS] == record[MINUS]
    np.testing.assert_array_equal([again[name] for name in PART], [record[name] for name in PART])


def test_the_whole_cell_from_another_origin_is_no_part(crystal, tmp_path):
    write_density(tmp_path / "whole.h5", Density(crystal, on_mesh(crystal)))
    refine(tmp_path / "whole.h5", tmp_path / "moved.h5", part=((0.25, 1.25),) * 3)
    assert not is_part(read_density(tmp_path / "moved.h5").record)


def test_physics_refuses_a_part(part, tmp_path):
    structure = part.structure
    other = replace(part, density=part.density[::2, ::2, ::2])
    write_density(tmp_path / "part.cube", part)
    for use in (
        lambda: hirshfeld_charges(part, None, {}),
        lambda: electrostatic_potential(part, {}),
        lambda: superposed_atoms(part, {}),
        lambda: planned(structure, part, None, {}),
        lambda: refined(part, Mesh((30, 30, 30), part.cell)),
        lambda: refine(part.source, tmp_path / "finer.h5", 0.2),
        lambda: convert(part.source, tmp_path / "finer.cube", mesh_spacing_bohr=0.2),
        lambda: import_density(tmp_path / "part.cube", temperature_K=300),
        lambda: difference(part, other),
        lambda: shells_around(part),
    ):
        with pytest.raises(
            FileFormatError, match=r"part\.\w+: holds a part of the cell; give the whole field"
        ):
            use()
    assert difference(part, part).nmae == 0.0
    assert is_part(subtracted(part, part).record)


def test_pictures_of_a_part_end_at_the_cut(part, tmp_path):
    """Beyond the last point the last values count, not those of the other side."""
    ramp = np.broadcast_to(np.arange(12.0)[:, None, None], (12, 12, 12)) + 0.0
    cut = replace(part, density=ramp)
    shown = interpolated(ramp[:, :, 0], 1, periodic=Plane(cut, 2, 0.0).periodic)
    assert (np.diff(shown[:, 0]) > -1e-9).all()
    assert Plane(cut, 0, 1.0).values("density").min() == 11.0
    line = values_along(cut, "density", np.array([0.0, 0.5, 0.5]), np.array([1.0, 0.5, 0.5]))
    assert line[0] == pytest.approx(0.0, abs=0.1)
    assert line[-1] == pytest.approx(11.0, abs=0.1)
    with pytest.raises(ConfigError, match="part of the cell, which the line leaves"):
        values_along(cut, "density", np.array([0.0, 0.5, 0.5]), np.array([1.1, 0.5, 0.5]))
    with pytest.raises(ConfigError, match="expected --start and --end from 0 to 1"):
        draw_render(part.source, tmp_path / "r.png", (0, 0, 0), (1, 1, 1.2))
    assert name_of(part).endswith(", part of the cell")


def test_a_part_shows_no_images_of_its_atoms(part):
    place = np.array([[0.01, 0.5, 0.01]]) @ part.cell
    atoms = replace(part.structure, positions=place, numbers=np.array([13]))
    assert len(Plane(replace(part, structure=atoms), 1, 0.5).atoms()[0]) == 1
    whole = Density(atoms, part.density)
    assert len(Plane(whole, 1, 0.5).atoms(((-0.5, 1.5),) * 2)[0]) == 4


def test_the_page_of_a_part_is_not_periodic(part):
    shown = whole_cell(part, 1_000_000, 100)
    assert (shown.name, shown.periodic) == ("part of the cell", False)
    steps = part.cell / np.array(part.mesh.shape)[:, None]
    np.testing.assert_allclose(shown.cell, steps * (np.array(part.mesh.shape) - 1)[:, None])
    np.testing.assert_array_equal(shown.values["density"], part.density)
    assert '["part of the cell", "0 0.1 0 to 0.55 0.9 0.6"]' in page_of(part, "part")


def test_a_line_or_a_view_without_extent_is_refused(crystal, tmp_path):
    density = Density(crystal, on_mesh(crystal))
    with pytest.raises(ConfigError, match=r"expected two places, found \(0, 0.5, 0\)"):
        draw_line(density, tmp_path / "l.png", (0, 0.5, 0), (0, 0.5, 0))
    write_density(tmp_path / "d.h5", density)
    with pytest.raises(ConfigError, match="different along every lattice vector"):
        draw_render(tmp_path / "d.h5", tmp_path / "r.png", (0.5, 0, 0), (0.5, 1, 1))
