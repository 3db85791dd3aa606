import logging

import numpy as np
import pytest
from matplotlib.image import imread

from rhocast.datasets.entry import read_entry
from rhocast.density import read_snapshot, write_snapshot
from rhocast.errors import FileFormatError
from rhocast.studies.economy import Economy, Row, doubling, draw_economy, interleaved
from rhocast.studies.table import read_rows, write_rows


@pytest.fixture
def study(tiny, densities):
    judges = [densities / "si16/600K/0.h5"]
    return Economy(tiny.recipe, tiny.transfer, judges, seed=0)


@pytest.fixture
def larger(densities):
    return sorted(densities.glob("si16/[39]00K/0.h5"))


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])]
)
def test_counts_double_up_to_all(count, expected):
    assert doubling(count) == expected


def test_trajectories_take_turns(small):
    entries = [read_entry(path) for path in small]
    for seed in range(5):
        order = interleaved(entries, np.random.default_rng(seed))
        assert {entry.path for entry in order} == set(small)
        for place in (0, 2, 4):
            assert order[place].trajectory != order[place + 1].trajectory


def test_every_way_is_charged_for_what_it_was_trained_on(study, small, larger, tmp_path):
    small, larger = small[1:5], larger[:1]
    rows = study.measure(small, larger)
    hours = {path: read_entry(path).core_hours for path in [*small, *larger]}
    all_small, all_larger = (sum(hours[path] for path in part) for part in (small, larger))
    last = {row.way: row for row in rows}
    assert [(row.small, row.larger) for row in rows] == [
        (1, 0), (2, 0), (4, 0), (0, 1), (4, 1),
    ]  # fmt: skip
    assert last["small cells"].core_hours == pytest.approx(all_small)
    assert last["larger cells"].core_hours == pytest.approx(all_larger)
    assert last["small cells and transfer"].core_hours == pytest.approx(all_small + all_larger)
    # 150 steps of a 16-wide network: a constant density is off by 42 %
    assert max(row.l1_per_electron for row in rows) < 0.3
    assert len({row.rmse for row in rows}) == len(rows)
    write_rows(tmp_path / "economy.tsv", rows)
    read = read_rows(tmp_path / "economy.tsv", Row)
    assert [(row.way, row.seed, row.small) for row in read] == [
        (row.way, row.seed, row.small) for row in rows
    ]
    assert [row.rmse for row in read] == pytest.approx([row.rmse for row in rows], rel=1e-4)
    draw_economy(read, tmp_path / "economy.png")
    assert imread(tmp_path / "economy.png")[..., :3].std() > 0.05


def test_a_snapshot_that_judges_is_not_trained_on(study, small, larger, tmp_path):
    with pytest.raises(FileFormatError, match=r"si16/600K/0\.h5: is trained on"):
        study.measure(small, [*larger, *study.judges])
    copy = tmp_path / "elsewhere/300K/7.h5"  # under another name it is the same configuration
    write_snapshot(copy, read_snapshot(study.judges[0]))
    with pytest.raises(FileFormatError, match="is trained on"):
        study.measure(small, [copy])


def test_what_has_no_cost_is_refused(study, small, larger, tmp_path):
    snapshot = read_snapshot(small[0])
    record = {key: value for key, value in snapshot.record.items() if key != "wall_time_s"}
    path = tmp_path / "si8/300K/0.h5"
    write_snapshot(path, type(snapshot)(**(vars(snapshot) | {"record": record})))
    with pytest.raises(FileFormatError, match=r"si8/300K/0\.h5: expected the time"):
        study.measure([path], larger)


def test_correlated_frames_are_reported(study, small, tmp_path, caplog):
    other = tmp_path / "si16/600K/1.h5"
    write_snapshot(other, read_snapshot(small[0]))
    entries = [read_entry(other)]
    with caplog.at_level(logging.WARNING):
        study._check_judges(entries)
    assert "frames of trajectory si16/600K are both trained on and judged by" in caplog.text
