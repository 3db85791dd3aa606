"""The studies from the command line, as far as they take seconds."""

import csv

import pytest
import yaml

import rhocast.cli.main
from rhocast.cli.main import main
from rhocast.config import parse_descriptor


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Leave logging to pytest."""
    monkeypatch.setattr(rhocast.cli.main, "start_logging", lambda: None)


@pytest.fixture
def settings(root, tmp_path):
    """The smallest campaign, with trainings that are but begun."""
    data = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    data["studies"] = {"steps": 2, "seeds": 1, "descriptor_sizes": [0.5]}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def columns(path):
    with path.open() as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_descriptors_cells_and_economy_write_what_they_promise(root, settings, tmp_path):
    densities, out = root / "tests/data/densities", tmp_path / "out"
    common = ["-o", str(out), "--config", str(settings)]
    small, larger = (str(densities / name) for name in ("si8", "si16/300K"))
    assert main(["study", "descriptors", small, *common]) == 0
    assert {row["size"] for row in columns(out / "descriptors.tsv")} == {
        "distances", "angle_atoms", "angle_neighbours",
    }  # fmt: skip
    text = (out / "recommended.yaml").read_text()
    parse_descriptor(yaml.safe_load(text)["descriptor"])
    options = ["--small", small, "--larger", larger, "--judges", str(densities / "si16/600K")]
    assert main(["study", "economy", *options, *common]) == 0
    assert len(columns(out / "economy.tsv")) == 6
    for name in ("descriptors", "economy"):
        assert (out / f"{name}.png").stat().st_size > 10_000


def test_one_frame_of_a_size_cannot_be_compared(root, settings, tmp_path, caplog):
    frames = [str(root / f"tests/data/densities/{cell}/300K/0.h5") for cell in ("si8", "si16")]
    common = ["-o", str(tmp_path / "out"), "--config", str(settings)]
    assert main(["study", "cells", *frames, *common]) == 3
    assert "two frames of each at one temperature" in caplog.text
