"""The verbs that run an engine, on two silicon atoms with ABINIT."""

import json

import numpy as np
import pytest
import yaml

from rhocast.cli.main import main
from rhocast.density import Density, read_snapshot, write_density
from rhocast.engines.engine import DensityEnergy, EngineRecord
from rhocast.structures import Structure, read_structure, write_structure
from rhocast.units import ANGSTROM_PER_BOHR

SETTINGS = {
    "dft": {
        "engine": "abinit",
        "mesh_spacing_bohr": 0.6,
        "cutoff_ha": 5.0,
        "kpoint_spacing_per_bohr": 1.2,
        "scf_tolerance": 1e-6,
    },
    "material": {"pseudopotentials": {"Si": "spms"}},
}


@pytest.fixture
def verb(tmp_path, monkeypatch):
    """Run a verb on two silicon atoms; return its exit code."""
    for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
        monkeypatch.setenv(name, "1")
    cell = 5.1 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    positions = np.array([[0.1, -0.05, 0.0], [2.55, 2.6, 2.45]])
    write_structure(tmp_path / "si.xyz", Structure(positions, cell, np.array([14, 14])))

    def run(name, *options):
        settings = ["--settings", json.dumps(SETTINGS)]
        return main([name, str(tmp_path / "si.xyz"), *settings, *map(str, options)])

    return run


def test_comparison_needs_something_to_compare(verb, tmp_path, capsys):
    options = ["-o", tmp_path / "si.h5", "--temperature-K", 300, "--compare-start"]
    assert verb("scf", *options) == 2
    assert "--compare-start: expected --start-density FILE" in capsys.readouterr().err


@pytest.mark.abinit
def test_the_name_of_a_snapshot_draws_its_k_points(tmp_path, root, monkeypatch):
    """By the folders that it lies in, or as it is told; the campaign's seed draws others."""
    cell = 5.1 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    positions = np.array([[0.1, -0.05, 0.0], [2.55, 2.6, 2.45]])
    write_structure(tmp_path / "si.xyz", Structure(positions, cell, np.array([14, 14])))
    campaign = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    campaign["dft"] |= SETTINGS["dft"] | {"kpoint_shift": "random"}

    def snapshot(path, *options, seed=1):
        (tmp_path / "own.yaml").write_text(yaml.safe_dump(campaign | {"seed": seed}))
        output = tmp_path / path
        output.parent.mkdir(parents=True, exist_ok=True)
        words = ["scf", tmp_path / "si.xyz", "--config", tmp_path / "own.yaml", "-o", output]
        assert main([*map(str, words), "--temperature-K", "300", *options]) == 0
        return read_snapshot(output)

    first = snapshot("a/si2/300K/0.h5")
    same = snapshot("b/si2/300K/0.h5")
    told = snapshot("told.h5", "--name", "si2/300K/0")
    assert first.accepted
    assert first.kpoints == same.kpoints == told.kpoints
    assert first.record["kpoint_seed"] == same.record["kpoint_seed"]
    np.testing.assert_allclose(first.density, told.density, atol=1e-6)
    again = snapshot("a/again.h5", "--name", "si2/300K/0", "--start-density", f"{tmp_path}/told.h5")
    assert again.kpoints == first.kpoints
    np.testing.assert_allclose(first.density, again.density, atol=1e-5)
    others = [snapshot("a/si2/300K/1.h5"), snapshot("c/si2/300K/0.h5", seed=2)]
    assert len({first.kpoints, *(other.kpoints for other in others)}) == 3


def test_a_drawn_shift_without_its_seed_is_refused(verb, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(SETTINGS["dft"], "kpoint_shift", "random")
    monkeypatch.setattr("rhocast.cli.dft.engine_of", lambda *_: None)
    assert verb("scf", "-o", tmp_path / "si.h5", "--temperature-K", 300) == 2
    told = capsys.readouterr().err
    assert "dft.kpoint_shift: random is drawn" in told
    assert 'write one beside the sections of --settings, {"kpoint_seed": 1, "dft": …}' in told


def test_a_name_draws_nothing_beside_settings(verb, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rhocast.cli.dft.engine_of", lambda *_: None)
    assert (
        verb("scf", "-o", tmp_path / "si.h5", "--temperature-K", 300, "--name", "si2/300K/0") == 2
    )
    assert "--name: found beside --settings" in capsys.readouterr().err


@pytest.mark.abinit
def test_given_density_saves_iterations_and_has_an_energy(verb, tmp_path, capsys):
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    assert verb("scf", "-o", first, "--temperature-K", 300) == 0
    options = ["-o", second, "--temperature-K", 300, "--start-density", first, "--compare-start"]
    assert verb("scf", *options) == 0
    record = read_snapshot(second).record
    assert record["start"].startswith("first.h5 sha256:")
    assert record["scf_iterations"] < record["scf_iterations_from_atoms"]
    assert "from superposed atoms" in capsys.readouterr().err
    assert verb("harris-foulkes", "--density", first, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert np.isclose(found["energy_ha"], read_snapshot(first).energy_ha, atol=2e-6)
    assert np.isclose(found["electrons_given"], 8.0, rtol=1e-5)


class Summing:
    """An engine whose energy is that of one look at the density, Σρ²."""

    record = EngineRecord("abinit", "/bin/abinit", "1")

    def harris_foulkes(self, calculation, density, launcher, workdir, waves=None):
        return DensityEnergy(float((density**2).sum()), 0.0, 0.0, None, 0.0, 0.0)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("d.txt", "0.txt", "1.txt"), ["--from-format", "cube"]),
        (("d.h5", "0.cube", "1.cube"), []),
    ],
)
def test_format_and_unit_are_those_of_density_and_samples(
    verb, tmp_path, capsys, monkeypatch, names, words
):
    monkeypatch.setattr("rhocast.cli.dft.engine_of", lambda *_: Summing())
    structure = read_structure(tmp_path / "si.xyz")
    values = 8.0 / structure.volume * np.random.default_rng(0).uniform(0.5, 1.5, (3, 6, 6, 6))
    values *= 8.0 / structure.volume / values.mean(axis=(1, 2, 3), keepdims=True)
    found = []
    for told, unit, options in (("h5", 1.0, []), (None, ANGSTROM_PER_BOHR**3, words)):
        files = [tmp_path / (f"{n}.{told}" if told else name) for n, name in enumerate(names)]
        for file, density in zip(files, values, strict=True):
            by = 1.0 if file.suffix == ".h5" else unit
            kind = "field" if file.suffix == ".h5" else "cube"
            write_density(file, Density(structure, density / by), kind)
        options = [*options, "--density-unit", "angstrom"] if told is None else []
        samples = ["--samples", *files[1:], "--json"]
        assert verb("harris-foulkes", "--density", files[0], *samples, *options) == 0
        found.append(json.loads(capsys.readouterr().out))
    for key in ("energy_ha", "samples_mean_mev_per_atom", "samples_std_mev_per_atom"):
        assert found[1][key] == pytest.approx(found[0][key], rel=1e-3), key


@pytest.mark.abinit
def test_samples_give_the_energy_an_error_bar(verb, tmp_path, capsys):
    files = [tmp_path / f"{name}.h5" for name in ("density", "0", "1")]
    for file, more in zip(files, ([], ["--sample", "0"], ["--sample", "1"]), strict=True):
        assert main(["predict", "sige", f"{tmp_path}/si.xyz", "-o", str(file), *more]) == 0
    energies = []
    capsys.readouterr()
    for file in files:
        assert verb("harris-foulkes", "--density", file, "--json") == 0
        energies.append(json.loads(capsys.readouterr().out)["energy_ha_per_atom"])
    words = ["--density", files[0], "--json", "--samples"]
    assert verb("harris-foulkes", *words, *files[1:]) == 0
    found = json.loads(capsys.readouterr().out)
    differences = 27211.386 * (np.array(energies[1:]) - energies[0])
    assert found["samples_mean_mev_per_atom"] == pytest.approx(differences.mean(), abs=1e-3)
    assert found["samples_std_mev_per_atom"] == pytest.approx(differences.std(ddof=1), abs=1e-3)
    assert np.abs(differences).min() > 0.01
    for wrong, code, told in (
        ([files[1]], 2, "expected at least 2 for a standard deviation"),
        ([files[1], files[0]], 4, "the prediction itself"),
        ([*files[1:], "--waves", tmp_path / "waves"], 2, "found beside --waves"),
    ):
        assert verb("harris-foulkes", *words, *wrong) == code
        log = capsys.readouterr().err
        assert told in log
        assert "running" not in log  # nothing is computed before
