"""A campaign with a goal: round after round on more data, until it is met."""

import json
import os
import shutil

import pytest
import yaml
from graph import jobs_of
from safetensors.numpy import load_file

from rhocast.config import load_config
from rhocast.structures import read_structure, write_structure
from rhocast.workflow.campaign import Campaign
from rhocast.workflow.judged import judged_results
from rhocast.workflow.stamps import read_record, with_stamp

pytestmark = [pytest.mark.workflow]

#: Targets that need the last round and nothing after it.
MODEL = "results/models/si/base.safetensors"


@pytest.fixture(scope="module")
def snakemake(run, root, tmp_path_factory):
    """Run Snakemake on a campaign whose densities stand; its folder is an attribute."""
    folder = tmp_path_factory.mktemp("rounds")
    config = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    small = config["datasets"]["small"][0]
    config["datasets"] |= {"first": [{**small, "frames": 1}]}

    def start(*arguments, **goal):
        config["goal"] = {"rounds": ["first", "small"], **goal}
        (folder / "my.yaml").write_text(yaml.safe_dump(config))
        return run(
            "snakemake", "-s", root / "Snakefile", "--profile", root / "profiles/local",
            *arguments, "--configfile", "my.yaml", cwd=folder,
        )  # fmt: skip

    start("-n")
    shutil.copytree(root / "tests/data/densities", folder / "results/densities")
    (folder / "results/engine.json").write_text(
        '{"name": "abinit", "executable": "/bin/true", "version": "9"}'
    )
    _add_trajectories(folder)
    start.folder = folder
    return start


def _add_trajectories(folder):
    """Write stubs that stand: what the densities were taken from is not kept."""
    here = os.getcwd()  # noqa: PTH109
    os.chdir(folder)
    try:
        for result in judged_results(Campaign(load_config("my.yaml"))):
            if result.kind == "trajectories":
                frame = f"densities/{result.name}/0.h5"
                atoms = read_structure(f"results/{frame}")
                path = folder / result.path
                path.parent.mkdir(parents=True)
                stub = with_stamp(atoms, result.determinants, frames=result.frames)
                write_structure(path, stub)
    finally:
        os.chdir(here)


def test_only_the_first_round_is_planned_and_no_density_is_computed_again(snakemake):
    counted = jobs_of(snakemake("-n", MODEL).stdout)
    assert counted["train_round"] == 1
    assert not {"aimd", "scf", "train"} & set(counted)


def test_rounds_follow_each_other_until_the_goal_is_met(snakemake):
    folder = snakemake.folder
    interrupted = snakemake("results/rounds/1.json", nmae=1e-4)
    assert interrupted.returncode == 0, interrupted.stdout + interrupted.stderr
    verdict = json.loads((folder / "results/rounds/1.json").read_text())
    assert not verdict["stop"]
    base = folder / "results/rounds/1/base.safetensors"
    trained = base.stat().st_mtime_ns
    result = snakemake(MODEL, nmae=1e-4)
    assert result.returncode == 0, result.stdout + result.stderr
    assert base.stat().st_mtime_ns == trained
    curve = json.loads((folder / "results/rounds/2.json").read_text())["curve"]
    assert [one["snapshots"] for one in curve] == [4, 8]
    assert curve[0] == verdict["curve"][0]
    assert read_record(folder / MODEL)["determined_by"]["goal.nmae"] == 1e-4


def test_a_goal_that_is_met_earlier_needs_no_new_training(snakemake):
    folder = snakemake.folder
    models = [folder / f"results/rounds/{number}/base.safetensors" for number in (1, 2)]
    trained = [path.stat().st_mtime_ns for path in models]
    result = snakemake(MODEL, nmae=1.0)
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads((folder / "results/rounds/1.json").read_text())["met"]
    assert [path.stat().st_mtime_ns for path in models] == trained
    adopted, first, second = (load_file(path) for path in (folder / MODEL, *models))
    assert all((adopted[name] == first[name]).all() for name in first)
    assert any((adopted[name] != second[name]).any() for name in second)


def test_without_larger_cells_each_round_transfers_to_its_own(root, monkeypatch, snakemake, run):
    """The sections `transfer` and `aimd` can be left out."""
    folder = snakemake.folder
    monkeypatch.chdir(folder)
    config = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    springs = {"sampler": "springs"}
    small, test = (config["datasets"][name][0] | springs for name in ("small", "test"))
    config = {key: value for key, value in config.items() if key not in ("aimd", "transfer")}
    config["datasets"] = {"first": [small | {"frames": 1}], "small": [small], "test": [test]}
    config |= {"results": "alone", "goal": {"rounds": ["first", "small"]}}
    (folder / "alone.yaml").write_text(yaml.safe_dump(config))
    settings = load_config("alone.yaml")
    assert settings.transfer.dataset == "small"
    assert settings.of_round(1).transfer.dataset == "first"
    result = run(
        "snakemake", "-n", "-s", root / "Snakefile", "--configfile", "alone.yaml", cwd=folder
    )
    assert result.returncode == 0, result.stderr
    counted = jobs_of(result.stdout)
    assert {counted[name] for name in ("train_round", "transfer_round", "features")} == {1}
    assert not {"aimd", "transfer"} & set(counted)
