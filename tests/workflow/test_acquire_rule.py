"""Frames that the base model chooses: known before anything runs, chosen once."""

import json
import shutil

import pytest
import yaml
from graph import jobs_of

from rhocast.dynamics import read_trajectory
from rhocast.structures import read_structure

pytestmark = pytest.mark.workflow


@pytest.fixture
def campaign(root, clone):
    """Larger cells of which one frame in four is computed; the small cells have been computed."""
    settings = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    settings["classical"] = {
        "potential": "tersoff",
        "equilibration_steps": 20,
        "steps_between_frames": 10,
        "correlated_frames": "accept",
    }
    settings["datasets"]["large"] = [
        {
            "system": "si16",
            "sampler": "classical",
            "temperatures_K": [300, 900],
            "frames": 1,
            "pool": 4,
        }
    ]
    (clone / "pool.yaml").write_text(yaml.safe_dump(settings))
    shutil.copytree(root / "tests/data/densities/si8", clone / "results/densities/si8")
    engine = {"name": "abinit", "executable": "abinit", "version": "10"}
    (clone / "results/engine.json").write_text(json.dumps(engine))
    yield "pool.yaml"
    shutil.rmtree(clone / "results")


def test_the_frame_that_the_base_model_chose_is_taken(run, clone, campaign):
    settings = ("--profile", "profiles/local", "--configfile", campaign)
    frames = [f"results/snapshots/si16/{temperature}K/0.extxyz" for temperature in (300, 900)]
    planned = run("snakemake", "-n", "results/features/large.h5", *settings, cwd=clone)
    assert planned.returncode == 0, planned.stdout + planned.stderr
    expected = {"train": 1, "acquire": 1, "classical": 2, "snapshots": 2, "scf": 2}
    assert {rule: jobs_of(planned.stdout).get(rule) for rule in expected} == expected
    made = run("snakemake", *frames, *settings, cwd=clone)
    assert made.returncode == 0, made.stdout + made.stderr
    lines = (clone / "results/acquired/large.tsv").read_text().splitlines()[1:]
    ranked = [line.split("\t")[:2] for line in lines]
    for temperature, frame in zip((300, 900), frames, strict=True):
        numbers = [int(number) for name, number in ranked if name == f"si16/{temperature}K"]
        assert sorted(numbers) == [0, 1, 2, 3]
        path = clone / f"results/classical/si16/{temperature}K/trajectory.extxyz"
        expected = read_trajectory(path).structure(20 + 10 * numbers[0])
        assert read_structure(clone / frame).positions == pytest.approx(expected.positions)
    again = run("snakemake", "-n", *frames, *settings, cwd=clone)
    assert jobs_of(again.stdout) == {}
