"""Which densities tell what the next round costs."""

import pytest
import yaml

from rhocast.config import Config
from rhocast.workflow.campaign import Campaign


@pytest.fixture
def campaign(root):
    """Three rounds: the second adds a copy of the first one's cell, the third another cell."""
    config = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    small = config["datasets"]["small"][0]
    first = {**small, "frames": 1}
    config["systems"] |= {"again": config["systems"]["si8"], "other": config["systems"]["si16"]}
    again = {"system": "again", "temperatures_K": [300], "frames": 2, "sampler": "springs"}
    other = {"system": "other", "temperatures_K": [300], "frames": 1, "sampler": "springs"}
    config["datasets"] |= {
        "first": [first],
        "second": [first, again],
        "small": [first, again, other],
        "test": [{"system": "si16", "temperatures_K": [600], "frames": 1}],
    }
    config["goal"] = {"nmae": 0.01, "rounds": ["first", "second", "small"]}
    return Campaign(Config.model_validate(config))


def test_cells_that_the_next_round_adds_tell_its_cost(campaign):
    assert campaign.like_added(1) == [
        "results/densities/si8/300K/0.h5",
        "results/densities/si8/900K/0.h5",
    ]
    larger = [f"results/densities/si16/{t}K/0.h5" for t in (300, 900)]  # of transfer
    assert campaign.like_added(2) == larger
    assert set(larger) < set(campaign.like_added(3))
    assert "results/densities/si16/600K/0.h5" not in campaign.like_added(3)  # held out


def test_dynamics_of_these_cells_count_and_no_others(campaign):
    assert campaign.dynamics_like_added(1) == [
        f"results/aimd/si8/{t}K/trajectory.extxyz" for t in (300, 900)
    ]
