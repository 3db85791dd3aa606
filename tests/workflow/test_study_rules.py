"""The studies in the job graph, without running a job."""

import pytest
import yaml
from graph import jobs_of

pytestmark = pytest.mark.workflow

STUDIES = {"descriptor_point", "select_descriptors", "compare_cells", "economy", "sigma"}


@pytest.fixture(scope="module")
def planned(run, clone):
    """Plan a target of the small campaign, with larger cells to judge by and no vacancies."""
    config = yaml.safe_load((clone / "tests/data/tiny.yaml").read_text())
    config["studies"] = {"larger": "test", "seeds": 3}
    (clone / "studies.yaml").write_text(yaml.safe_dump(config))
    return lambda *targets: run(
        "snakemake", "-n", *targets, "--configfile", "studies.yaml", cwd=clone
    )


def test_the_jobs_of_all_studies_are_known_beforehand(planned):
    result = planned("studies")
    assert result.returncode == 0, result.stdout + result.stderr
    counted = jobs_of(result.stdout)
    assert counted.keys() >= STUDIES
    # M = 2, 4, 6 and 12, M_a = 1, 2 and 4, k = 0, 1 and 3, each beside its own value
    assert counted["descriptor_point"] == 1 + 4 + 3 + 3
    assert counted["economy_seed"] == 3
    assert "add_vacancy" not in counted


def test_the_campaign_waits_for_no_study(planned):
    result = planned()
    assert result.returncode == 0, result.stderr
    assert not STUDIES & jobs_of(result.stdout).keys()


def test_a_study_without_its_dataset_names_the_key(planned):
    result = planned("add_vacancy")
    assert result.returncode != 0
    assert "studies.vacancy: expected a key of `datasets`" in result.stdout + result.stderr
