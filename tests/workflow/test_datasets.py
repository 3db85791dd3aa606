"""The rule that publishes: from densities that are there, no DFT runs."""

import shutil

import pytest
import yaml
from graph import jobs_of

from rhocast.datasets.packing import check_manifest

pytestmark = pytest.mark.workflow


@pytest.fixture
def campaign(root, clone):
    """A campaign with a package, whose densities have been computed."""
    settings = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    settings["packages"] = {
        "si": {"datasets": ["small", "large"], "title": "Silicon", "description": "Coarse."}
    }
    (clone / "packaged.yaml").write_text(yaml.safe_dump(settings))
    shutil.copytree(root / "tests/data/densities", clone / "results/densities")
    yield "packaged.yaml"
    for folder in ("results", "data/si"):
        shutil.rmtree(clone / folder, ignore_errors=True)


def test_packages_are_one_target(run, clone, campaign):
    command = ("snakemake", "dataset", "--profile", "profiles/local", "--configfile", campaign)
    made = run(*command, cwd=clone)
    assert made.returncode == 0, made.stderr
    assert jobs_of(made.stderr) == {"package": 1, "dataset": 1, "total": 2}
    assert len(list((clone / "data/si").rglob("*.h5"))) == 8
    assert "--configfile packaged.yaml" in (clone / "data/si/README.md").read_text()
    assert check_manifest(clone / "data/si") == []
