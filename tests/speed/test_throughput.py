"""The figures of `rhocast benchmark inference` are those that were asked for, and agree."""

import json
import time

import numpy as np
import pytest

from rhocast.cli.main import main
from rhocast.errors import ConfigError
from rhocast.evaluation import compiled as kernels
from rhocast.speed import benchmark_inference
from rhocast.speed.subject import Subject, random_model

FIGURES = {
    "points_per_second",
    "points_per_core_second",
    "threads",
    "peak_gflops_fp32",
    "peak_gflops_bf16",
    "flop_per_point_descriptor",
    "flop_per_point_network",
    "flop_per_point_bf16",
    "peak_fraction",
    "peak_rss_bytes",
}


def benchmark(capsys, *words):
    command = ["benchmark", "inference", "--atoms", "32", "--seconds", "0.1", "--json", *words]
    assert main(command) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.skipif(not kernels.available(), reason="the compiled kernels were not built")
def test_names_are_a_contract_and_figures_agree(capsys):
    found = benchmark(capsys)
    for kind in ("mean", "fast"):
        figures = found[kind]
        assert set(figures) >= FIGURES
        rounded = figures["flop_per_point_bf16"]
        full = figures["flop_per_point_descriptor"] + figures["flop_per_point_network"] - rounded
        perfect = full / figures["peak_gflops_fp32"]
        if figures["peak_gflops_bf16"]:
            perfect += rounded / figures["peak_gflops_bf16"]
        assert (rounded > 0.0) == (figures["peak_gflops_bf16"] is not None)
        share = 1e-9 * perfect * figures["points_per_core_second"]
        assert figures["peak_fraction"] == pytest.approx(share)
        assert 0.0 < share < 1.0
        most = figures["threads"] * figures["points_per_core_second"]
        assert figures["points_per_second"] <= 1.05 * most
    assert found["fast"]["flop_per_point_network"] > found["mean"]["flop_per_point_network"]


def test_without_kernels_there_is_a_rate_but_no_peak(capsys, monkeypatch):
    monkeypatch.setenv(kernels.VARIABLE, "none")
    found = benchmark(capsys)
    assert found["kernels"] is None
    assert found["mean"]["points_per_core_second"] > 0.0
    assert found["mean"]["peak_fraction"] is None


@pytest.mark.parametrize(("n_atoms", "seconds"), [(0, 1.0), (32, 0.0)])
def test_nothing_to_time_is_refused(n_atoms, seconds):
    with pytest.raises(ConfigError, match="expected more than 0 of both"):
        benchmark_inference(Subject(random_model(), "random"), n_atoms, seconds)


def test_crystals_have_the_atoms_asked_for_and_no_two_alike():
    crystal = Subject(random_model(), "random").crystal(500)
    assert len(crystal) == 500
    sites = crystal.cell[0, 0] / 5
    assert len(np.unique((crystal.positions % sites).round(6), axis=0)) == 500


def test_time_goes_by_processor_not_by_clock(monkeypatch):
    """A process that waits for others is no slower per core second."""
    from rhocast.speed.throughput import _Spent

    spent = _Spent()
    with spent:
        time.sleep(0.2)
    assert spent.wall_s > 0.19
    assert spent.cpu_s < 0.1
