"""Plain extended XYZ read without ASE's readers: the same structures, or left to them."""

import ase.build
import ase.io
import numpy as np
import pytest

from rhocast.structures import Structure, read_structure, read_structures, write_structure
from rhocast.structures.extended_xyz import read_extended_xyz


@pytest.fixture
def frames():
    made = []
    for seed in range(3):
        atoms = ase.build.bulk("NaCl", "rocksalt", 5.64) * (2, 2, 1)
        atoms.rattle(0.1, seed=seed)
        atoms.set_array("forces", np.random.default_rng(seed).normal(size=(len(atoms), 3)))
        made.append(atoms)
    return made


def test_every_frame_is_what_ase_reads(frames, tmp_path):
    path = tmp_path / "t.extxyz"
    ase.io.write(path, frames)
    found = read_extended_xyz(path)
    expected = [Structure.from_ase(atoms) for atoms in ase.io.read(path, ":")]
    assert len(found) == 3
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.cell, other.cell)
        np.testing.assert_array_equal(one.numbers, other.numbers)
    np.testing.assert_array_equal(read_structure(path).positions, expected[-1].positions)
    assert list(read_structures(path)) == [0, 1, 2]


@pytest.mark.parametrize(
    "text",
    [
        "1\nno lattice\nAl 0 0 0\n",
        '1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3\nAl1 0 0 0\n',
        '1\nLattice="4 0 0 0 4 0" Properties=species:S:1:pos:R:3\nAl 0 0 0\n',
        "",
    ],
)
def test_what_is_not_plain_is_left_to_ase(text, tmp_path):
    path = tmp_path / "t.xyz"
    path.write_text(text)
    assert read_extended_xyz(path) is None


def test_records_are_read_by_ase(tmp_path):
    structure = Structure(np.zeros((1, 3)), 8.0 * np.eye(3), np.array([13]), {"built": "here"})
    write_structure(tmp_path / "t.extxyz", structure)
    assert read_structure(tmp_path / "t.extxyz").record == {"built": "here"}
