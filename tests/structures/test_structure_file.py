from dataclasses import replace

import h5py
import numpy as np
import pytest
from ase.build import bulk
from ase.io import write

from rhocast.errors import StructureError
from rhocast.structures import Structure, read_structure, read_structures, write_structure
from rhocast.units import ANGSTROM_PER_BOHR

TRICLINIC = np.array([[5.0, 0.3, 0.1], [1.2, 6.0, -0.4], [0.7, -1.1, 4.5]])


@pytest.fixture
def triclinic():
    rng = np.random.default_rng(3)
    record = {"atoms": 4, "composition": {"Al": 0.5}, "burgers_bohr": [[0.0, 5.4], [0.0, -5.4]]}
    return Structure(rng.random((4, 3)) @ TRICLINIC + 11.0, TRICLINIC, [13, 13, 14, 32], record)


@pytest.mark.parametrize(("name", "error"), [("cell.extxyz", 1e-7), ("cell.h5", 0.0)])
def test_round_trip_with_the_record(triclinic, tmp_path, name, error):
    write_structure(tmp_path / "new" / name, triclinic)
    back = read_structure(tmp_path / "new" / name)
    np.testing.assert_allclose(back.positions, triclinic.positions, atol=error, rtol=0)
    np.testing.assert_allclose(back.cell, triclinic.cell, atol=error, rtol=0)
    np.testing.assert_array_equal(back.numbers, triclinic.numbers)
    assert back.record == triclinic.record
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_a_structure_without_a_record(triclinic, tmp_path):
    bare = replace(triclinic, record={})
    for name in ("cell.extxyz", "cell.h5"):
        write_structure(tmp_path / name, bare)
        assert read_structure(tmp_path / name).record == {}


def test_atoms_are_read_from_snapshots_too(root):
    snapshot = root / "tests/data/densities/si8/300K/0.h5"
    assert read_structure(snapshot).formula == "Si8"


def test_reading_names_the_file_and_the_fault(tmp_path):
    doubled = tmp_path / "doubled.xyz"
    bulk("Al", cubic=True).repeat((2, 1, 1)).write(doubled)
    lines = doubled.read_text().splitlines()
    lines[3] = lines[2]
    doubled.write_text("\n".join(lines))
    with pytest.raises(StructureError, match=r"doubled\.xyz: two atoms are 0 Bohr apart"):
        read_structure(doubled)
    for name in ("absent.xyz", "absent.h5"):
        with pytest.raises(StructureError, match=name):
            read_structure(tmp_path / name)
    for name in ("nonsense.cif", "nonsense.h5"):
        (tmp_path / name).write_text("nothing of use")
        with pytest.raises(StructureError, match=name):
            read_structure(tmp_path / name)


def test_hdf5_without_atoms_says_what_it_lacks(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["cell"] = np.eye(3)
    with pytest.raises(StructureError, match=r"other\.h5: it lacks numbers, positions, it holds"):
        read_structure(tmp_path / "other.h5")


def test_all_structures_of_a_file_or_some(root, tmp_path):
    atoms = [bulk("Al", a=4.0 + 0.01 * number) for number in range(7)]
    run = tmp_path / "run.extxyz"
    write(run, atoms)
    assert list(read_structures(run)) == list(range(7))
    some = read_structures(f"{run}@1::2")
    assert list(some) == [1, 3, 5]
    assert some[3].volume * ANGSTROM_PER_BOHR**3 == pytest.approx(atoms[3].get_volume())
    assert list(read_structures(f"{run}@-1")) == [6]
    assert read_structures(root / "tests/data/densities/si8/300K/0.h5")[0].formula == "Si8"


def test_the_faulty_one_among_many_is_named(tmp_path):
    atoms = [bulk("Al"), bulk("Al").repeat((2, 1, 1))]
    atoms[1].positions[1] = atoms[1].positions[0]
    write(tmp_path / "run.extxyz", atoms)
    with pytest.raises(StructureError, match=r"run\.extxyz, structure 1: two atoms are 0 Bohr"):
        read_structures(tmp_path / "run.extxyz")
    for name in ("absent.xyz", "run.extxyz@9"):
        with pytest.raises(StructureError, match=name):
            read_structures(tmp_path / name)


@pytest.mark.parametrize("name", ["slab.xyz", "slab.traj"])
def test_open_directions_are_told(name, tmp_path, caplog):
    """Own reader and ASE's."""
    caplog.set_level("INFO")
    atoms = bulk("Al", cubic=True)
    for pbc, told in ((True, ""), ((True, False, False), "not periodic along b, c, as it says")):
        caplog.clear()
        atoms.pbc = pbc
        atoms.write(tmp_path / name)
        read_structure(tmp_path / name)
        assert told in caplog.text
        assert bool(told) == bool(caplog.text)
