from dataclasses import replace

import pytest

from rhocast.density import read_snapshot, write_snapshot
from rhocast.studies.trials import hold_back


@pytest.fixture
def five(small, tmp_path):
    """A frame of each of five trajectories; two of them are the coldest."""
    frame = read_snapshot(small[0])
    paths = []
    for name, temperature in (("a", 300), ("b", 300), ("a", 600), ("b", 900), ("a", 1800)):
        paths.append(tmp_path / f"si8{name}/{temperature}K/0.h5")
        write_snapshot(paths[-1], replace(frame, temperature_K=float(temperature)))
    return paths


def held_back(recipe, snapshots, seed, **changes):
    training = recipe.training.model_copy(update=changes)
    recipe = hold_back(recipe.model_copy(update={"training": training}), snapshots, seed)
    return set(recipe.training.validation_trajectories)


def test_the_coldest_and_the_hottest_are_held_back_last(tiny, five):
    inner, seeds = {"si8a/600K", "si8b/900K"}, range(8)
    single = [held_back(tiny.recipe, five, seed) for seed in seeds]
    assert set().union(*single) == inner  # either, by the seed
    assert {len(names) for names in single} == {1}
    for seed in seeds:
        three = held_back(tiny.recipe, five, seed, validation_share=0.6)
        assert len(three) == 3
        assert three > inner


def test_trajectories_that_are_named_are_held_back(tiny, five):
    named = ("si8a/1800K",)
    assert held_back(tiny.recipe, five, 0, validation_trajectories=named) == set(named)


def test_single_snapshots_that_are_named_do_not_judge(tiny, five):
    """Other frames of their trajectory would be trained on."""
    drawn = held_back(tiny.recipe, five, 0)
    named = ("si8a/1800K/0",)
    assert held_back(tiny.recipe, five, 0, validation_trajectories=named) == drawn
