"""A real campaign in a folder of hostile name: its study is required, and it is killed.

Classical dynamics and single points of ABINIT: as small and coarse as they run at all.
"""

import os
import signal
import subprocess
import time

import pytest
import yaml
from graph import jobs_of

pytestmark = [pytest.mark.workflow, pytest.mark.abinit, pytest.mark.mpi]

#: A shell that took a part of it for a command would make the file `gone`.
RESULTS = "it's $HOME; touch gone & my results"


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


def test_no_part_of_a_folder_s_name_reaches_the_shell_as_a_command(campaign, clone):
    assert (campaign / "predictions/si16/density.h5").is_file()
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
    code, output = finished("converge")
    assert code == 0, output


def test_after_a_kill_within_a_forced_rule_the_plain_call_makes_what_is_missing(
    campaign, snakemake, finished, planned
):
    model = campaign / "models/si/base.safetensors"
    killed = snakemake("--forcerun", "train")
    deadline = time.monotonic() + 120
    while model.exists() and killed.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert killed.poll() is None
    assert not model.exists()
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    code, output = finished("--unlock")
    assert code == 0, output
    assert planned()["train"] == 1
    code, output = finished("--until", "train")
    assert code == 0, output
    assert model.is_file()
