"""When a campaign stops, and what more data would buy."""

import json

import pytest

import rhocast.analysis.rounds
from rhocast.analysis.rounds import Round, hours_each, judge_round, what_more_buys
from rhocast.config import Goal
from rhocast.datasets.entry import read_entry

GOAL = Goal(nmae=0.01, rounds=("first", "more", "most"))


@pytest.fixture
def judge(root, tmp_path):
    """Judge rounds of given errors, one after the other; a table of a study if one is given."""

    def start(number, nmae, goal=GOAL, reference=None):
        errors, study = tmp_path / "test.json", None
        errors.write_text(json.dumps({"base": {"nmae": nmae}, "transferred": {"nmae": 2 * nmae}}))
        if reference is not None:
            study = tmp_path / "convergence.tsv"
            study.write_text(f"parameter\tfineness\tdensity_share\nkpoints\t1\t{reference}\n")
        return judge_round(
            goal,
            number,
            errors=[errors],
            densities=[root / "tests/data/densities/si8/300K/0.h5"],
            trained_on=[2, 4, 8],
            dynamics=[{"wall_time_s": 3600.0, "ranks": 2}],
            added_like=[root / "tests/data/densities/si8/300K/0.h5"],
            added_dynamics=[],
            before=tmp_path / f"{number - 1}.json" if number > 1 else None,
            study=study,
            verdict=tmp_path / f"{number}.json",
            picture=tmp_path / f"{number}.png",
        )

    return start


def test_rounds_go_on_until_the_goal_is_met(judge, tmp_path):
    assert not judge(1, 0.04)["stop"]
    last = judge(2, 0.009)
    assert last["stop"]
    assert last["met"]
    assert [one["nmae"] for one in last["curve"]] == [0.04, 0.009]
    assert [one["snapshots"] for one in last["curve"]] == [2, 4]
    assert 2.0 < last["curve"][0]["core_hours"] < 2.1
    assert (tmp_path / "2.png").stat().st_size > 5000


def test_the_last_round_is_the_last(judge):
    judge(1, 0.04)
    judge(2, 0.03)
    last = judge(3, 0.02)
    assert last["stop"]
    assert not last["met"]


def test_below_the_error_of_the_reference_data_are_no_use(judge):
    found = judge(1, 0.015, reference=0.02)
    assert found["stop"]
    assert not found["met"]
    assert "use more k-points first" in found["sentences"][0]
    assert not judge(1, 0.015, reference=0.002)["stop"]


def test_no_round_begins_beyond_the_core_hours(judge):
    goal = GOAL.model_copy(update={"core_hours": 1e-9})
    assert "is not met within 1e-09 core hours" in judge(1, 0.04, goal)["sentences"][1]


def test_what_more_data_buy_follows_the_power_law_of_the_last_rounds():
    curve = [Round(1, 4, 1.0, 0.04), Round(2, 16, 4.0, 0.02)]  # n^-1/2
    said = what_more_buys(curve, 64, 0.25)
    assert (
        said == "48 more snapshots for training and transfer, about 12 core hours, are expected to "
        "lower the error to 1.0 %"
    )
    assert "would show" in what_more_buys(curve[:1], 16, None)
    assert "not expected" in what_more_buys([curve[0], Round(2, 16, 4.0, 0.05)], 64, 0.25)


def test_the_cost_of_more_is_that_of_the_densities_which_the_next_round_adds(judge, root):
    """What else the round has computed, dynamics of held-out frames for instance, is no part."""
    density = root / "tests/data/densities/si8/300K/0.h5"
    hours = read_entry(density).core_hours
    assert 0.0 < hours < 0.1
    assert (
        f"2 more snapshots for training and transfer, about {2 * hours:.2g} core hours,"
        in (judge(1, 0.04)["sentences"][2])
    )
    assert hours_each([density] * 2, [{"wall_time_s": 3600.0}]) == pytest.approx(hours + 0.5)
    assert hours_each([], []) is None
    assert what_more_buys([Round(1, 4, 1.0, 0.04)], 6, None).startswith(
        "2 more snapshots for training and transfer would show"
    )


def test_the_model_that_the_first_dataset_chooses_is_judged_on_all(root, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        rhocast.analysis.rounds, "save_figure", lambda figure, _: drawn.append(figure)
    )
    errors = {"test": (0.005, 0.006), "other": (0.02, 0.001)}
    for name, nmae in errors.items():
        reports = dict(zip(("base", "transferred"), ({"nmae": one} for one in nmae), strict=True))
        (tmp_path / f"{name}.json").write_text(json.dumps(reports))
    found = judge_round(
        GOAL,
        1,
        errors=[tmp_path / f"{name}.json" for name in errors],
        densities=[root / "tests/data/densities/si8/300K/0.h5"],
        trained_on=[6, 8, 10],
        dynamics=[],
        added_like=[],
        added_dynamics=[],
        before=None,
        study=None,
        verdict=tmp_path / "1.json",
        picture=tmp_path / "1.png",
    )
    assert found["curve"][0]["nmae"] == 0.02
    assert not found["met"]
    (axes,) = drawn[0].axes
    assert axes.get_xlabel() == "snapshots for training and transfer,\nvalidation included"
