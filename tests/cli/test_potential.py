"""The verb `potential`, from a density to a table, a cube and a picture."""

import json

import numpy as np
import pytest
from gaussian_atoms import on_mesh

from rhocast.cli.main import main
from rhocast.density import Density, read_density, write_density
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

CELL = np.diag([7.0, 7.5, 24.0])


@pytest.fixture(scope="module")
def slab(tmp_path_factory):
    """One ion whose electrons lie 0.2 Bohr above it: a step of 4π · 3 · 0.2 over the area."""
    place = np.array([[1.0, 2.0, 11.0]])
    density = on_mesh(Structure(place + np.array([0.0, 0.0, 0.2]), CELL, [13]), (14, 15, 48))
    path = tmp_path_factory.mktemp("slab") / "slab.h5"
    write_density(path, Density(Structure(place, CELL, [13]), density))
    return path


def test_table_cube_picture_and_figures(slab, tmp_path, capsys):
    table, cube, picture = (tmp_path / name for name in ("v.tsv", "v.cube", "v.png"))
    words = ["--ions", "Al=3", "-o", str(table), "--cube", str(cube), "--picture", str(picture)]
    more = ["--period-bohr", "4", "--fermi-level-ha", "0", "--json"]
    assert main(["potential", str(slab), *words, *more]) == 0
    told = json.loads(capsys.readouterr().out)
    step = 4.0 * np.pi * 3.0 * 0.2 / (7.0 * 7.5)
    assert told["vacuum_above_ha"] - told["vacuum_below_ha"] == pytest.approx(step, rel=1e-3)
    assert told["work_function_above_eV"] == pytest.approx(27.2114 * told["vacuum_above_ha"])
    potential = read_density(cube).density
    rows = np.loadtxt(table, skiprows=1)
    assert rows.shape == (48, 5)
    np.testing.assert_allclose(potential.mean(axis=(0, 1)), rows[:, 2], atol=1e-6)
    assert picture.stat().st_size > 10_000


def test_pseudopotentials_are_ions_too(slab, tmp_path, capsys):
    words = ["potential", str(slab), "-o", str(tmp_path / "v.tsv"), "--json", "--ions"]
    assert main([*words, "Al=spms"]) == 0
    assert json.loads(capsys.readouterr().out)["vacuum_above_ha"] > 0.0
    assert main([*words, "Al=spms", "--axis", "a"]) == 0
    assert "vacuum" in json.loads(capsys.readouterr().out)
    assert main([*words, "Al"]) == 2
    assert "Al: expected ELEMENT=FILE" in capsys.readouterr().err
    assert main([*words, "Si=4"]) == 6
    assert "Al: no ion of it is given" in capsys.readouterr().err


def test_format_and_unit_are_those_that_options_tell(slab, tmp_path):
    words = ["--ions", "Al=3", "-o"]
    assert main(["potential", str(slab), *words, str(tmp_path / "expected.tsv")]) == 0
    known = read_density(slab)
    told = Density(known.structure, known.density / ANGSTROM_PER_BOHR**3)
    write_density(tmp_path / "told.txt", told, "cube")
    source = [str(tmp_path / "told.txt"), "--from-format", "cube", "--density-unit", "angstrom"]
    assert main(["potential", *source, *words, str(tmp_path / "found.tsv")]) == 0
    found, expected = (np.loadtxt(tmp_path / f"{n}.tsv", skiprows=1) for n in ("found", "expected"))
    np.testing.assert_allclose(found, expected, atol=1e-5)
