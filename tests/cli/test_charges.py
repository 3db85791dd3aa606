"""The verb `charges`, from a predicted field to a table."""

import json

import numpy as np
import pytest
from small_model import make_model

from rhocast.cli.main import main
from rhocast.density import Density, write_density
from rhocast.inference import Predictor
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

PAIR = Structure(np.array([[0.0, 0.0, 0.0], [4.6, 4.6, 4.6]]), 9.2 * np.eye(3), np.array([14, 32]))


def test_charges_of_a_predicted_field(tmp_path, capsys):
    field, table = tmp_path / "field.h5", tmp_path / "charges.tsv"
    write_density(field, Predictor.load("sige").predict(PAIR))
    assert main(["charges", str(field), "--model", "sige", "-o", str(table), "--json"]) == 0
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert rows[0] == ["atom", "element", "x_A", "y_A", "z_A", "charge_e", "std_electrons"]
    assert [row[1] for row in rows[1:]] == ["Si", "Ge"]
    told = json.loads(capsys.readouterr().out)
    assert abs(told["sum_e"]) < 1e-4
    assert abs(told["Si_mean_e"] - float(rows[1][5])) < 1e-6
    assert told["Si_std_electrons"] == pytest.approx(float(rows[1][6]), abs=1e-6)


def test_a_model_without_pseudo_atoms_is_refused(tmp_path, capsys):
    make_model().save(tmp_path / "model.safetensors")
    field = tmp_path / "field.h5"
    write_density(field, Predictor.load("sige").predict(PAIR))
    words = ["charges", str(field), "--model", str(tmp_path / "model.safetensors")]
    assert main([*words, "-o", str(tmp_path / "charges.tsv")]) == 6
    assert "expected a model with pseudo-atoms" in capsys.readouterr().err


def test_samples_give_the_charges_error_bars(tmp_path, capsys):
    PAIR.to_ase().write(tmp_path / "pair.extxyz")
    words = ["predict", "sige", str(tmp_path / "pair.extxyz"), "-o"]
    files = [str(tmp_path / f"{name}.h5") for name in ("density", "0", "1")]
    assert main([*words, files[0]]) == 0
    for number in (0, 1):
        assert main([*words, files[1 + number], "--sample", str(number)]) == 0
    charges = []
    for file, more in ((files[1], []), (files[2], []), (files[0], ["--samples", *files[1:]])):
        table = tmp_path / "charges.tsv"
        assert main(["charges", file, "--model", "sige", "-o", str(table), *more]) == 0
        head, *rows = (line.split("\t") for line in table.read_text().splitlines())
        charges.append(np.array([row[5] for row in rows], dtype=float))
    assert head[5:] == ["charge_e", "charge_std_e", "std_electrons"]
    expected = np.sqrt(np.mean((np.array(charges[:2]) - charges[2]) ** 2, axis=0))
    np.testing.assert_allclose([float(row[6]) for row in rows], expected, atol=3e-6)
    assert (expected > 1e-4).all()
    assert "uncertain by 50 % with 2 of them" in capsys.readouterr().err
    for wrong, told in ((files[0], "the prediction itself"), (files[1], "given twice")):
        words = ["charges", files[0], "--model", "sige", "-o", str(table)]
        assert main([*words, "--samples", files[1], wrong]) == 4
        assert told in capsys.readouterr().err
    bader = ["charges", files[0], "--bader", "Si=x", "-o", str(table), "--samples", files[1]]
    assert main(bader) == 2


def test_format_and_unit_of_field_and_samples_are_those_that_options_tell(tmp_path):
    predictor, found = Predictor.load("sige"), []
    names = ("density", "0", "1")
    for name, sample in zip(names, (None, 0, 1), strict=True):
        field = predictor.predict(PAIR, uncertainty="none", sample=sample)
        write_density(tmp_path / f"{name}.cube", field)
        told = Density(PAIR, field.density / ANGSTROM_PER_BOHR**3)
        write_density(tmp_path / f"{name}.txt", told, "cube")
    named = ["--from-format", "cube", "--density-unit", "angstrom"]
    for suffix, options in (("cube", []), ("txt", named)):
        field, *samples = (str(tmp_path / f"{name}.{suffix}") for name in names)
        words = ["charges", field, "--model", "sige", "--samples", *samples]
        assert main([*words, "-o", str(tmp_path / "charges.tsv"), *options]) == 0
        _, *rows = (
            line.split("\t") for line in (tmp_path / "charges.tsv").read_text().splitlines()
        )
        found.append(np.array([row[5:] for row in rows], dtype=float))
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    assert (np.abs(found[0]) > 1e-4).all()


def test_other_electrons_than_the_atoms_have_are_refused(tmp_path, capsys):
    """In another unit each atom had a charge of +2.5, without a word."""
    write_density(tmp_path / "field.cube", Predictor.load("sige").predict(PAIR))
    words = ["charges", str(tmp_path / "field.cube"), "--model", "sige", "-o"]
    words += [str(tmp_path / "charges.tsv"), "--density-unit", "angstrom"]
    assert main(words) == 4
    told = capsys.readouterr().err
    assert "expected 8 of the model within 5%" in told
    assert "(give --density-unit bohr)" in told
    assert not (tmp_path / "charges.tsv").exists()


def test_one_sample_gives_no_error_bar(tmp_path, capsys):
    write_density(tmp_path / "field.h5", Predictor.load("sige").predict(PAIR))
    words = ["charges", str(tmp_path / "field.h5"), "--model", "sige", "--samples", "s.h5", "-o"]
    (tmp_path / "s.h5").write_text("")
    assert main([*words, str(tmp_path / "charges.tsv")]) == 2
    assert "samples: expected at least 2" in capsys.readouterr().err
