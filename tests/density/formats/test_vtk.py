"""VTK's structured grids: the file taken apart, and read by VTK itself where it is installed."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from gaussian_atoms import SHAPE, crystal, gaussians, on_mesh

from rhocast.density import Density, open_density, write_density
from rhocast.errors import RhocastError

__all__ = ["crystal"]

TYPES = {"Float32": "<f4", "Float64": "<f8", "Int32": "<i4"}


@pytest.fixture
def density(crystal) -> Density:
    values = on_mesh(crystal)
    return Density(crystal, values, epistemic_std=0.1 * values, aleatoric_std=0.2 * values)


def taken_apart(path):
    """Return the points along the grid's axes, slowest first, and all arrays by name."""
    content = path.read_bytes()
    start = content.index(b'<AppendedData encoding="raw">\n_')
    data = content[content.index(b"_", start) + 1 :]
    head = ET.fromstring(content[:start] + b"</VTKFile>")
    arrays = {}
    for array in head.iter("DataArray"):
        offset, components = int(array.get("offset")), int(array.get("NumberOfComponents"))
        n_bytes = int(np.frombuffer(data, "<u8", 1, offset)[0])
        dtype = np.dtype(TYPES[array.get("type")])
        values = np.frombuffer(data, dtype, n_bytes // dtype.itemsize, offset + 8)
        assert len(values) == components * int(array.get("NumberOfTuples"))
        arrays[array.get("Name")] = values.reshape(-1, components).squeeze()
    extent = [int(n) for n in head.find(".//Piece").get("Extent").split()]
    return [n + 1 for n in extent[5::-2]], arrays


def test_each_point_has_its_value(density, tmp_path):
    density.write(tmp_path / "d.vts")
    shape, arrays = taken_apart(tmp_path / "d.vts")
    assert sorted(shape) == [n + 1 for n in SHAPE]
    expected = gaussians(density.structure, arrays["points"].astype(float))
    np.testing.assert_allclose(arrays["density"], expected, atol=1e-6)
    np.testing.assert_allclose(arrays["epistemic_std"], 0.1 * expected, atol=1e-6)
    np.testing.assert_allclose(arrays["aleatoric_std"], 0.2 * expected, atol=1e-6)
    np.testing.assert_array_equal(arrays["positions"], density.structure.positions)
    np.testing.assert_array_equal(arrays["numbers"], density.structure.numbers)


def test_the_grid_is_right_handed(density, tmp_path):
    """In the order of VTK, whose first axis is the fastest."""
    density.write(tmp_path / "d.vts")
    shape, arrays = taken_apart(tmp_path / "d.vts")
    points = arrays["points"].reshape(*shape, 3).astype(float)
    steps = [points[0, 0, 1], points[0, 1, 0], points[1, 0, 0]]
    assert np.linalg.det(steps) == pytest.approx(density.mesh.voxel_volume, rel=1e-5)


def test_a_field_in_a_file_is_streamed_to_the_same_bytes(density, tmp_path):
    write_density(tmp_path / "d.h5", density)
    with open_density(tmp_path / "d.h5") as stored:
        stored.write(tmp_path / "stored.vts")
        Density.of(stored.structure, {name: stored.read(name) for name in stored.fields}, {}).write(
            tmp_path / "held.vts"
        )
    assert (tmp_path / "stored.vts").read_bytes() == (tmp_path / "held.vts").read_bytes()


def test_vtk_reads_it(density, tmp_path):
    """Volume, electrons and the area of an isosurface, as VTK works them out."""
    pyvista = pytest.importorskip("pyvista")
    density.write(tmp_path / "d.vts")
    grid = pyvista.read(tmp_path / "d.vts")
    assert grid.volume == pytest.approx(density.structure.volume, rel=1e-5)
    assert grid.integrate_data()["density"][0] == pytest.approx(density.electron_count, rel=2e-3)
    np.testing.assert_array_equal(grid.field_data["numbers"], density.structure.numbers)
    sampled = pyvista.PolyData(density.mesh.points(np.array([700, 1500]))).sample(grid)
    np.testing.assert_allclose(sampled["density"], density.density.ravel()[[700, 1500]], rtol=1e-4)


def test_one_field_alone_is_refused(density, tmp_path):
    with pytest.raises(RhocastError, match="holds all fields; do not choose epistemic_std"):
        density.write(tmp_path / "d.vts", field="epistemic_std")
