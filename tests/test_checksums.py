"""A flipped bit anywhere in a file is told by name, or changes no number that is read."""

import logging
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_model import make_structure

from rhocast import checked_field
from rhocast.checked_field import CheckedField
from rhocast.checksums import (
    GROUP,
    OF_ATTRIBUTES,
    create_sums,
    places_of_chunks,
    places_one_by_one,
    seal_chunks,
    sum_of,
)
from rhocast.density import Density, open_density, read_density, write_density
from rhocast.density.formats.snapshot import read_snapshot, write_snapshot
from rhocast.density.refine import refine
from rhocast.density.snapshot import Snapshot
from rhocast.dynamics import Trajectory, read_trajectory, write_trajectory
from rhocast.errors import FileFormatError, RhocastError
from rhocast.structures.structure_file import read_structure, write_structure


def density():
    values = np.random.default_rng(1).random((9, 10, 40), dtype=np.float32)
    return Density.of(make_structure(), {"density": values}, {"scale": 1.25, "model": "small"})


def field(path: Path):
    write_density(path, density())


def refined(path: Path):
    source = path.with_name("source.h5")
    field(source)
    refine(source, path)


def snapshot(path: Path):
    structure = make_structure()
    forces = np.zeros_like(structure.positions)
    write_snapshot(
        path,
        Snapshot(structure, density().density, forces=forces, energy_ha=-1.5, n_electrons=17.0,
                 temperature_K=300.0, kpoints="1 1 1 shift 0 0 0", record={"model": "small"}),
    )  # fmt: skip


def structure(path: Path):
    write_structure(path, make_structure())


def frame(path: Path):
    write_structure(path, replace(make_structure(), record={"seed": 3}))


def trajectory(path: Path):
    atoms, steps = make_structure(), 4
    random = np.random.default_rng(2).random
    write_trajectory(
        path,
        Trajectory(
            cell=atoms.cell,
            numbers=atoms.numbers,
            times_fs=np.arange(steps) * 1.0,
            positions=random((steps, len(atoms), 3)),
            velocities=random((steps, len(atoms), 3)),
            potential_energies_ha=random(steps),
            conserved_ha=random(steps),
            target_K=300.0,
            record={"seed": 3},
        ),
    )


def numbers_of_trajectory(path: Path):
    read = read_trajectory(path)
    arrays = (read.times_fs, read.positions, read.velocities, read.potential_energies_ha)
    return [read.cell, read.numbers, *arrays, read.conserved_ha, read.target_K, repr(read.record)]


def numbers_of_density(path: Path):
    read = read_density(path)
    return [read.density, *numbers_of_atoms(read.structure), repr(sorted(read.record.items()))]


def numbers_of_snapshot(path: Path):
    read = read_snapshot(path)
    scalars = (read.energy_ha, read.n_electrons, read.temperature_K, read.kpoints, read.status)
    return [read.density, read.forces, *numbers_of_atoms(read.structure), scalars]


def numbers_of_atoms(atoms):
    return [atoms.positions, atoms.cell, atoms.numbers]


def numbers_of_structure(path: Path):
    read = read_structure(path)
    return [*numbers_of_atoms(read), repr(sorted(read.record.items()))]


KINDS = {
    "field": (field, numbers_of_density),
    "refined": (refined, numbers_of_density),
    "snapshot": (snapshot, numbers_of_snapshot),
    "structure": (structure, numbers_of_structure),
    "frame": (frame, numbers_of_structure),
    "trajectory": (trajectory, numbers_of_trajectory),
}


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_are_told_or_change_nothing(kind, tmp_path):
    write, read = KINDS[kind]
    path = tmp_path / ("made.extxyz" if kind in ("frame", "trajectory") else "made.h5")
    write(path)
    whole = path.read_bytes()
    expected = read(path)
    rng = np.random.default_rng(7)
    refused = unnamed = 0
    for place in rng.integers(len(whole), size=250):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            found = read(path)
        except RhocastError as error:
            refused += path.name in str(error)
            unnamed += path.name not in str(error)
        else:
            assert same(found, expected), f"the bit at byte {place} changed a number"
    assert unnamed == 0
    assert refused > 25


@pytest.mark.parametrize("count", [1, 8, 2007, 2008, 2009, 131072])
def test_each_flipped_bit_changes_the_sum(count):
    data = bytearray(np.random.default_rng(0).bytes(count))
    whole = sum_of(bytes(data))
    for bit in np.unique(np.linspace(0, 8 * count - 1, 97).astype(int)):
        data[bit // 8] ^= 1 << bit % 8
        assert sum_of(bytes(data)) != whole
        data[bit // 8] ^= 1 << bit % 8


def test_exchanged_pages_change_the_sum():
    pages = np.random.default_rng(0).integers(256, size=(32, 4096), dtype=np.uint8)
    whole = sum_of(pages.tobytes())
    for other in range(1, 32):
        order = np.arange(32)
        order[[0, other]] = order[[other, 0]]
        assert sum_of(pages[order].tobytes()) != whole


READERS = [
    pytest.param(
        "compiled",
        marks=pytest.mark.skipif(checked_field.native() is None, reason="not compiled here"),
    ),
    "NumPy",
]


@pytest.fixture(params=READERS)
def _reader(request, monkeypatch):
    if request.param == "NumPy":
        monkeypatch.setattr(checked_field, "native", lambda: None)


@pytest.mark.usefixtures("_reader")
def test_a_part_is_read_as_hdf5_reads_it(tmp_path):
    field(tmp_path / "field.h5")
    rng = np.random.default_rng(3)
    with open_density(tmp_path / "field.h5") as stored:
        for _ in range(50):
            box = tuple(slice(*sorted(rng.integers(0, n + 1, size=2))) for n in (9, 10, 40))
            np.testing.assert_array_equal(stored.read("density", box), stored.file["density"][box])
        for box in [(slice(None), slice(None), 7), (3, slice(2, 9)), (8, 0, -1)]:
            np.testing.assert_array_equal(stored.read("density", box), stored.file["density"][box])


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize("dtype", ["f4", "f2"])
def test_damage_is_told_where_the_damaged_chunk_is_read(dtype, tmp_path):
    """With whole and cut chunks, more and fewer rows of sums than are added up at a time."""
    path, shape = tmp_path / "field.h5", (33, 20, 70)
    values = np.random.default_rng(4).random(shape).astype(dtype)
    with h5py.File(path, "w", libver="v110") as file:
        file.create_dataset("density", data=values, chunks=(16, 20, 32))
        seal_chunks(file, ["density"])
        place = places_of_chunks(file["density"])[1, 0, 2]
    with h5py.File(path) as file:
        read = CheckedField(path, file, "density", "write it again")
        np.testing.assert_array_equal(read[()], values)
    with path.open("r+b") as file:
        file.seek(place + 5)
        file.write(bytes([255]))
    with h5py.File(path) as file:
        read = CheckedField(path, file, "density", "write it again")
        np.testing.assert_array_equal(read[:, :, :64], values[:, :, :64])
        for box in [(slice(None), slice(None), slice(60, 65)), (17, 3, 69)]:
            with pytest.raises(FileFormatError, match=r"field\.h5: density does not match"):
                read[box]
        with pytest.raises(FileFormatError):
            read.verify()


@pytest.mark.usefixtures("_reader")
def test_a_chunk_that_is_not_there_is_told(tmp_path):
    path = tmp_path / "field.h5"
    with h5py.File(path, "w", libver="v110") as file:
        dataset = file.create_dataset("density", (8, 8, 8), "f4", chunks=(4, 8, 8))
        dataset[:4] = 1.0
        np.testing.assert_array_equal(places_one_by_one(dataset), places_of_chunks(dataset))
        create_sums(file, "density")[0, 0, 0] = sum_of(np.ones((4, 8, 8), dtype="f4"))
    with h5py.File(path) as file:
        read = CheckedField(path, file, "density", "write it again")
        assert (read[:4] == 1.0).all()
        with pytest.raises(FileFormatError, match=r"field\.h5: density cannot be read"):
            read[:5]


def test_a_file_without_sums_opens_and_says_so(tmp_path, caplog):
    path = tmp_path / "old.h5"
    field(path)
    with h5py.File(path, "r+") as file:
        del file[GROUP], file.attrs[OF_ATTRIBUTES]
        for name in ("positions", "cell", "numbers"):
            del file[name].attrs["checksum"]
    with caplog.at_level(logging.INFO):
        np.testing.assert_array_equal(read_density(path).density, density().density)
    assert "density has no checksums" in caplog.text
