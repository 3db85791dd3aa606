"""A real campaign in a folder of hostile name: killed, changed and compared with its settings.

Classical dynamics and single points of ABINIT: as small and coarse as they run at all.
"""

import os
import re
import signal
import subprocess
import time

import pytest
import yaml
from graph import jobs_of

from rhocast.cli.main import main
from rhocast.workflow.stamps import read_record, stamp_of

pytestmark = [pytest.mark.workflow, pytest.mark.abinit, pytest.mark.mpi]

#: A shell that took a part of it for a command would make the file `gone`.
RESULTS = "it's $HOME; touch gone & my results"
SINGLE_POINTS, STUDY = 3, 2
LEARNT = {
    "train", "transfer", "evaluate", "choose", "worst_snapshot", "predict", "merge", "figures",
    "summary",
}  # fmt: skip


@pytest.fixture(scope="module")
def snakemake(environment, clone):
    """Begin Snakemake on the campaign, some keys of which may be changed."""
    base = yaml.safe_load((clone / "tests/data/tiny.yaml").read_text())
    base["results"] = RESULTS
    base["dft"] |= {"cutoff_ha": 4, "mesh_spacing_bohr": 0.9, "scf_tolerance": 1e-3}
    base["systems"]["si16"]["vacancies"] = 1
    base["classical"] = {
        "potential": "tersoff", "equilibration_steps": 10, "steps_between_frames": 5,
        "correlated_frames": "accept",
    }  # fmt: skip
    source = {"system": "si8", "sampler": "classical", "frames": 1}
    names = {"small": 300, "large": 900, "test": 600}
    base["datasets"] = {n: [{**source, "temperatures_K": [t]}] for n, t in names.items()}
    base["convergence"] = {
        "system": "si8", "kpoints": [1.5], "resolution": [], "smearing": [], "scf_tolerance": [],
        "max_density_share": 1e-12,
    }  # fmt: skip
    base["training"] |= {"steps": 60, "validation_share": 0.1}
    base["features"]["points_per_snapshot"] = 300
    base["prediction"] |= {"cells": ["si16"], "shards": 1}

    def start(*arguments, **edits):
        config = {k: {**v, **edits[k]} if k in edits else v for k, v in base.items()}
        (clone / "own.yaml").write_text(yaml.safe_dump(config))
        return subprocess.Popen(
            ["snakemake", *arguments, "--profile", "profiles/local", "--configfile", "own.yaml"],
            cwd=clone, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip

    return start


@pytest.fixture(scope="module")
def finished(snakemake):
    """Run Snakemake to its end and return exit code and output."""

    def start(*arguments, **edits):
        process = snakemake(*arguments, **edits)
        output, _ = process.communicate()
        return process.returncode, output

    return start


@pytest.fixture(scope="module")
def planned(finished):
    def start(**edits):
        code, output = finished("-n", **edits)
        assert code == 0, output
        return {rule: n for rule, n in jobs_of(output).items() if rule not in ("all", "total")}

    return start


@pytest.fixture(scope="module")
def campaign(finished, clone):
    """The finished campaign's results."""
    code, output = finished()
    results = clone / RESULTS
    logs = "\n".join(f"{path}\n{path.read_text()}" for path in (results / "logs").rglob("*.log"))
    assert code == 0, f"{output}\n{logs}"
    return results


def checked(clone, monkeypatch, capsys):
    """Return exit code and messages of `rhocast check`."""
    monkeypatch.chdir(clone)
    capsys.readouterr()
    code = main(["check", "--config", "own.yaml"])
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def test_no_part_of_a_folder_s_name_reaches_the_shell_as_a_command(campaign, clone):
    assert (campaign / "predictions/si16/density.h5").is_file()
    assert not list(campaign.rglob("*.lock"))
    assert not list(clone.rglob("gone"))


def test_a_study_that_finds_the_settings_too_coarse_warns(campaign):
    assert (
        "WARNING the settings of `dft` are too coarse"
        in (campaign / "logs/converge.log").read_text()
    )


def test_a_required_study_stops_before_the_data(campaign, finished):
    code, output = finished("converge", convergence={"require": True})
    assert code != 0, output
    assert "convergence.require: true stops here" in (campaign / "logs/converge.log").read_text()


def test_after_a_kill_within_a_forced_rule_the_plain_call_makes_what_is_missing(
    campaign, snakemake, finished, planned
):
    model = campaign / "models/si/base.safetensors"
    killed = snakemake("--forcerun", "train")
    deadline = time.monotonic() + 300
    while model.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert killed.poll() is None
    assert not model.exists()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    code, output = finished("--unlock")
    assert code == 0, output
    assert planned()["train"] == 1
    code, output = finished()
    assert code == 0, output
    assert model.is_file()


def test_a_key_of_the_data_and_one_of_learning_change_together(
    campaign, finished, planned, clone, monkeypatch, capsys
):
    """The plan holds what depends on either, and the run leaves nothing of the old settings."""
    assert checked(clone, monkeypatch, capsys)[0] == 0
    edits = {"dft": {"cutoff_ha": 5}, "network": {"blocks": 2}}
    counted = planned(**edits)
    assert set(counted) == {"scf", "converge_point", "converge", "features"} | LEARNT
    assert (counted["scf"], counted["converge_point"]) == (SINGLE_POINTS, STUDY)
    code, told = checked(clone, monkeypatch, capsys)
    assert code == 4
    assert re.search(r"densities/si8/300K/0\.h5: differs .* in dft\.cutoff_ha;", told)
    assert re.search(r"base\.safetensors: differs .* in dft\.cutoff_ha, network\.blocks;", told)
    code, output = finished(**edits)
    assert code == 0, output
    assert checked(clone, monkeypatch, capsys)[0] == 0
    for path in campaign.glob("densities/**/*.h5"):
        record = read_record(path)
        assert record["settings"]["cutoff_ha"] == 5.0  # what the engine was given
        assert stamp_of(record)["dft.cutoff_ha"] == 5.0
    assert planned(**edits) == {}
