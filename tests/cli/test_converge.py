"""The convergence study from the command line, with ABINIT, on the smallest of cells."""

import csv

import pytest
import yaml

pytestmark = pytest.mark.abinit

CELL = {"lattice": "fcc", "lattice_constant_bohr": 7.65, "composition": {"Al": 1.0}}


@pytest.fixture
def settings(root, tmp_path):
    data = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    data["material"]["pseudopotentials"]["Al"] = "spms"
    data["systems"]["al4"] = CELL
    data["dft"] |= {"kpoint_spacing_per_bohr": 0.82, "kpoint_shift": "gamma"}
    data["convergence"] = {
        "system": "al4", "temperature_K": 500,
        "kpoints": [2.0], "resolution": [], "smearing": [], "scf_tolerance": [10.0],
    }  # fmt: skip
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_study_finds_an_undersampled_metal_and_is_taken_up_again(run, settings, tmp_path):
    first = run("rhocast", "converge", "--config", settings, "-o", "study", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "a metal" in first.stderr
    assert "2.8 %" in first.stderr
    with (tmp_path / "study/convergence.tsv").open() as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    kpoints = {row["setting"]: row for row in rows if row["parameter"] == "kpoints"}
    assert float(kpoints["1 1 1 shift 0 0 0"]["density_share"]) > 5e-3
    text = (tmp_path / "study/recommended.yaml").read_text()
    assert "kpoint_spacing_per_bohr: 0.82 # not converged" in text
    again = run("rhocast", "converge", "--config", settings, "-o", "study", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "running" not in again.stderr


def test_a_configuration_without_a_study_is_refused(run, root, tmp_path):
    path = root / "tests/data/tiny.yaml"
    result = run("rhocast", "converge", "--config", path, "-o", tmp_path / "study", cwd=root)
    assert result.returncode == 2
    assert "convergence: expected a section" in result.stderr
