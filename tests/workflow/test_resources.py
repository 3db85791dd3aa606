"""What jobs ask a queue for, by the profile that `rhocast plan` writes."""

import pytest
import yaml

from rhocast.cli.main import main
from rhocast.config import load_config
from rhocast.planning import Calibration
from rhocast.planning.machine import subject_of
from rhocast.planning.work import CostLaw

pytestmark = pytest.mark.workflow

#: A job that says what it is given, fails, and ends well when it is tried again.
SNAKEFILE = """
rule scf:
    output: "done"
    resources: tasks=2, runtime=720, mem_mb=8000
    shell:
        "echo {resources.tasks} {resources.runtime} {resources.mem_mb} >> told;"
        " test $(wc -l < told) -eq 2; touch {output}"
"""


def test_a_job_gets_what_the_plan_has_found_and_more_when_it_is_tried_again(
    run, root, tmp_path, monkeypatch
):
    monkeypatch.chdir(root)
    costs = {"scf_iterations": 8.0, "md_iterations": 3.0, "classical_s": 1e-4, "job_s": 1.5}
    learning = {"features_s": 2e-5, "n_features": 60, "training_s": 1.5e-5}
    speed = {"prediction_s": 2e-5, "evaluation_s": 5e-4}
    law = CostLaw(0.8, (2e-5, 1.8e-6))  # slow: more than the least is asked for
    subject = subject_of(load_config("config.yaml"))
    Calibration("abinit", subject, law, **costs, **learning, **speed).write(tmp_path / "costs.json")
    profile = tmp_path / "mine"
    words = ["--calibration", str(tmp_path / "costs.json"), "--profile", str(profile)]
    assert main(["plan", "config.yaml", *words, "--tasks", "scf=4"]) == 0
    asked = yaml.safe_load((profile / "config.yaml").read_text())["set-resources"]["scf"]
    minutes, megabytes = (
        int(asked[key].removesuffix(" * attempt")) for key in ("runtime", "mem_mb")
    )
    assert minutes > 10
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    profiles = "--workflow-profile", profile, "--retries", "1", "--cores", "4"
    done = run("snakemake", *profiles, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "told").read_text().splitlines()
    told = [[int(word) for word in line.split()] for line in lines]
    assert told == [[4, minutes, megabytes], [4, 2 * minutes, 2 * megabytes]]
