"""Wall times and memory that a queue is asked for."""

import pytest
import yaml

from rhocast.cli.main import main
from rhocast.planning.resources import write_resources
from rhocast.planning.stages import Stage


def test_twice_the_largest_job_on_its_ranks_and_more_for_each_attempt(tmp_path):
    stages = [
        Stage("scf", 8, core_hours=9.0, longest_core_hours=3.0, memory_gb=2.5, disk_gb=0.1),
        Stage("predict", 2, core_hours=2.0, longest_core_hours=1.0, memory_gb=1.0, disk_gb=0.1),
        Stage("merge", 1, core_hours=0.1, longest_core_hours=0.001, memory_gb=0.1, disk_gb=0.1),
    ]
    write_resources(tmp_path, stages, {"scf": 16})
    written = yaml.safe_load((tmp_path / "config.yaml").read_text())["set-resources"]
    assert written == {
        "scf": {"tasks": 16, "runtime": "23 * attempt", "mem_mb": "5000 * attempt"},
        "predict": {"tasks": 2, "runtime": "60 * attempt", "mem_mb": "4000 * attempt"},
        "merge": {"runtime": "10 * attempt", "mem_mb": "1000 * attempt"},
    }


def test_ranks_of_a_rule_without_ranks_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["plan", "config.yaml", "--tasks", "merge=4"])
    assert "expected RULE=N with RULE among converge_point, aimd, scf, predict" in (
        capsys.readouterr().err
    )
