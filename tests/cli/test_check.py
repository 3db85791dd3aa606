"""The verb ``check``: results against a configuration."""

import json

import h5py
import pytest
import yaml

import rhocast.cli.main
from rhocast.checksums import seal_attributes
from rhocast.cli.main import main
from rhocast.config import parse_config
from rhocast.density import write_snapshot
from rhocast.density.formats.snapshot import read_snapshot
from rhocast.workflow.campaign import Campaign
from rhocast.workflow.stamps import write_stamp


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Leave logging to pytest."""
    monkeypatch.setattr(rhocast.cli.main, "start_logging", lambda: None)


@pytest.fixture
def folder(root, tmp_path, monkeypatch):
    """A campaign of which two densities have been computed, and its configuration."""
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "results").mkdir()
    (tmp_path / "results/engine.json").write_text('{"name": "abinit"}')
    campaign = Campaign(parse_config(config))
    for number in (0, 1):
        path = tmp_path / f"results/densities/si8/300K/{number}.h5"
        write_snapshot(path, read_snapshot(root / f"tests/data/densities/si8/300K/{number}.h5"))
        write_stamp(path, campaign.determined.density("si8", 300))
    return tmp_path


def test_results_of_the_configuration_agree(folder, capsys):
    assert main(["check", "results", "--config", "my.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differing"] == {}


def test_one_changed_key_is_named_with_each_result_and_what_to_do(folder, capsys, caplog):
    config = yaml.safe_load((folder / "my.yaml").read_text())
    config["dft"]["cutoff_ha"] = 7
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    assert main(["check", "results", "--config", "my.yaml", "--json"]) == 4
    told = json.loads(capsys.readouterr().out)["differing"]
    assert told == {f"results/densities/si8/300K/{i}.h5": "dft.cutoff_ha" for i in (0, 1)}
    assert "0.h5: differs from the configuration in dft.cutoff_ha; remove it" in caplog.text


def test_a_file_without_settings_is_compared_by_its_cell(folder, capsys):
    path = "results/densities/si8/300K/1.h5"
    with h5py.File(path, "r+") as file:
        del file.attrs["determined_by"]
        seal_attributes(file)
    assert main(["check", "results/densities", "--config", "my.yaml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["without_settings"] == 1
    config = yaml.safe_load((folder / "my.yaml").read_text())
    config["systems"]["si8"]["lattice_constant_bohr"] = 10.4
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    assert main(["check", path, "--config", "my.yaml", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["differing"] == {path: "systems.si8"}
