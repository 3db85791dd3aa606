"""The Python interface: three lines from atoms to a density, with or without MPI."""

import subprocess
import sys

import ase.build
import ase.io
import numpy as np
import pytest
from ase.io.cube import read_cube_data

import rhocast
from rhocast.density import read_density, write_density
from rhocast.errors import ModelError, StructureError
from rhocast.structures import Structure


@pytest.fixture
def atoms():
    return ase.build.bulk("SiGe", "zincblende", a=5.53)


def test_atoms_become_a_density_that_knows_its_mesh(atoms, tmp_path):
    field = rhocast.load("sige-demo").predict(atoms, mesh_spacing_bohr=0.9)
    assert field.density.shape == field.mesh.shape
    assert (field.mesh.spacing <= 0.9).all()
    assert field.electron_count == pytest.approx(8.0, rel=1e-6)
    assert field.std is None  # a model without a posterior of its last layer
    assert repr(field).startswith("<Density of Si1Ge1 on ")
    np.testing.assert_allclose(field.atoms.cell, atoms.cell)
    field.write(tmp_path / "density.cube")
    values, read = read_cube_data(str(tmp_path / "density.cube"))
    np.testing.assert_allclose(values, field.density, rtol=1e-6)
    assert read.get_chemical_formula() == atoms.get_chemical_formula()
    write_density(tmp_path / "density.h5", field)
    np.testing.assert_array_equal(read_density(tmp_path / "density.h5").density, field.density)


def test_a_structure_does_too_and_standard_deviations_come_along(atoms):
    predictor = rhocast.load("sige-demo")
    options = {"mesh_spacing_bohr": 1.2, "uncertainty": "sampled", "samples": 2}
    field = predictor.predict(Structure.from_ase(atoms), **options)
    assert field.std.shape == field.density.shape
    np.testing.assert_array_equal(field.density, predictor.predict(atoms, 1.2).density)


def test_standard_deviations_can_be_left_out(atoms):
    model = rhocast.load("sige")
    assert (model.predict(atoms, 1.2).std > 0.0).all()
    assert model.predict(atoms, 1.2, uncertainty="none").std is None


def test_a_model_that_does_not_exist_is_refused():
    with pytest.raises(ModelError, match="shipped model"):
        rhocast.load("unobtainium")


def test_one_process_needs_no_mpi(atoms, tmp_path):
    ase.io.write(tmp_path / "atoms.xyz", atoms)
    code = (
        "import sys\n"
        "class NoMPI:\n"
        "    def find_spec(name, path, target=None):\n"
        "        if name.split('.')[0] == 'mpi4py':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, NoMPI)\n"
        "from rhocast.cli.main import main\n"
        "code = main(['predict', 'sige-demo', 'atoms.xyz', '-o', 'density.h5',"
        " '--mesh-spacing-bohr', '1.2'])\n"
        "assert 'rhocast.engines' not in sys.modules, 'it takes as long to load as all the rest'\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert read_density(tmp_path / "density.h5").electron_count == pytest.approx(8.0, rel=1e-6)


def test_a_file_is_predicted_too(atoms, tmp_path):
    atoms.write(tmp_path / "atoms.xyz")
    predictor = rhocast.load("sige-demo")
    found = predictor.predict(str(tmp_path / "atoms.xyz"), uncertainty="none")
    expected = predictor.predict(atoms, uncertainty="none")
    np.testing.assert_allclose(found.density, expected.density, atol=1e-6)
    with pytest.raises(StructureError, match="or the name of a file, found list"):
        predictor.predict([atoms])
