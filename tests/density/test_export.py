"""Exports, read back through ASE."""

import ase.io
import numpy as np
import pytest
from ase.calculators.vasp import VaspChargeDensity
from ase.io.cube import read_cube
from ase.io.xsf import read_xsf
from small_model import make_structure

from rhocast.density import Density, open_density, write_density
from rhocast.errors import RhocastError
from rhocast.units import ANGSTROM_PER_BOHR

SHAPE = (5, 7, 67)  # more than one slab along z


@pytest.fixture(params=["right", "left"])
def field(request):
    structure = make_structure()
    if request.param == "left":
        structure = make_structure(structure.cell[[1, 0, 2]])
    rng = np.random.default_rng(0)
    density = 0.05 * rng.random(SHAPE, dtype=np.float32)
    return Density(structure, density, epistemic_std=0.1 * density, aleatoric_std=0.2 * density)


@pytest.fixture
def path(field, tmp_path):
    write_density(tmp_path / "density.h5", field)
    return tmp_path / "density.h5"


def export(path, out, **options):
    with open_density(path) as stored:
        write_density(out, stored, **options)


def check(atoms, values_per_bohr3, field):
    """Compare atoms and density; an electron count that is off by 1e-6 fails, too."""
    np.testing.assert_allclose(
        atoms.cell.array / ANGSTROM_PER_BOHR, field.structure.cell, atol=1e-7
    )
    order = np.argsort(field.structure.numbers, kind="stable")
    found = np.argsort(atoms.numbers, kind="stable")
    difference = atoms.positions[found] / ANGSTROM_PER_BOHR - field.structure.positions[order]
    steps = np.linalg.solve(field.structure.cell.T, difference.T)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-7)
    np.testing.assert_allclose(values_per_bohr3, field.density, rtol=1e-6)
    count = float(np.sum(values_per_bohr3, dtype=np.float64)) * field.mesh.voxel_volume
    assert count == pytest.approx(field.electron_count, rel=1e-6)


def test_cube(field, path, tmp_path):
    export(path, tmp_path / "density.cube")
    with (tmp_path / "density.cube").open() as file:
        cube = read_cube(file)
    check(cube["atoms"], cube["data"], field)


def test_cube_spans_the_cell_exactly(field, path, tmp_path):
    export(path, tmp_path / "density.cube")
    lines = (tmp_path / "density.cube").read_text().splitlines()[3:6]
    numbers = np.array([line.split() for line in lines], dtype=float)
    spanned = numbers[:, :1] * numbers[:, 1:]
    np.testing.assert_allclose(spanned, field.structure.cell, rtol=0, atol=1e-9)


def test_chgcar(field, path, tmp_path):
    export(path, tmp_path / "CHGCAR")
    charge = VaspChargeDensity(str(tmp_path / "CHGCAR"))
    check(charge.atoms[0], charge.chg[0] * ANGSTROM_PER_BOHR**3, field)


def test_chgcar_holds_density_times_volume(field, path, tmp_path):
    export(path, tmp_path / "CHGCAR")
    first = (tmp_path / "CHGCAR").read_text().split(" ".join(map(str, SHAPE)))[1].split()[:2]
    expected = field.density[:2, 0, 0] * field.structure.volume
    np.testing.assert_allclose(np.array(first, dtype=float), expected, rtol=1e-6)


def test_xsf(field, path, tmp_path):
    export(path, tmp_path / "density.xsf")
    with (tmp_path / "density.xsf").open() as file:
        data, origin, span, atoms = read_xsf(file, read_data=True)
    assert data.shape == tuple(n + 1 for n in SHAPE)
    np.testing.assert_array_equal(data[-1], data[0])
    np.testing.assert_array_equal(data[:, :, -1], data[:, :, 0])
    np.testing.assert_allclose(span, atoms.cell.array, atol=1e-9)
    assert not origin.any()
    check(atoms, data[:-1, :-1, :-1] * ANGSTROM_PER_BOHR**3, field)


def test_ase_guesses_the_cube(path, field, tmp_path):
    export(path, tmp_path / "density.cube")
    assert len(ase.io.read(tmp_path / "density.cube")) == len(field.structure)


def test_standard_deviations_are_exported_too(field, path, tmp_path):
    export(path, tmp_path / "std.cube", field="epistemic_std")
    with (tmp_path / "std.cube").open() as file:
        np.testing.assert_allclose(
            read_cube(file)["data"], field.epistemic_std, rtol=5e-4, atol=3e-8
        )


def test_unknown_formats_and_fields_are_refused(path, tmp_path):
    with pytest.raises(RhocastError, match="expected one of field, snapshot, cube"):
        export(path, tmp_path / "density.vtk")
    with pytest.raises(RhocastError, match="holds no forces"):
        export(path, tmp_path / "density.cube", field="forces")
    assert [p.name for p in tmp_path.iterdir()] == ["density.h5"]
