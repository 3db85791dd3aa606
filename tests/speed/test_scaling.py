"""The three curves, each from real processes, in the small."""

import csv

import pytest

from rhocast.engines import Launcher
from rhocast.errors import FileFormatError, ParallelError
from rhocast.speed import (
    Scaling,
    Subject,
    draw_scaling,
    draw_timing,
    measure_scaling,
    read_scaling,
    write_scaling,
)
from rhocast.speed.scaling_report import exponent


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


def a_scaling() -> Scaling:
    sizes = [
        {"atoms": n, "points": 100 * n, "points_per_core_second": 2.5e6, "peak_rss_bytes": 10**8}
        for n in (1000, 100_000)
    ]
    dft = [
        {"engine": "sparc", "atoms": n, "kpoints": k, "snapshots": 3, "dft_core_s": 1e-3 * n**2,
         "whole_s": 2.0, "points_s": 0.1}
        for n, k in ((32, "3×3×3"), (108, "2×2×2"))
    ]  # fmt: skip
    return Scaling("scaling", sizes, [], dft)


def test_a_table_is_read_as_it_was_written(tmp_path):
    write_scaling(tmp_path / "scaling.tsv", a_scaling())
    found = read_scaling(tmp_path / "scaling.tsv")
    for curve in ("sizes", "ranks", "dft"):
        rows = [{k: v for k, v in row.items() if k != "curve"} for row in getattr(found, curve)]
        assert rows == getattr(a_scaling(), curve)
    (tmp_path / "scaling.tsv").write_text("curve\tatoms\nother\t3\n")
    with pytest.raises(FileFormatError, match="'other'; expected a table of `rhocast benchmark"):
        read_scaling(tmp_path / "scaling.tsv")


def test_the_timing_tells_exponents(tmp_path, monkeypatch):
    assert exponent([10, 100, 1000], [3.0, 3e3, 3e6]) == pytest.approx(3.0)
    assert exponent([10, 10], [3.0, 4.0]) is None
    drawn = []
    monkeypatch.setattr(
        "rhocast.speed.scaling_report.save_figure", lambda figure, _: drawn.append(figure)
    )
    draw_timing(tmp_path / "timing.png", a_scaling())
    (axes,) = drawn[0].axes
    assert list(axes.lines[0].get_ydata()) == pytest.approx([0.04, 4.0])
    assert list(axes.lines[1].get_ydata()) == pytest.approx([1.024, 11.664])
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told[0] == "prediction, whole field: ∝ atoms$^{1.00}$"
    assert told[1] == "sparc, SCF: ∝ atoms$^{2.00}$, k-points differ"
