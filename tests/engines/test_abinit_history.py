import numpy as np
import pytest
from netCDF4 import Dataset

from rhocast.engines.abinit.history import History

COLUMNS = {"xcart": ("natom", "xyz"), "fcart": ("natom", "xyz"), "etotal": (), "strten": ("six",)}


@pytest.fixture
def file(tmp_path):
    """Three configurations of two atoms; of the last the forces were not written any more."""
    path = tmp_path / "runo_HIST.nc"
    with Dataset(path, "w", format="NETCDF3_64BIT_OFFSET") as file:
        for name, size in {"time": None, "natom": 2, "xyz": 3, "six": 6}.items():
            file.createDimension(name, size)
        for name, dimensions in COLUMNS.items():
            column = file.createVariable(name, "f8", ("time", *dimensions))
            column.units = "atomic"
            for step in range(2 if name == "fcart" else 3):
                column[step] = step + 0.5
        file.createVariable("amu", "f8", ("natom",))[:] = [26.98, 28.08]
    return path


def test_what_is_not_complete_does_not_count(file):
    history = History.read(file)
    assert len(history) == 2
    np.testing.assert_array_equal(history.energies_ha, [0.5, 1.5])
    assert history.positions.shape == (2, 2, 3)
    assert history.stresses.shape == (2, 6)


def test_copy_is_a_whole_file_of_what_is_complete(file, tmp_path):
    history = History.read(file)
    history.copy_to(tmp_path / "copy.nc")
    with Dataset(tmp_path / "copy.nc") as copy:
        assert len(copy.dimensions["time"]) == 2
        assert copy["xcart"].units == "atomic"
        np.testing.assert_array_equal(copy["amu"][:], [26.98, 28.08])
    np.testing.assert_array_equal(History.read(tmp_path / "copy.nc").forces, history.forces)


def test_what_cannot_be_read_is_no_history(file, tmp_path):
    assert History.read(tmp_path / "absent.nc") is None
    file.write_bytes(file.read_bytes()[:50])
    assert History.read(file) is None


def test_cut(file):
    np.testing.assert_array_equal(History.read(file).cut(1).energies_ha, [0.5])
