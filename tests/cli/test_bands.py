"""The verb `bands`, on one atom of aluminium: with the program itself, and what is refused."""

import json

import numpy as np
import pytest

from rhocast.cli.main import main
from rhocast.density import Density, write_density
from rhocast.structures import Structure, write_structure
from rhocast.units import ANGSTROM_PER_BOHR

DFT = {
    "engine": "abinit",
    "mesh_spacing_bohr": 0.6,
    "cutoff_ha": 6.0,
    "kpoint_spacing_per_bohr": 0.9,
    "kpoint_shift": "half",
    "scf_tolerance": 1e-6,
}
CELL = 3.825 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
ATOM = Structure(np.zeros((1, 3)), CELL, [13])


@pytest.fixture
def bands(tmp_path):
    """Compute bands of a source along Γ-X; return the exit code."""
    write_structure(tmp_path / "al.xyz", ATOM)
    settings = json.dumps({"dft": DFT, "material": {"pseudopotentials": {"Al": "spms"}}})

    def run(*words, path="GX"):
        words += ("-o", tmp_path / "bands.json", "--settings", settings)
        return main(["bands", *map(str, words), "--path", path, "--points", "4"])

    return run


@pytest.mark.abinit
def test_bands_at_the_predicted_and_the_self_consistent_density(bands, tmp_path, capsys):
    picture = tmp_path / "bands.png"
    assert bands("al", tmp_path / "al.xyz", "--against", "dft", "--picture", picture, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert 0.0 < told["max_mev"] < 100.0
    assert 0.0 < told["mean_mev"] < told["max_mev"]
    assert told["gap_ev"] is None
    kept = json.loads((tmp_path / "bands.json").read_text())
    assert [name for _, name in kept["corners"]] == ["G", "X"]
    assert np.shape(kept["density"]["bands_ev"])[0] == len(kept["kpoints"]) == 4
    assert picture.stat().st_size > 10_000


@pytest.mark.abinit
def test_what_it_cannot_take_is_refused(bands, tmp_path, capsys):
    assert bands("al") == 2
    assert "a model needs the file of a structure" in capsys.readouterr().err
    assert bands("al", tmp_path / "al.xyz", path="GQ") == 2
    assert "path GQ" in capsys.readouterr().err
    write_density(tmp_path / "al.h5", Density(ATOM, np.full((8, 8, 8), 3.0 / ATOM.volume)))
    assert bands(tmp_path / "al.h5", "--against", tmp_path / "none.h5") == 4
    assert "no such file" in capsys.readouterr().err
    other = Structure(ATOM.positions, 1.1 * CELL, ATOM.numbers)
    write_density(tmp_path / "other.h5", Density(other, np.full((8, 8, 8), 3.0 / other.volume)))
    assert bands(tmp_path / "al.h5", "--against", tmp_path / "other.h5") == 3
    assert "expected that of the structure" in capsys.readouterr().err
    assert not (tmp_path / "bands.json.work").exists(), "nothing was computed"


@pytest.mark.abinit
def test_both_densities_are_of_the_unit_that_is_told(bands, tmp_path, capsys):
    uniform = Density(ATOM, np.full((8, 8, 8), 3.0 / ATOM.volume / ANGSTROM_PER_BOHR**3))
    write_density(tmp_path / "al.cube", uniform)
    words = ("--density-unit", "angstrom", "--against", tmp_path / "al.cube", "--json")
    assert bands(tmp_path / "al.cube", *words) == 0
    assert json.loads(capsys.readouterr().out)["max_mev"] == pytest.approx(0.0, abs=1e-3)
