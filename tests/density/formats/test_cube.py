"""Gaussian cubes: of other programs, and our own read by ASE."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase.io.cube import read_cube, write_cube
from gaussian_atoms import SHAPE, check_gaussians, crystal, on_mesh

from rhocast.density import Density, read_density, write_density
from rhocast.errors import FileFormatError
from rhocast.structures import Structure, read_structure
from rhocast.units import ANGSTROM_PER_BOHR

__all__ = ["crystal"]

DATA = Path(__file__).parents[1] / "data"


def cube_text(structure, data, origin=None) -> str:
    shift = None if origin is None else np.asarray(origin) * ANGSTROM_PER_BOHR
    with tempfile.TemporaryFile("w+") as file:
        write_cube(file, structure.to_ase(), data, origin=shift)
        file.seek(0)
        return file.read()


@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (-3.2, -3.5, -3.7), (0.4, 1.0, 2.0)])
def test_cube_of_ase(crystal, tmp_path, origin):
    path = tmp_path / "any.cube"
    path.write_text(cube_text(crystal, on_mesh(crystal, origin=origin), origin))
    check_gaussians(read_density(path), crystal)


def in_angstrom(text: str, n_atoms: int) -> str:
    """Lengths of a cube in ångström, as negative point counts say."""
    lines = text.splitlines()
    for i in range(2, 6 + n_atoms):
        words = lines[i].split()
        lengths = [float(word) * ANGSTROM_PER_BOHR for word in words[-3:]]
        sign = "-" if 3 <= i < 6 else ""
        lines[i] = f"{sign}{' '.join(words[:-3])} " + " ".join(f"{x:.9f}" for x in lengths)
    return "\n".join(lines) + "\n"


def test_cube_in_angstrom(crystal, tmp_path):
    origin = (-1.0, 0.5, 0.25)
    text = cube_text(crystal, on_mesh(crystal, origin=origin), origin)
    (tmp_path / "any.cube").write_text(in_angstrom(text, len(crystal)))
    check_gaussians(read_density(tmp_path / "any.cube"), crystal)


def test_values_per_cubic_angstrom(crystal, tmp_path):
    path = tmp_path / "any.cube"
    path.write_text(cube_text(crystal, on_mesh(crystal) / ANGSTROM_PER_BOHR**3))
    check_gaussians(read_density(path, density_unit="angstrom"), crystal)


def test_an_end_point_that_repeats_the_first_is_dropped(crystal, tmp_path):
    closed = np.pad(on_mesh(crystal), ((0, 1),) * 3, mode="wrap")
    stretched = crystal.cell * (np.array(closed.shape) / SHAPE)[:, None]
    path = tmp_path / "closed.cube"
    path.write_text(cube_text(replace(crystal, cell=stretched), closed))
    found = read_density(path)
    check_gaussians(found, crystal)
    assert "repeats the first" in found.notes[0]


def test_vacuum_around_a_molecule_is_no_end_point(tmp_path):
    molecule = Structure([[12.0, 12.0, 12.0]], 24.0 * np.eye(3), [14])
    data = on_mesh(molecule, (40, 40, 40))
    (tmp_path / "box.cube").write_text(cube_text(molecule, data))
    assert read_density(tmp_path / "box.cube").density.shape == data.shape


def test_two_fields_in_a_cube_are_refused(crystal, tmp_path):
    lines = cube_text(crystal, np.repeat(on_mesh(crystal), 2, axis=2)).splitlines()
    lines[2] += "  2"
    lines[5] = lines[5].replace("30", "15", 1)
    (tmp_path / "two.cube").write_text("\n".join(lines))
    with pytest.raises(FileFormatError, match=r"two\.cube: holds 2 fields"):
        read_density(tmp_path / "two.cube")


@pytest.mark.parametrize("name", ["ok", "loop_zyx", "fortranD"])
def test_titles_are_free_text_and_numbers_may_be_fortrans(name):
    found = read_density(DATA / f"{name}.cube")
    assert found.electron_count == pytest.approx(13.0, rel=1e-5)
    expected = read_density(DATA / "ok.cube").density
    if name == "loop_zyx":  # its first header line is the cell's third vector
        expected = expected.transpose(2, 1, 0)
    np.testing.assert_allclose(found.density, expected, rtol=1e-5)


def test_an_exponent_without_its_letter_is_read():
    found = read_density(DATA / "exponent.cube")
    assert found.density[0, 0, 0] == 0.37365e-102
    assert found.electron_count == pytest.approx(6.0, rel=1e-5)


def test_mirror_symmetry_is_no_repeated_end_point():
    found = read_density(DATA / "centred_fcc.cube")
    assert found.density.shape == (8, 8, 8)
    assert found.electron_count == pytest.approx(12.0, rel=1e-5)


def test_a_slab_in_exact_vacuum_may_repeat_its_end_point():
    found = read_density(DATA / "slab_zero_closed.cube")
    assert found.density.shape == (5, 5, 40)
    np.testing.assert_allclose(found.cell, np.diag([6.0, 6.0, 60.0]), atol=1e-6)
    assert found.electron_count == pytest.approx(6.0, rel=1e-5)


@pytest.mark.parametrize("damage", ["cut", "longer", "stars", "header"])
def test_damaged_cubes_are_refused(crystal, tmp_path, damage):
    text = cube_text(crystal, on_mesh(crystal))
    damaged = {
        "cut": text[: len(text) // 2],
        "longer": text + " 0.1 0.2\n",
        "stars": text[:-60] + "*" * 59 + "\n",
        "header": text.replace("   13 ", "   xx ", 1),
    }[damage]
    (tmp_path / "any.cube").write_text(damaged)
    with pytest.raises(FileFormatError, match=r"any\.cube"):
        read_density(tmp_path / "any.cube")


def test_a_byte_order_mark_does_no_harm(crystal, tmp_path):
    text = cube_text(crystal, on_mesh(crystal))
    (tmp_path / "any.CUBE").write_text(text, encoding="utf-8-sig")
    check_gaussians(read_density(tmp_path / "any.CUBE"), crystal)


def test_ase_reads_what_is_written(crystal, tmp_path):
    density = on_mesh(crystal)
    write_density(tmp_path / "own.cube", Density(crystal, density))
    with (tmp_path / "own.cube").open() as file:
        cube = read_cube(file)
    np.testing.assert_allclose(cube["data"], density, rtol=1e-7)
    atoms = crystal.to_ase()
    np.testing.assert_allclose(cube["atoms"].positions, atoms.positions, atol=1e-9)
    np.testing.assert_allclose(cube["atoms"].cell.array, atoms.cell.array, atol=1e-9)
    assert len(read_structure(tmp_path / "own.cube")) == 3


def test_columns_never_touch(tmp_path):
    """An atom 540 Å outside its cell has a coordinate of eighteen characters."""
    structure = Structure(
        [[0.0, -1016.5227600728, 0.0], [3.0, 0, 99999.5]], 8.0 * np.eye(3), [13] * 2
    )
    for name in ("far.cube", "far.xsf"):
        write_density(tmp_path / name, Density(structure, np.ones((2, 3, 4))))
        read = read_density(tmp_path / name).structure
        np.testing.assert_allclose(read.positions, structure.positions, atol=1e-8)
        assert len(read_structure(tmp_path / name)) == 2
