"""The density-field file."""

import h5py
import numpy as np
import pytest
from small_model import make_structure

from rhocast.density import Density, open_density, read_density, write_density
from rhocast.density.density import MESH_FIELDS
from rhocast.errors import FileFormatError, ModelError
from rhocast.fields import DENSITY_FIELDS


@pytest.fixture
def field():
    rng = np.random.default_rng(0)
    arrays = rng.random((3, 7, 8, 9), dtype=np.float32)
    arrays[1:] = arrays[1:].astype(np.float16)  # as they are stored
    record = {"uncertainty": "sampled", "n_electrons": 17.0, "scale": 1.0}
    return Density.of(make_structure(), dict(zip(MESH_FIELDS, arrays, strict=True)), record)


def test_what_is_written_is_read(field, tmp_path):
    write_density(tmp_path / "density.h5", field)
    read = read_density(tmp_path / "density.h5")
    for name in ("density", "epistemic_std", "aleatoric_std"):
        np.testing.assert_array_equal(getattr(read, name), getattr(field, name))
    np.testing.assert_array_equal(read.structure.positions, field.structure.positions)
    assert read.record["uncertainty"] == "sampled"
    assert [p.name for p in tmp_path.iterdir()] == ["density.h5"]


def test_file_follows_the_table_of_fields(field, tmp_path):
    write_density(tmp_path / "density.h5", field)
    with h5py.File(tmp_path / "density.h5") as file:
        assert set(file) == {*DENSITY_FIELDS, "checksums"}
        for name, entry in DENSITY_FIELDS.items():
            assert file[name].dtype == np.dtype(entry.dtype)
            assert file[name].attrs["unit"] == entry.unit


def test_standard_deviations_lose_little(tmp_path):
    std = np.geomspace(1e-7, 1e-1, 7 * 8 * 9, dtype=np.float32).reshape(7, 8, 9)
    write_density(
        tmp_path / "density.h5",
        Density(make_structure(), std, epistemic_std=std, aleatoric_std=std),
    )
    read = read_density(tmp_path / "density.h5").epistemic_std
    np.testing.assert_allclose(read, std, rtol=5e-4, atol=3e-8)
    assert read.dtype == np.float32
    assert (tmp_path / "density.h5").stat().st_size < 8 * std.size + 20_000


def test_slices_are_read_from_an_open_file(field, tmp_path):
    write_density(tmp_path / "density.h5", field)
    with open_density(tmp_path / "density.h5") as stored:
        np.testing.assert_array_equal(stored.file["density"][3], field.density[3])
        assert stored.mesh.shape == (7, 8, 9)
        assert stored.fields == ("density", "epistemic_std", "aleatoric_std")


def test_std_adds_the_variances(field):
    expected = np.sqrt(field.epistemic_std**2 + field.aleatoric_std**2)
    np.testing.assert_allclose(field.std, expected, rtol=1e-6)


def test_scaling_keeps_the_scale_on_record(field):
    scaled = field.scaled_to_electrons()
    assert scaled.electron_count == pytest.approx(17.0, rel=1e-6)
    assert scaled.record["scale"] == pytest.approx(17.0 / field.electron_count)


def test_a_density_without_electrons_cannot_be_scaled(field):
    empty = Density(field.structure, -field.density, record=field.record)
    with pytest.raises(ModelError, match="does not fit"):
        empty.scaled_to_electrons()


def test_failure_while_writing_leaves_no_file(field, tmp_path):
    bad = Density(field.structure, field.density, epistemic_std=np.zeros((2, 2)))
    with pytest.raises(FileFormatError, match="epistemic_std should have shape"):
        write_density(tmp_path / "density.h5", bad)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("fault", ["missing", "truncated", "foreign", "newer", "shapes"])
def test_other_files_are_refused(fault, field, tmp_path):
    path = tmp_path / "density.h5"
    write_density(path, field)
    if fault == "missing":
        path.unlink()
    elif fault == "truncated":
        path.write_bytes(path.read_bytes()[:-500])
    else:
        with h5py.File(path, "r+") as file:
            if fault == "foreign":
                del file.attrs["kind"]
            elif fault == "newer":
                file.attrs["format_version"] = 99
            else:
                del file["aleatoric_std"]
                file["aleatoric_std"] = np.zeros((7, 8, 10), np.float32)
    message = {"missing": "no such file", "truncated": "truncated"}.get(fault, "")
    with pytest.raises(FileFormatError, match=rf"density\.h5.*{message}"), open_density(path):
        pass
