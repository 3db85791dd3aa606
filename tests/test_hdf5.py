"""HDF5 files that refer to others, are locked, cut or written by other programs."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
from small_model import make_structure

from rhocast.density import Density, read_density, write_density
from rhocast.density.formats.snapshot import read_snapshot
from rhocast.errors import FileFormatError, StructureError
from rhocast.hdf5 import open_hdf5, plain
from rhocast.structures import read_structure, write_structure


@pytest.fixture
def field(tmp_path):
    path = tmp_path / "field.h5"
    values = np.ones((8, 8, 8), dtype=np.float32)
    write_density(path, Density.of(make_structure(), {"density": values}, {}))
    return path


@pytest.fixture
def secret(tmp_path):
    """A file that nobody has asked to read."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere/secret.h5"
    with h5py.File(path, "w") as file:
        file["positions"] = np.zeros_like(make_structure().positions)
        file["density"] = np.ones((8, 8, 8), dtype=np.float32)
    return path


def refused(path, name):
    with pytest.raises(FileFormatError, match=f"{name} (is a link to|.*lie in another file)"):
        read_density(path)


@pytest.mark.parametrize("name", ["positions", "density", "note", "checksums/note"])
def test_links_to_other_files_are_refused_in_any_group(field, secret, name):
    with h5py.File(field, "r+") as file:
        if name in file:
            del file[name]
        file[name] = h5py.ExternalLink(str(secret), "positions")
    refused(field, name)


def test_numbers_in_another_file_are_refused(field, secret):
    with h5py.File(field, "r+") as file:
        shape = file["positions"].shape
        del file["positions"]
        file.create_dataset("positions", shape, "f8", external=[(str(secret), 0, 8 * shape[0] * 3)])
    refused(field, "positions")


@pytest.mark.parametrize("name", ["positions", "checksums/density"])
def test_no_dataset_but_a_field_may_be_virtual(field, secret, name):
    with h5py.File(field, "r+") as file:
        shape, dtype = file[name].shape, file[name].dtype
        del file[name]
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(str(secret), "positions", shape)
        file.create_virtual_dataset(name, layout)
    refused(field, name)
    if name == "positions":
        with pytest.raises(StructureError, match="positions lie in another file"):
            read_structure(field)


def test_a_virtual_field_of_no_shard_of_its_own_is_refused(field, secret):
    with h5py.File(field, "r+") as file:
        del file["density"]
        layout = h5py.VirtualLayout((8, 8, 8), "f4")
        layout[...] = h5py.VirtualSource(str(secret), "density", (8, 8, 8))
        file.create_virtual_dataset("density", layout)
        file.attrs["field_hash"] = "0"
        del file.attrs["attributes_checksum"]
    with pytest.raises(FileFormatError, match=r"secret\.h5 belongs to another prediction"):
        read_density(field)


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_attributes_of_one_element_are_numbers(root, tmp_path, shape):
    """As MATLAB, Julia and H5LT write them."""
    source = root / "tests/data/densities/si8/300K/0.h5"
    path = tmp_path / "snapshot.h5"
    path.write_bytes(source.read_bytes())
    with h5py.File(path, "r+") as file:
        for name in ("energy_Ha", "n_electrons", "temperature_K", "format_version"):
            value = file.attrs[name]
            del file.attrs[name]
            file.attrs[name] = np.full(shape, value)
    read, expected = read_snapshot(path), read_snapshot(source)
    assert read.energy_ha == expected.energy_ha
    assert read.n_electrons == expected.n_electrons
    assert plain(np.array([b"accepted"])) == "accepted"


def test_a_locked_file_names_the_other_process_and_the_variable(field):
    hold = "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print(1, flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", hold, str(field)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        other.stdout.readline()
        with pytest.raises(FileFormatError, match="another process writes it") as told:
            open_hdf5(field, "make it again")
    finally:
        other.communicate(b"\n")
    assert "HDF5_USE_FILE_LOCKING=FALSE" in str(told.value)
    assert "remove" not in str(told.value)


def test_only_a_truncated_file_is_to_be_removed(tmp_path, field):
    whole = field.read_bytes()
    field.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileFormatError, match=r"truncated .* remove it"):
        open_hdf5(field, "make it again")
    field.write_text("no HDF5")
    with pytest.raises(FileFormatError) as told:
        open_hdf5(field, "make it again")
    assert "remove it" not in str(told.value)


def test_damaged_metadata_ends_in_a_sentence(tmp_path):
    path = tmp_path / "structure.h5"
    write_structure(path, make_structure())
    with h5py.File(path, "r+") as file:
        file.attrs["rhocast"] = json.dumps({})[:-1]
    with pytest.raises((StructureError, FileFormatError), match=r"structure\.h5: "):
        read_structure(path)
