"""The electrons of an imported density must be those of its atoms, or the message says why not."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from ase.io.cube import write_cube

from rhocast.datasets.importing import import_density
from rhocast.density import read_snapshot, write_snapshot
from rhocast.engines.psp8 import resolve_pseudopotentials
from rhocast.errors import FileFormatError, StructureError
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

VOLUME = 8.0**3


@pytest.fixture
def cube(tmp_path):
    """Write a cube of two aluminium atoms with so many electrons."""

    def write(electrons: float, distance: float = 4.0):
        structure = Structure([[0, 0, 0], [distance, 0, 0]], 8.0 * np.eye(3), [13, 13])
        density = 1.0 + 0.5 * np.random.default_rng(0).random((6, 6, 6))
        density *= electrons / (density.mean() * VOLUME)
        with (tmp_path / "any.cube").open("w") as file:
            write_cube(file, structure.to_ase(), density)
        return tmp_path / "any.cube"

    return write


def test_a_snapshot_comes_out(cube, tmp_path):
    files = resolve_pseudopotentials({"Al": "spms", "Si": "spms"})
    snapshot = import_density(
        cube(6.0), temperature_K=300.0, pseudopotentials=files, kpoints="2 2 2 shift 0 0 0"
    )
    write_snapshot(tmp_path / "0.h5", snapshot)
    again = read_snapshot(tmp_path / "0.h5")
    assert again.accepted
    assert again.n_electrons == 6.0
    assert again.kpoints == "2 2 2 shift 0 0 0"
    assert again.mesh.integral(again.density) == pytest.approx(6.0, rel=1e-5)
    assert again.record["psp8_Al_sha256"] == files["Al"].sha256
    assert "psp8_Si" not in again.record
    assert again.record["imported_from"] == "any.cube"
    assert np.isnan(again.forces).all()
    assert np.isnan(again.energy_ha)
    with h5py.File(tmp_path / "0.h5") as file:
        assert file["forces"].shape == (2, 3)


@pytest.mark.parametrize(
    ("electrons", "reason"),
    [
        (6.0 / ANGSTROM_PER_BOHR**3, "give --density-unit angstrom"),
        (6.0 * ANGSTROM_PER_BOHR**3, "give --density-unit bohr"),
        (6.0 * VOLUME, r"volume of the cell \(Bohr"),
        (6.0 * VOLUME * ANGSTROM_PER_BOHR**3, r"volume of the cell \(Å"),
        (3.0, "one of two equal spins"),
        (26.0, "the cores included"),
        (6.01, "check the valence"),
        (-6.0, "check the valence"),
        (0.0, "check the valence"),
    ],
)
def test_a_wrong_electron_count_is_explained(cube, electrons, reason):
    with pytest.raises(FileFormatError, match=rf"any\.cube: .* expected 6 for Al2 .*{reason}"):
        import_density(cube(electrons), temperature_K=0.0, valence={"Al": 3.0})


def test_tolerance_is_the_users(cube):
    path = cube(6.01)
    snapshot = import_density(path, temperature_K=0.0, valence={"Al": 3.0}, electron_tolerance=2e-3)
    assert snapshot.n_electrons == 6.0


def test_without_valence_a_whole_number_is_taken_with_a_warning(cube, caplog):
    assert import_density(cube(6.0), temperature_K=0.0).n_electrons == 6.0
    assert "no valence is known" in caplog.text
    with pytest.raises(FileFormatError, match="nearest whole number"):
        import_density(cube(6.3), temperature_K=0.0)


def test_the_files_own_valence_is_the_check(root):
    path = root / "tests/engines/data/sparc-single-point/run.dens"
    assert import_density(path, temperature_K=0.0).n_electrons == 14.0
    with pytest.raises(FileFormatError, match="expected 28"):
        import_density(path, temperature_K=0.0, valence={"Al": 3.0, "Si": 11.0})
    with pytest.raises(StructureError, match="valence electrons of Si are not known"):
        import_density(path, temperature_K=0.0, valence={"Al": 3.0})


def test_all_electrons_are_warned_of(cube, caplog):
    import_density(cube(26.0), temperature_K=0.0, valence={"Al": 13.0})
    assert "holds all electrons, cores included" in caplog.text


def test_coinciding_atoms_are_refused(cube):
    with pytest.raises(StructureError, match=r"any\.cube: two atoms"):
        import_density(cube(6.0, distance=0.1), temperature_K=0.0)


DATA = Path(__file__).parents[1] / "density/data"
VALENCE = {"Al": 3.0, "Si": 4.0}


def test_a_charged_cell_is_imported_once_its_charge_is_said():
    with pytest.raises(FileFormatError, match=r"a charged cell\? .* --charge \+1"):
        import_density(DATA / "charged.cube", temperature_K=0.0, valence=VALENCE)
    snapshot = import_density(DATA / "charged.cube", temperature_K=0.0, valence=VALENCE, charge=1.0)
    assert snapshot.n_electrons == 12.0
    assert snapshot.record["charge"] == 1.0


def test_a_cell_that_a_stride_made_too_long_is_refused_at_any_tolerance():
    path = DATA / "cp2k-odd-mesh-default-stride.cube.gz"
    for tolerance in (1e-4, 0.1):
        with pytest.raises(FileFormatError, match="STRIDE 1"):
            import_density(path, temperature_K=0.0, valence=VALENCE, electron_tolerance=tolerance)
    with pytest.raises(FileFormatError, match="STRIDE 1"):
        import_density(path, temperature_K=0.0)


def test_a_pseudo_density_is_refused_although_its_count_is_right():
    path = DATA / "gpaw-pseudo-density.cube.gz"
    with pytest.raises(FileFormatError, match=r"no valence density: it falls to -0\.193"):
        import_density(path, temperature_K=0.0, valence=VALENCE)


def test_more_electrons_than_the_atoms_have_are_refused(cube):
    with pytest.raises(FileFormatError, match="at most 26, all that Al2 has; give --valence"):
        import_density(cube(27.0), temperature_K=0.0)


@pytest.mark.parametrize("name", ["qe.xsf", "qe-format3.xsf.gz", "abinit-cut3d.xsf.gz"])
def test_values_per_cubic_bohr_in_xsf_are_pointed_out(name):
    with pytest.raises(FileFormatError, match="give --density-unit bohr"):
        import_density(DATA / name, temperature_K=0.0, valence=VALENCE)
    import_density(DATA / name, temperature_K=0.0, valence=VALENCE, density_unit="bohr")
