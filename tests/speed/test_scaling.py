"""The three curves, each from real processes, in the small."""

import csv

import pytest

from rhocast.engines import Launcher
from rhocast.errors import ParallelError
from rhocast.speed import Subject, draw_scaling, measure_scaling, write_scaling


@pytest.mark.mpi
def test_curves_of_sizes_and_ranks(tmp_path, environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    launcher = Launcher(("mpirun", "-n", "2"))
    subject = Subject.load()
    n_points = subject.mesh(subject.crystal(108)).n_points
    found = measure_scaling(sizes=(32,), seconds=0.1, launcher=launcher, rank_atoms=108)
    assert [row["atoms"] for row in found.sizes] == [32]
    assert [row["ranks"] for row in found.ranks] == [1, 2]
    for row in found.ranks:
        assert row["points"] == n_points
        assert row["points_per_second"] > 0.0
        assert row["wall_s"] > row["points"] / row["points_per_second"]
        assert row["peak_rss_bytes"] > 5e7
    write_scaling(tmp_path / "scaling.tsv", found)
    with (tmp_path / "scaling.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["curve"] for row in rows] == ["size", "ranks", "ranks"]
    draw_scaling(tmp_path / "scaling.png", found)
    assert (tmp_path / "scaling.png").stat().st_size > 10_000


def test_prediction_that_fails_is_told(root):
    file = root / "tests/data/densities/si16/300K/0.h5"
    with pytest.raises(ParallelError, match=r"(?s)ended with 6, .*Si, which the model"):
        measure_scaling(sizes=(), rank_atoms=32, snapshots=[file])


def test_launcher_that_is_not_there_is_told_before_all_else():
    with pytest.raises(ParallelError, match="no-such-mpirun: no such program"):
        measure_scaling(launcher=Launcher(("no-such-mpirun", "-n", "2")))
