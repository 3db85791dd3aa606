"""How far a campaign has come, by files that a test lays out."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from rhocast.cli.main import main
from rhocast.config import load_config
from rhocast.workflow.campaign import Campaign
from rhocast.workflow.status import progress

BENCHMARK = "s\th:m:s\tmax_rss\n1800.0\t0:30:00\t100\n"


@pytest.fixture
def campaign(root, tmp_path, monkeypatch):
    """A campaign of which parts are done, running and failed."""
    shutil.copy(root / "tests/data/tiny.yaml", tmp_path / "config.yaml")
    monkeypatch.chdir(tmp_path)
    found = Campaign(load_config("config.yaml"))
    first, second, third, *_ = sorted(found.all_densities())
    jobs = [
        p.removeprefix("results/densities/").removesuffix(".h5") for p in (first, second, third)
    ]
    benchmark = tmp_path / found.benchmark_of(f"scf/{jobs[0]}")
    texts = {
        tmp_path / first: "",
        benchmark: BENCHMARK,
        tmp_path / found.log_of(f"scf/{jobs[1]}"): "12:00:00 ERROR no such engine\n",
        tmp_path / found.log_of(f"scf/{jobs[2]}"): "12:00:00 INFO running\n",
        tmp_path / ".snakemake/locks/0.input.lock": "",
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return found


def test_jobs_are_counted_by_their_files(campaign, tmp_path):
    scf = {stage.rule: stage for stage in progress(campaign)}["scf"]
    n = len(campaign.all_densities())
    assert (scf.done, scf.running, scf.failed, scf.pending) == (1, 1, 1, n - 3)
    assert (scf.hours_used, scf.hours_left) == (0.5, 0.5 * (n - 1))
    assert scf.failures[0].startswith("results/logs/scf/")
    (tmp_path / ".snakemake/locks/0.input.lock").unlink()
    scf = {stage.rule: stage for stage in progress(campaign)}["scf"]
    assert (scf.running, scf.pending) == (0, n - 2)


def test_text_json_and_a_page_tell_the_same(campaign, capsys, tmp_path):
    assert main(["status", "--html", "status.html"]) == 0
    told = capsys.readouterr().out
    assert main(["status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    row = next(line.split() for line in told.splitlines() if line.startswith("scf "))
    assert [int(word) for word in row[1:5]] == [
        found["scf"][key] for key in ("done", "running", "failed", "pending")
    ]
    page = (tmp_path / "status.html").read_text()
    assert f"<td>scf</td><td>{row[1]}</td>" in page
    assert "src=" not in page
    assert "href=" not in page
    assert f"failed: see {found['scf']['failures'][0]}" in told + page


@pytest.fixture
def full(root, tmp_path, monkeypatch):
    """A campaign with a convergence study, all studies, energies and an equation of state."""
    config = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    config["datasets"]["test"][0]["frames"] = 2
    config["convergence"] = {"system": "si8"}
    config["energies"] = {"datasets": ["test"]}
    config["bands"] = {"systems": ["si8"]}
    config["equation_of_state"] = {"systems": ["si8"]}
    config["studies"] = {"larger": "test", "vacancy": "test", "seeds": 3}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    return Campaign(load_config("config.yaml"))


def begin(campaign, job):
    log = Path(campaign.log_of(job))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()


def test_names_of_rules_logs_and_benchmarks_are_those_of_the_rules(root, full):
    begin(full, "sigma")
    begin(full, "energies/test")
    rules = "\n".join(path.read_text() for path in (root / "rules").glob("*.smk"))
    told = {stage.rule for stage in progress(full)}
    assert {"converge", "economy", "add_vacancy", "energies", "equation_of_state"} <= told
    for rule in told:
        assert f"rule {rule}:" in rules or f" as {rule} with:" in rules
        assert f'log_of("{rule}' in rules


def test_what_is_made_on_request_is_counted_once_it_has_begun(full):
    def pending():
        return {stage.rule: stage.pending for stage in progress(full)}

    points = 1 + len(full.config.convergence.points())
    study = {"converge_structure": 1, "converge_point": points, "converge": 1}
    assert study.items() <= pending().items()
    assert not {"economy", "sigma", "energies"} & pending().keys()
    begin(full, "economy_seed/1")
    assert {"economy_seed": 3, "economy": 1, "sigma": 1}.items() <= pending().items()
    assert "energies" not in pending()
    table = Path(full.results("physics/eos-si8.tsv"))
    table.parent.mkdir(parents=True)
    table.touch()
    assert {"energies": 1, "equation_of_state": 0}.items() <= pending().items()


def test_rounds_that_nobody_needs_yet_are_not_counted(root, tmp_path, monkeypatch):
    config = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    small = config["datasets"]["small"][0]
    config["datasets"]["first"] = [{**small, "frames": 1}]
    config["goal"] = {"rounds": ["first", "small"]}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    campaign = Campaign(load_config("config.yaml"))
    verdict = tmp_path / "results/rounds/1.json"
    verdict.parent.mkdir(parents=True)

    def jobs() -> tuple[int, int]:
        stages = {stage.rule: stage for stage in progress(campaign)}
        return stages["scf"].pending, stages["train"].pending

    assert jobs() == (5, 1)
    verdict.write_text('{"stop": false}')
    assert jobs() == (9, 2)
    verdict.write_text('{"stop": true}')
    assert jobs() == (5, 1)
