"""XCrySDen's XSF: of Quantum ESPRESSO and cut3d, and our own read by ASE."""

from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.io.xsf import read_xsf, write_xsf
from gaussian_atoms import SHAPE, check_gaussians, crystal, on_mesh

from rhocast.density import Density, read_density, write_density
from rhocast.errors import FileFormatError
from rhocast.units import ANGSTROM_PER_BOHR

__all__ = ["crystal"]

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize(
    ("name", "electrons", "formula", "tolerance"),
    [
        ("qe.xsf", 13.0, "Al3Si1", 1e-5),
        ("qe-format3.xsf.gz", 12.0, "Al4", 1e-5),
        ("abinit-cut3d.xsf.gz", 6.0, "Al2", 1e-4),
    ],
)
def test_other_programs_files_per_cubic_bohr(name, electrons, formula, tolerance):
    found = read_density(DATA / name, density_unit="bohr")
    assert found.electron_count == pytest.approx(electrons, rel=tolerance)
    assert found.structure.formula == formula


def test_a_grid_without_its_end_points_is_said_to_be_so():
    with pytest.raises(FileFormatError, match="last plane differs from the first"):
        read_density(DATA / "open.xsf")


def test_part_of_a_cell_is_refused(crystal, tmp_path):
    path = tmp_path / "any.xsf"
    write_density(path, Density(crystal, on_mesh(crystal)))
    head, keyword, grid = path.read_text().partition("BEGIN_DATAGRID_3D_1")
    lines = grid.split("\n")
    lines[3] = " ".join(str(0.5 * float(word)) for word in lines[3].split())
    path.write_text(head + keyword + "\n".join(lines))
    with pytest.raises(FileFormatError, match="part of a cell"):
        read_density(path)


def test_ase_reads_what_is_written(crystal, tmp_path):
    density = on_mesh(crystal)
    write_density(tmp_path / "own.xsf", Density(crystal, density))
    with (tmp_path / "own.xsf").open() as file:
        data, origin, span, atoms = read_xsf(file, read_data=True)
    assert data.shape == tuple(n + 1 for n in SHAPE)
    np.testing.assert_array_equal(data[-1], data[0])
    np.testing.assert_allclose(data[:-1, :-1, :-1] * ANGSTROM_PER_BOHR**3, density, rtol=1e-6)
    np.testing.assert_allclose(span, atoms.cell.array, atol=1e-9)
    assert not origin.any()
    check_gaussians(read_density(tmp_path / "own.xsf"), crystal)


def test_a_grid_that_ase_wrote_is_known_by_its_span(tmp_path):
    """ASE writes N points over (N + 1)/N of the cell."""
    values = np.random.default_rng(0).random((6, 7, 8))
    with (tmp_path / "ase.xsf").open("w") as file:
        write_xsf(file, [bulk("Al", cubic=True)], values)
    with pytest.raises(FileFormatError, match=r"as ASE writes them: .* Write a cube from ASE"):
        read_density(tmp_path / "ase.xsf")
