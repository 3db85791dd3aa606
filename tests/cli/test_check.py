"""The verb ``check``: whole files, and results against a configuration."""

import json
from dataclasses import replace

import h5py
import pytest
import yaml
from small_model import SHAPE, make_model, make_structure

import rhocast.cli.main
from rhocast.checksums import seal_attributes
from rhocast.cli.main import main
from rhocast.config import parse_config
from rhocast.density import open_density, write_snapshot
from rhocast.density.formats.snapshot import read_snapshot
from rhocast.density.reduction import reduce_density, write_reduction
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, merge, predict_shard
from rhocast.structures import write_structure
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
    told = json.loads(capsys.readouterr().out)
    assert told["differing"] == told["damaged"] == {}
    assert (told["files"], told["results"]) == (3, 2)


def test_one_changed_key_is_named_with_each_result_and_what_to_do(folder, capsys, caplog):
    config = yaml.safe_load((folder / "my.yaml").read_text())
    config["dft"]["cutoff_ha"] = 7
    (folder / "my.yaml").write_text(yaml.safe_dump(config))
    assert main(["check", "results", "--config", "my.yaml", "--json"]) == 4
    told = json.loads(capsys.readouterr().out)["differing"]
    assert told == {f"results/densities/si8/300K/{i}.h5": "dft.cutoff_ha" for i in (0, 1)}
    assert "0.h5: differs from the configuration in dft.cutoff_ha; move it elsewhere" in caplog.text


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


@pytest.fixture
def whole(folder):
    """The campaign's folder with one file of each kind that can be verified."""
    results = folder / "results"
    atoms = make_structure()
    write_structure(results / "structures/a.h5", atoms)
    write_structure(results / "structures/a.extxyz", replace(atoms, record={"name": "a"}))
    model = make_model()
    model.save(results / "models/m.safetensors")
    options = PredictionOptions(uncertainty="none")
    mesh = Mesh(SHAPE, atoms.cell)
    shard = results / "predictions/a/shard-0.h5"
    predict_shard(model, atoms, mesh, shard, options)
    field = results / "predictions/a/density.h5"
    merge([shard], field, scale_to_electrons=False)
    with open_density(field) as density:
        reduction = reduce_density(density, 4.0)
    write_reduction(results / "reduced.h5", reduction, atoms, mesh, {}, places=3)
    return results


DAMAGED = [
    "structures/a.h5", "structures/a.extxyz", "models/m.safetensors", "predictions/a/shard-0.h5",
    "predictions/a/density.h5", "densities/si8/300K/0.h5", "reduced.h5",
]  # fmt: skip


def test_a_damaged_file_of_each_kind_is_found_in_the_folder_of_results(whole, capsys, caplog):
    assert main(["check", str(whole), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"files": 9, "damaged": {}}
    for name in DAMAGED:
        path = whole / name
        content = bytearray(path.read_bytes())
        content[_place_of_numbers(path)] ^= 4
        path.chmod(0o644)
        path.write_bytes(content)
    assert main(["check", str(whole), "--json"]) == 4
    told = json.loads(capsys.readouterr().out)["damaged"]
    assert sorted(told) == sorted(str(whole / name) for name in DAMAGED)
    assert all("checksum" in fault for fault in told.values())
    assert "density.h5: move it away and run snakemake" in caplog.text


def _place_of_numbers(path):
    """Return a byte among the numbers of a file."""
    if path.suffix != ".h5":
        return path.stat().st_size - 20
    with h5py.File(path) as file:
        dataset = next(file[name] for name in ("density", "positions", "coarse") if name in file)
        if dataset.chunks:
            return dataset.id.get_chunk_info(0).byte_offset + 40
        return dataset.id.get_offset() + 40


def test_what_cannot_be_verified_is_said(folder, caplog):
    (folder / "table.tsv").write_text("a\n")
    assert main(["check", "table.tsv"]) == 4
    assert "others carry no checksums" in caplog.text
    assert main(["check", "missing"]) == 4
    assert "missing: no such file or folder" in caplog.text
