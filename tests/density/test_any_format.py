"""Reading and writing by the names of files."""

import gzip
import sys

import h5py
import numpy as np
import pytest
from gaussian_atoms import check_gaussians, crystal, on_mesh

from rhocast.density import Density, Snapshot, any_format, open_density, read_density, write_density
from rhocast.density.formats import FORMATS, READABLE, WRITABLE
from rhocast.errors import ConfigError, FileFormatError

__all__ = ["crystal"]

NAMES = {
    "field": "d.h5",
    "cube": "d.cube",
    "chgcar": "CHGCAR",
    "xsf": "d.xsf",
    "npz": "d.npz",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_what_the_table_says(name):
    format = FORMATS[name]
    assert hasattr(format.module, "read") == format.reads == (name in READABLE)
    assert hasattr(format.module, "write") == format.writes == (name in WRITABLE)


@pytest.mark.parametrize("first", NAMES)
@pytest.mark.parametrize("second", NAMES)
def test_any_format_becomes_any_other(crystal, tmp_path, first, second):
    density = Density(crystal, on_mesh(crystal))
    write_density(tmp_path / f"1{NAMES[first]}", density, first)
    with open_density(tmp_path / f"1{NAMES[first]}") as stored:
        write_density(tmp_path / f"2{NAMES[second]}", stored, second)
    found = read_density(tmp_path / f"2{NAMES[second]}")
    check_gaussians(found, crystal)
    assert found.electron_count == pytest.approx(density.electron_count, rel=1e-6)
    assert found.origin.startswith(f"2{NAMES[second]} sha256:")


@pytest.mark.parametrize("form", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_not_written(crystal, tmp_path, form, bad):
    values = on_mesh(crystal)
    values[3, 4, 5] = bad
    with pytest.raises(FileFormatError, match="NaN or infinity"):
        write_density(tmp_path / NAMES[form], Density(crystal, values))
    assert not any(tmp_path.iterdir())


def test_nan_in_a_stored_field_is_not_passed_on(crystal, tmp_path):
    density = Density(crystal, on_mesh(crystal))
    write_density(tmp_path / "d.h5", density)
    with h5py.File(tmp_path / "d.h5", "r+") as file:
        file["density"][1, 2, 3] = np.nan
    with (
        open_density(tmp_path / "d.h5") as stored,
        pytest.raises(FileFormatError, match="checksum"),
    ):
        stored.write(tmp_path / "d.cube")
    with pytest.raises(FileFormatError, match="checksum"):
        read_density(tmp_path / "d.h5")


def test_a_snapshot_stays_one(crystal, tmp_path):
    snapshot = Snapshot(
        crystal, on_mesh(crystal).astype(np.float32), np.zeros((3, 3)), -1.0,
        11.0, 300.0, "1 1 1 shift 0 0 0",
    )  # fmt: skip
    snapshot.write(tmp_path / "s.h5")
    found = read_density(tmp_path / "s.h5")
    assert isinstance(found, Snapshot)
    assert found.temperature_K == 300.0
    found.write(tmp_path / "f.h5", "field")
    assert not isinstance(read_density(tmp_path / "f.h5"), Snapshot)
    with pytest.raises(ConfigError, match="rhocast import"):
        Density(crystal, found.density).write(tmp_path / "x.h5", "snapshot")


@pytest.mark.parametrize("name", ["AECCAR2.gz", "any.cube.GZ"])
def test_compressed_files_are_what_they_hold(crystal, tmp_path, name):
    plain, path = tmp_path / name[:-3], tmp_path / name
    write_density(
        plain,
        Density(crystal, on_mesh(crystal)),
        "chgcar" if "AECCAR" in name else None,
    )
    path.write_bytes(gzip.compress(plain.read_bytes()))
    found, expected = read_density(path), read_density(plain)
    np.testing.assert_array_equal(found.density, expected.density)
    assert found.notes == expected.notes
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match=f"{name}: cannot be read .*EOFError"):
        read_density(path)
    plain.rename(path)
    with pytest.raises(FileFormatError, match=f"{name}: .*BadGzipFile"):
        read_density(path)


def test_what_cannot_be_told_is_asked_for(crystal, tmp_path):
    path = tmp_path / "density.dat"
    write_density(path, Density(crystal, on_mesh(crystal)), "cube")
    with pytest.raises(ConfigError, match=r"density\.dat: .* one of field, snapshot, cube"):
        read_density(path)
    check_gaussians(read_density(path, "cube"), crystal)
    with pytest.raises(ConfigError, match="--density-unit is for cube and xsf"):
        read_density(path, "sparc", density_unit="angstrom")
    with pytest.raises(FileFormatError, match="no such file"):
        read_density(tmp_path / "none.cube")
    with pytest.raises(FileFormatError, match="holds no grid"):
        read_density(path, "xsf")
    with pytest.raises(ConfigError, match="expected one of field, snapshot, cube"):
        write_density(tmp_path / "d.vtk", Density(crystal, np.ones((2, 2, 2))))
    with pytest.raises(ConfigError, match="expected one of field, snapshot, cube"):
        write_density(tmp_path / "d.dens", Density(crystal, np.ones((2, 2, 2))))
    density = Density(crystal, np.ones((2, 2, 2)))
    with pytest.raises(ConfigError, match="holds no aleatoric_std"):
        write_density(tmp_path / "d.cube", density, field="aleatoric_std")


def test_reading_and_writing_need_neither_torch_nor_netcdf(run):
    """Nor does interpolation; a format's own libraries are loaded with the format."""
    code = (
        "import sys, rhocast.density.convert, rhocast.density.difference\n"
        "from rhocast.density.formats import FORMATS\n"
        "[FORMATS[name].module for name in ('field', 'snapshot', 'cube', 'xsf', 'sparc')]\n"
        "assert not {'torch', 'netCDF4', 'ase.calculators.vasp'} & set(sys.modules)"
    )
    result = run(sys.executable, "-c", code)
    assert result.returncode == 0, result.stderr


def test_a_cube_that_announces_more_atoms_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "many.cube"
    path.write_text("a\nb\n1000000000 0 0 0\n2 1 0 0\n2 0 1 0\n2 0 0 1\n13 3 0 0 0\n")
    with pytest.raises(FileFormatError, match="announces 1000000000 atoms, the file ends after 1"):
        read_density(path)
    path.write_text("a\nb\n1 0 0 0\n90000 1 0 0\n90000 0 1 0\n90000 0 0 1\n13 3 0 0 0\n1 2\n")
    with pytest.raises(FileFormatError, match=r"many\.cube: takes more memory"):
        read_density(path)


def test_an_archive_that_unpacks_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(any_format, "_MOST_UNPACKED", 1_000_000)
    path = tmp_path / "many.cube.gz"
    with gzip.open(path, "wb") as file:
        file.write(bytes(50_000_000))
    with pytest.raises(FileFormatError, match=r"unpacks to more than .* GB"):
        read_density(path)


def test_an_array_that_announces_more_than_it_holds_is_refused(tmp_path):
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("density", (10_000, 10_000, 10_000), "f4", chunks=(64, 64, 64))
    with pytest.raises(FileFormatError, match=r"density announces 4e\+06 MB and holds 0 MB"):
        read_density(path, "field")
