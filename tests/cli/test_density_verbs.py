"""Verbs on files of densities, and predictions in other formats than HDF5."""

import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

import rhocast.cli.main
from rhocast.cli.main import main
from rhocast.density import Density, read_density, write_density
from rhocast.density.quantity import is_difference
from rhocast.units import ANGSTROM_PER_BOHR

#: The pseudopotential that the model's densities were computed with.
GERMANIUM = f"Ge={Path(__file__).parents[2] / 'data/pseudopotentials/Ge-low.psp8'}"


def settings(material: str) -> str:
    """Return the option ``--settings`` with a section ``material``."""
    dft = '{"mesh_spacing_bohr":0.5,"cutoff_ha":9,"kpoint_spacing_per_bohr":0.5}'
    return f'--settings {{"dft":{dft},"material":{material}}}'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in an empty folder with a structure; leave logging to pytest."""
    monkeypatch.setattr(rhocast.cli.main, "start_logging", lambda: None)
    bulk("SiGe", "zincblende", a=5.53).write(tmp_path / "atoms.xyz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(name: str, *options: str) -> int:
    return main(["predict", "sige-demo", "atoms.xyz", "-o", name, *options])


def test_a_prediction_is_written_in_the_format_of_its_name(folder):
    assert predict("d.h5") == 0
    expected = read_density("d.h5").density
    for name in ("d.cube", "d.xsf", "d.vasp"):
        assert predict(name) == 0
        found = read_density(name)
        np.testing.assert_allclose(found.density, expected, rtol=1e-6)
    names = {path.name for path in folder.iterdir()}
    assert names == {"atoms.xyz", "d.h5", "d.cube", "d.xsf", "d.vasp"}


def test_names_of_what_cannot_be_written_are_refused(folder, caplog):
    assert predict("d.nc") == 2
    assert "d.nc: format 'abinit', expected one of" in caplog.text
    assert predict("d.png") == 2
    assert "d.png: format '.png', expected one of" in caplog.text
    assert predict("0.cube", "--shard", "0/2") == 2
    assert "0.cube: a shard is HDF5" in caplog.text
    assert [path.name for path in folder.iterdir()] == ["atoms.xyz"]


def test_a_difference_is_written_as_a_density(folder):
    assert predict("a.h5") == 0
    assert predict("b.h5", "--unscaled") == 0
    assert (
        main(["superpose", "a.h5", "--pseudopotentials", "Si=spms", GERMANIUM, "-o", "c.h5"]) == 0
    )
    a, c = read_density("a.h5"), read_density("c.h5")
    for name in ("bonds.h5", "bonds.cube"):
        assert main(["diff", "c.h5", "a.h5", "-o", name]) == 0
        found = read_density(name).density
        np.testing.assert_allclose(found, a.density - c.density, atol=1e-7)
    assert main(["diff", "a.h5", "b.h5", "-o", "delta.h5"]) == 0
    assert np.abs(read_density("delta.h5").density).max() < np.abs(found).max()
    assert main(["diff", "a.h5", "b.h5", "-o", "delta.png"]) == 2
    assert main(["diff", "bonds.cube", "a.h5"]) == 4
    assert main(["plot", "histogram", "bonds.cube", "-o", "histogram.png"]) != 0
    files = ["--pseudopotentials", "Si=spms", GERMANIUM]
    assert main(["superpose", "bonds.cube", *files, "-o", "none.h5"]) == 4
    assert main(["plot", "slice", "bonds.h5", "-o", "bonds.png"]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("superpose a.cube --pseudopotentials Xx=spms -o b.h5", "Xx is no chemical symbol"),
        (
            "superpose a.cube --pseudopotentials Si=x.psp8 -o b.h5",
            "--pseudopotentials: x.psp8, the pseudopotential of Si, cannot be read",
        ),
        ("charges a.cube --bader Si=x.psp8 -o b.h5", "--bader: x.psp8, the pseudopotential of Si"),
        ("potential a.cube --ions Si=x.psp8 -o b.h5", "--ions: x.psp8, the pseudopotential of Si"),
        ("import a.cube --temperature-K 1 --psp8 Si=x.psp8 -o b.h5", "--psp8: x.psp8, the pseudo"),
        (
            "bands a.cube -o b.h5 " + settings('{"pseudopotentials":{"Si":"x"}}'),
            "--settings: material.pseudopotentials: x, the pseudopotential of Si",
        ),
        (
            "bands a.cube -o b.h5 " + settings("{}"),
            "--settings: material.pseudopotentials: expected for each element a psp8 file or",
        ),
        ("superpose a.cube --pseudopotentials Si=spms Si=x.psp8 -o b.h5", "Si is given twice"),
        ("superpose folder.cube --pseudopotentials Si=spms -o b.h5", "cube: is a folder, expected"),
        ("diff a.cube folder.cube", "folder.cube: is a folder, expected a file"),
        ("diff a.cube a.cube -o folder.cube", "folder.cube: is a folder, expected the name"),
        ("predict sige-demo absent.xyz -o folder.cube", "folder.cube: is a folder, expected the"),
        ("plot slice a.cube -o folder.cube", "folder.cube: is a folder, expected the name"),
    ],
)
def test_what_cannot_be_meant_is_told_in_a_sentence(arguments, told, folder, caplog):
    assert predict("a.cube") == 0
    (folder / "folder.cube").mkdir()
    assert main(arguments.split()) in (2, 4, 5)
    assert told in caplog.text
    assert not (folder / "b.h5").exists()


def test_superposed_atoms_have_the_unit_and_format_that_options_tell(folder):
    assert predict("a.cube") == 0
    atoms = ["--pseudopotentials", "Si=spms", GERMANIUM]
    assert main(["superpose", "a.cube", *atoms, "-o", "c.cube"]) == 0
    (folder / "a.txt").write_bytes((folder / "a.cube").read_bytes())
    named = ["--from-format", "cube", "--format", "xsf", "--density-unit", "bohr"]
    assert main(["superpose", "a.txt", *atoms, "-o", "c.txt", *named]) == 0
    found = read_density("c.txt", "xsf").density
    np.testing.assert_allclose(found, read_density("c.cube").density, rtol=1e-5, atol=1e-7)
    wrong = ["--density-unit", "angstrom"]
    assert main(["superpose", "a.cube", *atoms, "-o", "d.cube", *wrong]) != 0


def test_the_unit_is_that_of_the_files_that_leave_a_choice(folder, caplog, capsys):
    assert predict("a.h5") == 0
    density = read_density("a.h5")
    told = Density(density.structure, density.density / ANGSTROM_PER_BOHR**3)
    write_density("told.cube", told)
    for words in ("a.h5 told.cube", "told.cube a.h5"):
        assert main(["diff", *words.split(), "--density-unit", "angstrom", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["nmae"] < 1e-4
    assert main(["diff", "a.h5", "a.h5", "--density-unit", "angstrom"]) == 2
    assert "has one unit only" in caplog.text


def test_convert_and_diff(capsys):
    assert predict("d.h5") == 0
    assert main(["convert", "d.h5", "fine.xsf", "--mesh-spacing-bohr", "0.3"]) == 0
    assert main(["convert", "fine.xsf", "d.cube", "--format", "cube"]) == 0
    capsys.readouterr()
    assert main(["diff", "fine.xsf", "d.cube", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["nmae"] < 1e-6
    assert figures["electrons_a"] == pytest.approx(8.0, rel=1e-5)
    assert max(figures["mesh"]) > max(read_density("d.h5").mesh.shape)
    assert main(["diff", "d.h5", "fine.xsf"]) == 0
    assert "nmae" in capsys.readouterr().out


def test_a_cube_is_evaluated_as_a_snapshot_is(root, caplog, capsys):
    snapshot = root / "tests/data/densities/si8/300K/0.h5"
    assert main(["convert", str(snapshot), "dft.cube"]) == 0
    reports = []
    for name in (str(snapshot), "dft.cube"):
        capsys.readouterr()
        assert main(["evaluate", "sige", name, "--uncertainty", "fast", "--json"]) == 0
        reports.append(json.loads(capsys.readouterr().out))
    of_snapshot, of_cube = reports
    assert of_cube["l1_per_electron"] == pytest.approx(of_snapshot["l1_per_electron"], rel=1e-4)
    assert main(["convert", "dft.cube", "wrong.cube", "--density-unit", "angstrom"]) == 0
    assert main(["evaluate", "sige", "wrong.cube", "--uncertainty", "fast"]) == 4
    assert "electrons, expected 32 of the model's elements; the values are per" in caplog.text


def test_a_reduction_and_binary_data_have_no_name_of_a_text_format(folder, caplog):
    assert predict("d.cube", "--reduce") == 2
    assert "d.cube: a reduction is HDF5; call it *.h5" in caplog.text
    (folder / "h.cube").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(20))
    (folder / "n.xsf").write_bytes(b"\x93NUMPY" + bytes(20))
    assert main(["convert", "h.cube", "x.xsf"]) == 4
    assert main(["convert", "n.xsf", "x.cube"]) == 4
    assert "h.cube: holds HDF5, expected the text of Gaussian cube; call it *.h5" in caplog.text
    assert "n.xsf: holds binary data" in caplog.text
    assert "\0" not in caplog.text


def test_the_difference_of_two_meshes_is_told_once(folder, caplog):
    caplog.set_level("INFO")
    assert predict("a.h5", "--mesh-spacing-bohr", "0.8") == 0
    assert predict("b.h5", "--mesh-spacing-bohr", "0.7", "--direct") == 0
    caplog.clear()
    assert main(["diff", "a.h5", "b.h5", "-o", "d.h5"]) == 0
    assert caplog.text.count("interpolated from its") == 1
    assert is_difference(read_density("d.h5").record)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('{"dft": ', "no valid JSON: Expecting value"),
        ("[1]", "expected a JSON object {…}, found '[1]'"),
    ],
)
def test_settings_that_are_no_json_object_are_told(given, told, capsys):
    with pytest.raises(SystemExit):
        main(["scf", "atoms.xyz", "-o", "x.h5", "--temperature-K", "300", "--settings", given])
    assert told in capsys.readouterr().err


def test_settings_are_checked_as_a_configuration_is(caplog):
    dft = '{"mesh_spacing_bohr": 0.5, "kpoint_spacing_per_bohr": -1, "kpoint_shft": "half"}'
    words = ["scf", "atoms.xyz", "-o", "x.h5", "--temperature-K", "300", "--settings"]
    assert main([*words, f'{{"dft": {dft}, "material": {{}}}}']) == 2
    assert caplog.records[-1].getMessage().splitlines() == [
        "--settings: dft.cutoff_ha: expected a value, found none",
        "--settings: dft.kpoint_spacing_per_bohr: expected a value greater than 0, found -1",
        "--settings: dft.kpoint_shft: unknown key (found 'half'); did you mean `kpoint_shift`?",
    ]
