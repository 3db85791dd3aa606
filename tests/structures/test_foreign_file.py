"""Structure files that say other than what a parser takes for granted."""

import resource

import numpy as np
import pytest
from ase.build import bulk
from cif import cubic_cif

from rhocast.errors import StructureError
from rhocast.structures import read_structure, read_structures

LAMMPS = """made by hand

4 atoms
1 atom types

0.0 4.05 xlo xhi
0.0 4.05 ylo yhi
0.0 4.05 zlo zhi
{masses}
Atoms # atomic

1 1 0.02 0.05 0.02
2 1 3.97 2.08 2.05
3 1 1.99 0.03 2.05
4 1 2.04 2.03 0.03
"""

DUMP = """ITEM: TIMESTEP
0
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0.0 4.05
0.0 4.05
0.0 4.05
ITEM: ATOMS id type {column} x y z
1 1 {first} 0.0 0.0 0.0
2 2 {second} 2.0 2.0 2.0
"""


def fcc(sites: str) -> str:
    return cubic_cif(sites, 4.05, "F m -3 m", 225)


def test_sites_that_are_occupied_in_part_are_refused(tmp_path):
    path = tmp_path / "vac.cif"
    path.write_text(fcc("Al1 Al 0 0 0 0.75"))
    with pytest.raises(StructureError, match=r"vac\.cif: site 1 .*Al 0\.75.*`vacancies`"):
        read_structure(path)
    with pytest.raises(StructureError, match=r"site 1 .*Al 0\.75"):
        read_structures(path)
    path.write_text(fcc("Al1 Al 0 0 0 1.0"))
    assert read_structure(path).formula == "Al4"


def test_sites_of_two_elements_are_refused(tmp_path):
    path = tmp_path / "mix.cif"
    sites = "Si1 Si 0 0 0 0.5\nGe1 Ge 0 0 0 0.5"
    path.write_text(cubic_cif(sites, 5.53, "F d -3 m", 227))
    with pytest.raises(
        StructureError, match=r"site 1 is shared \(Si 0\.5, Ge 0\.5\).*rhocast new mix"
    ):
        read_structure(path)


def test_types_of_lammps_are_no_atomic_numbers(tmp_path):
    path = tmp_path / "al4.data"
    path.write_text(LAMMPS.format(masses=""))
    with pytest.raises(StructureError, match=r"al4\.data: .*type 1 need not be.*--species"):
        read_structure(path)
    assert read_structure(path, species=["Al"]).formula == "Al4"
    with pytest.raises(StructureError, match="'Xx' is no chemical symbol"):
        read_structure(path, species=["Xx"])
    path.write_text(LAMMPS.format(masses="\nMasses\n\n1 26.98\n"))
    found = read_structure(path)
    assert found.formula == "Al4"
    np.testing.assert_allclose(found.cell, 4.05 / 0.529177 * np.eye(3), rtol=1e-5)


def test_dumps_of_lammps_need_elements_too(tmp_path):
    path = tmp_path / "any.dump"
    path.write_text(DUMP.format(column="q", first=0, second=0))
    with pytest.raises(StructureError, match="--species"):
        read_structure(path)
    assert read_structure(path, species=["Al", "Si"]).formula == "Al1Si1"
    path.write_text(DUMP.format(column="element", first="Ge", second="Si"))
    assert read_structure(path).formula == "Si1Ge1"


def test_labels_are_read_as_symbols_or_named(tmp_path):
    path = tmp_path / "labels.xyz"
    lattice = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3'
    path.write_text(f"2\n{lattice}\nAl1 0 0 0\nSi2a 2 2 2\n")
    assert read_structure(path).formula == "Al1Si1"
    path.write_text(f"2\n{lattice}\nAl1 0 0 0\nQq7 2 2 2\n")
    with pytest.raises(StructureError, match=r"labels\.xyz: line 4: 'Qq7' is no chemical symbol"):
        read_structure(path)


@pytest.mark.parametrize("name", ["al.CIF", "al.XYZ", "al.VASP"])
def test_suffixes_in_capitals_and_byte_order_marks(tmp_path, name):
    plain = tmp_path / name.lower()
    bulk("Al", cubic=True).write(plain)
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())
    assert read_structure(tmp_path / name).formula == "Al4"


def test_a_file_without_structure_is_told(tmp_path):
    (tmp_path / "any.data").write_text("nothing of use\n")
    with pytest.raises(StructureError, match=r"any\.data: "):
        read_structure(tmp_path / "any.data")
    with pytest.raises(StructureError, match=r"none\.xyz: cannot be opened"):
        read_structure(tmp_path / "none.xyz")


ANNOUNCING = {
    "many.xyz": '1000000000\nLattice="9 0 0 0 9 0 0 0 9"\nAl 0 0 0\n',
    "POSCAR": "many\n1.0\n9 0 0\n0 9 0\n0 0 9\nAl\n2000000000\nDirect\n0 0 0\n",
    "many.lmp": "many\n\n900000000 atoms\n1 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\n"
    "Masses\n\n1 26.98\n\nAtoms # atomic\n\n1 1 0 0 0\n",
}


@pytest.mark.parametrize("name", ANNOUNCING)
def test_a_file_that_announces_more_atoms_than_it_holds_is_refused(name, tmp_path):
    (tmp_path / name).write_text(ANNOUNCING[name])
    before = resource.getrlimit(resource.RLIMIT_AS)
    with pytest.raises(StructureError, match=rf"{name}: "):
        read_structure(tmp_path / name)
    assert resource.getrlimit(resource.RLIMIT_AS) == before
