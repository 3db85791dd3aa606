"""A whole small campaign with ABINIT, once; then what edits make run again, and what not."""

import hashlib
import json
import sys
from importlib.resources import files

import h5py
import numpy as np
import pytest
import yaml
from graph import jobs_of

from rhocast.checksums import seal_attributes
from rhocast.workflow.crate import METADATA

pytestmark = [pytest.mark.workflow, pytest.mark.abinit, pytest.mark.mpi]

LEARNING = {
    "train", "transfer", "evaluate", "choose", "worst_snapshot", "predict", "merge", "figures",
    "summary",
}  # fmt: skip

#: Puts the JSON-LD context of RO-Crate into the validator's cache; run by the validator's Python.
FILL_CACHE = """
import sys
from pathlib import Path
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

class Stored(HTTPAdapter):
    def send(self, request, **_):
        body, headers = Path(sys.argv[2]).open("rb"), {"Content-Type": "application/ld+json"}
        return self.build_response(
            request, HTTPResponse(body, headers, status=200, preload_content=False)
        )

session = CachedSession(sys.argv[1], backend="sqlite", expire_after=-1)
session.mount("https://w3id.org/", Stored())
session.get(
    "https://w3id.org/ro/crate/1.3/context",
    headers={"Accept": "application/ld+json, application/json"},
)
"""


@pytest.fixture(scope="module")
def snakemake(run, clone):
    """Run Snakemake on the small campaign, in the clone."""

    def start(*arguments, variables=None, **edits):
        config = yaml.safe_load((clone / "tests/data/tiny.yaml").read_text())
        for section, value in edits.items():
            config[section] = {**config[section], **value}
        (clone / "tiny.yaml").write_text(yaml.safe_dump(config))
        return run(
            "snakemake", *arguments, "--profile", "profiles/local", "--configfile", "tiny.yaml",
            cwd=clone, **(variables or {}),
        )  # fmt: skip

    return start


@pytest.fixture(scope="module")
def campaign(snakemake, clone):
    """The finished campaign: from DFT to figures."""
    result = snakemake()
    logs = "\n".join(f"{p}\n{p.read_text()}" for p in (clone / "results/logs").rglob("*.log"))
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}\n{logs}"
    return clone / "results"


@pytest.fixture(scope="module")
def crate(campaign, snakemake):
    """The folder of results as an RO-Crate."""
    result = snakemake("crate")
    assert result.returncode == 0, result.stdout + result.stderr
    return campaign


def planned(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return {name: n for name, n in jobs_of(result.stdout).items() if name not in ("all", "total")}


def test_one_field_comes_out(campaign):
    with h5py.File(campaign / "predictions/si64/density.h5") as file:
        voxel = abs(np.linalg.det(file["cell"])) / file["density"].size
        assert file["density"][()].sum() * voxel == pytest.approx(63 * 4, rel=1e-6)
        assert (file["epistemic_std"][()] > 0).all()
        assert (file["aleatoric_std"][()] > 0).all()
    assert not list(campaign.glob("predictions/si64/shard-*"))
    for kind in ("", "-void", "-render", "-histogram"):
        assert (campaign / f"figures/si64{kind}.png").stat().st_size > 10_000
    errors = json.loads((campaign / "evaluation/test.json").read_text())
    # 150 steps of a 16-wide network: better than the mean density (42 %) by far is enough here
    assert errors["transferred"]["l1_per_electron"] < 0.2
    assert "Si63" in (campaign / "summary.txt").read_text()
    engine = json.loads((campaign / "engine.json").read_text())
    with h5py.File(campaign / "densities/si16/600K/0.h5") as file:
        assert file.attrs["status"] == "accepted"
        assert file.attrs["engine_version"] == engine["version"]


def test_a_second_run_does_nothing(campaign, snakemake):
    result = snakemake()
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_comment_or_an_upgrade_reruns_nothing(campaign, snakemake, clone):
    edited = [*(clone / "scripts").glob("*.py"), *(clone / "rules").glob("*.smk")]
    before = {path: path.read_text() for path in edited}
    version = clone / "src/rhocast/__init__.py"
    before[version] = version.read_text()
    for path, text in before.items():
        path.write_text(text.replace("0.1.0", "0.2.0") + "\n# a comment\n")
    try:
        assert planned(snakemake("-n")) == {}
    finally:
        for path, text in before.items():
            path.write_text(text)


def test_a_key_that_a_later_version_adds_reruns_nothing(campaign, snakemake, clone, run):
    """The installed package stays as it is; the clone's, with a new default, is put before it."""
    sections = {
        "cells": ("System", "Material"),
        "data": ("Dft", "Aimd"),
        "learning": ("Training",),
        "prediction": ("Prediction",),
    }
    paths = {clone / f"src/rhocast/config/{name}.py": them for name, them in sections.items()}
    before = {path: path.read_text() for path in paths}
    for path, names in paths.items():
        text = before[path]
        for section in names:
            head = text.index(f"class {section}(")
            place = text.index("= Field(", head)
            place = text.rindex("\n    ", 0, place)
            text = text[:place] + "\n    new_key: int = 3" + text[place:]
        path.write_text(text)
    try:
        result = snakemake("-n", variables={"PYTHONPATH": str(clone / "src")})
        assert planned(result) == {}
    finally:
        for path, text in before.items():
            path.write_text(text)


def test_another_temperature_adds_only_its_own_data(campaign, snakemake):
    source = {"system": "si8", "temperatures_K": [300, 900, 600], "frames": 3}
    counted = planned(snakemake("-n", datasets={"small": [source]}))
    assert counted["aimd"] == 1
    assert counted["scf"] == counted["snapshots"] == 3


def test_more_frames_repeat_none(campaign, snakemake):
    source = {"system": "si8", "temperatures_K": [300, 900], "frames": 4}
    counted = planned(snakemake("-n", datasets={"small": [source]}))
    assert counted["aimd"] == 2  # longer runs, with the same first steps
    assert counted["scf"] == counted["snapshots"] == 2


def test_resources_rerun_nothing(campaign, snakemake):
    assert planned(snakemake("-n", "--set-resources", "scf:tasks=2", "predict:tasks=1")) == {}


def test_a_rule_can_be_forced(campaign, snakemake):
    counted = planned(snakemake("-n", "--forcerun", "transfer"))
    assert set(counted) == LEARNING - {"train"}


def test_the_report_holds_the_pictures(campaign, snakemake, clone):
    result = snakemake("--report", "report.html")
    assert result.returncode == 0, result.stdout + result.stderr
    text = (clone / "report.html").read_text()
    for name in ("figures/si64.png", "figures/errors-test.png", "summary.txt"):
        assert name in text


def test_the_crate_describes_what_is_there(crate):
    """Files with their sizes and sums; programs with versions; what made which."""
    entities = {e["@id"]: e for e in json.loads((crate / METADATA).read_text())["@graph"]}
    listed = {name: e for name, e in entities.items() if e["@type"] == "File"}
    assert {"campaign.yaml", "summary.txt", "engine.json", "models/si/chosen.safetensors"} < {
        *listed
    }
    assert {"predictions/si64/density.h5", "figures/si64.png", "evaluation/test.json"} < {*listed}
    for name, entity in listed.items():
        content = (crate / name).read_bytes()
        assert entity["contentSize"] == str(len(content))
        assert entity["sha256"] == hashlib.sha256(content).hexdigest()
    assert {part["@id"] for part in entities["./"]["hasPart"]} == {*listed}
    engine = json.loads((crate / "engine.json").read_text())
    assert entities["#abinit"]["version"] == engine["version"]
    (prediction,) = (e for e in entities.values() if e.get("name") == "Prediction")
    assert prediction["result"] == {"@id": "predictions/si64/density.h5"}
    assert {"@id": "models/si/chosen.safetensors"} in prediction["object"]
    assert {"@id": "models/si/base.safetensors"} not in prediction["object"]
    (training,) = (e for e in entities.values() if e.get("name") == "Training")
    taught = {file["@id"] for file in training["object"]} - {"campaign.yaml"}
    of_small = {f"densities/si8/{T}K/{i}.h5" for T in (300, 900) for i in range(3)}
    assert taught == of_small | {f"densities/si16/{T}K/0.h5" for T in (300, 900)}  # not 600 K
    assert {"@id": "#rhocast"} in prediction["instrument"]
    assert yaml.safe_load((crate / "campaign.yaml").read_text())["name"] == "si"


def test_the_card_tells_data_and_errors_of_the_model(crate):
    card = (crate / "card.md").read_text()
    assert card.startswith("# Model `si`\n")
    assert "- si8/300K/0.h5, SHA-256" in card, card
    assert "| si16/600K | Si16 |" in card, card
    assert "(trained on)" not in card
    assert "- Cell si64 has a vacancy, which no held-out or training snapshot has: " in card
    report = json.loads((crate / "evaluation/test.json").read_text())
    error = min(report[kind]["l1_per_electron"] for kind in ("base", "transferred"))
    assert f"| {error:.2%} |" in card


def test_a_validator_accepts_the_crate(crate, run, tmp_path):
    """Offline: its cache gets the context of the format, which comes with the package `rocrate`."""
    context = files("rocrate") / "data/ro-crate.jsonld"
    filled = run(sys.executable, "-c", FILL_CACHE, tmp_path / "cache", context)
    assert filled.returncode == 0, filled.stderr

    def validate():
        return run(
            "rocrate-validator", "--no-interactive", "validate", "--offline", "--cache-path",
            tmp_path / "cache", "--no-paging", "--verbose", crate,
        )  # fmt: skip

    accepted = validate()
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
    assert "valid ro-crate-1.3" in accepted.stdout
    engine = crate / "engine.json"
    engine.rename(tmp_path / "engine.json")
    try:
        assert validate().returncode != 0
    finally:
        (tmp_path / "engine.json").rename(engine)


def test_a_rejected_single_point_stops_nothing_else(campaign, snakemake, clone):
    """Last in this module: it changes the data."""
    path = campaign / "densities/si8/300K/1.h5"
    path.chmod(0o644)
    with h5py.File(path, "r+") as file:
        file.attrs["status"] = "rejected"
        file.attrs["reason"] = "SCF did not converge"
        seal_attributes(file)
    refused = snakemake(
        "results/features/small.h5",
        features={"max_rejected_share": 0.1, "points_per_snapshot": 600},
    )
    assert refused.returncode != 0
    log = (clone / "results/logs/features/small.log").read_text()
    assert "si8/300K/1.h5" in log
    assert "max_rejected_share" in log
    accepted = snakemake("results/models/si/base.safetensors")
    assert accepted.returncode == 0, accepted.stdout + accepted.stderr
