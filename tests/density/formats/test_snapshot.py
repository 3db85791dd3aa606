import h5py
import numpy as np
import pytest

from rhocast.checksums import seal_attributes
from rhocast.density import Snapshot, read_snapshot, write_snapshot
from rhocast.errors import FileFormatError


@pytest.fixture
def snapshot(silicon) -> Snapshot:
    rng = np.random.default_rng(0)
    return Snapshot(
        structure=silicon,
        density=rng.random((4, 5, 6), dtype=np.float32),
        forces=rng.random((2, 3)),
        energy_ha=-8.0,
        n_electrons=8.0,
        temperature_K=300.0,
        kpoints="2 2 2 shift 0 0 0",
        record={"engine": "abinit", "ranks": 2},
    )


def test_round_trip_to_the_last_bit(tmp_path, snapshot):
    write_snapshot(tmp_path / "deep" / "0.h5", snapshot)
    again = read_snapshot(tmp_path / "deep" / "0.h5")
    np.testing.assert_array_equal(again.density, snapshot.density)
    np.testing.assert_array_equal(again.forces, snapshot.forces)
    np.testing.assert_array_equal(again.structure.positions, snapshot.structure.positions)
    assert (again.energy_ha, again.temperature_K, again.kpoints) == (-8.0, 300.0, snapshot.kpoints)
    assert again.accepted
    assert again.record["ranks"] == 2


def test_rejected_snapshot_may_hold_no_numbers(tmp_path, snapshot):
    nothing = np.full(snapshot.density.shape, np.nan, dtype=np.float32)
    fields = {**vars(snapshot), "density": nothing, "status": "rejected", "reason": "crashed"}
    write_snapshot(tmp_path / "0.h5", Snapshot(**fields))
    again = read_snapshot(tmp_path / "0.h5")
    assert not again.accepted
    assert again.reason == "crashed"


def test_accepted_snapshot_may_not(tmp_path, snapshot):
    snapshot.density[1, 2, 3] = np.nan
    write_snapshot(tmp_path / "0.h5", snapshot)
    with pytest.raises(FileFormatError, match="NaN"):
        read_snapshot(tmp_path / "0.h5")


def test_damage_is_noticed(tmp_path, snapshot):
    path = tmp_path / "0.h5"
    write_snapshot(path, snapshot)
    with h5py.File(path, "a") as file:
        file["density"][0, 0, 0] += 1e-6
    with pytest.raises(FileFormatError, match="density does not match its checksum"):
        read_snapshot(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FileFormatError, match="cannot be read as HDF5"):
        read_snapshot(path)


def test_missing_file_is_called_missing(tmp_path):
    with pytest.raises(FileFormatError, match=r"0\.h5: no such file"):
        read_snapshot(tmp_path / "0.h5")


def test_newer_format_is_refused(tmp_path, snapshot):
    path = tmp_path / "0.h5"
    write_snapshot(path, snapshot)
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 99
        seal_attributes(file)
    with pytest.raises(FileFormatError, match=r"format 99.*upgrade"):
        read_snapshot(path)
