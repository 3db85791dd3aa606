"""From any file to any other, on another mesh too."""

import numpy as np
import pytest
from gaussian_atoms import crystal, gaussians, on_mesh

from rhocast.density import Density, read_density
from rhocast.density.convert import convert
from rhocast.errors import ConfigError

__all__ = ["crystal"]

FINE_BOHR = 0.3


@pytest.fixture
def cube(crystal, tmp_path):
    Density(crystal, on_mesh(crystal, (16, 17, 18))).write(tmp_path / "in.cube")
    return tmp_path / "in.cube"


@pytest.mark.parametrize("name", ["out.h5", "out.xsf", "CHGCAR"])
def test_a_finer_mesh_in_any_format(crystal, cube, tmp_path, name):
    convert(cube, tmp_path / name, mesh_spacing_bohr=FINE_BOHR)
    found = read_density(tmp_path / name)
    assert found.mesh.spacing.max() <= FINE_BOHR + 1e-9
    expected = on_mesh(found.structure, found.mesh.shape)
    np.testing.assert_allclose(found.density, expected, atol=0.01 * expected.max())
    assert found.electron_count == pytest.approx(11.0, rel=1e-4)
    assert {path.name for path in tmp_path.iterdir()} == {"in.cube", name}


def test_a_part_of_the_cell(crystal, cube, tmp_path):
    box = ((0.5, 0.9), (0.3, 0.8), (-0.1, 0.3))
    convert(cube, tmp_path / "part.cube", mesh_spacing_bohr=FINE_BOHR, part=box)
    found = read_density(tmp_path / "part.cube")
    corner = np.array(box)[:, 0] @ crystal.cell
    points = found.mesh.points(np.arange(found.mesh.n_points)) + corner
    expected = gaussians(crystal, points).reshape(found.mesh.shape)
    np.testing.assert_allclose(found.density, expected, atol=0.01 * expected.max())


def test_a_wrong_name_is_told_before_any_work(cube, tmp_path):
    with pytest.raises(ConfigError, match=r"out\.vtk: format '\.vtk', expected one of"):
        convert(cube, tmp_path / "out.vtk", mesh_spacing_bohr=FINE_BOHR)
