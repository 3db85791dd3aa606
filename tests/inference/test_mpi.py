"""Real ranks: the same field on any number of them, and no hang when one fails."""

import os
import re
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_model import SHAPE, as_stored, make_model, make_smooth_model, make_structure

from rhocast.density import read_density
from rhocast.density.reduction import read_reduction
from rhocast.density.zero_bound import Bound
from rhocast.errors import ModelError
from rhocast.evaluation import compiled as kernels
from rhocast.grid import Mesh
from rhocast.inference import PredictionOptions, merge, predict_on_mesh, predict_shard

pytestmark = pytest.mark.mpi


@pytest.fixture(scope="module")
def reference():
    structure = make_structure()
    return predict_on_mesh(
        make_model(),
        structure,
        Mesh(SHAPE, structure.cell),
        PredictionOptions(uncertainty="sampled", samples=2),
    )


def assert_same(path: Path, reference) -> None:
    merged = path.with_name("merged.h5")
    merge([path], merged, scale_to_electrons=False)
    field = read_density(merged)
    for name in ("density", "epistemic_std", "aleatoric_std"):
        np.testing.assert_array_equal(getattr(field, name), as_stored(reference, name))
    bound = Bound.read(field.record)
    assert bound is not None
    assert bound == Bound.read(reference.record)


@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_any_number_of_ranks_gives_the_same_bits(n_ranks, predict_on_ranks, tmp_path, reference):
    code, output = predict_on_ranks(n_ranks, tmp_path / "shard.h5", "--expected-ranks", n_ranks)
    assert code == 0, output
    assert_same(tmp_path / "shard.h5", reference)


@pytest.mark.skipif(not kernels.available(), reason="the compiled kernels were not built")
@pytest.mark.parametrize("n_ranks", [1, 2, 3])
def test_the_kernels_give_the_same_bits_on_any_number_of_ranks(n_ranks, predict_on_ranks, tmp_path):
    structure = make_structure()
    model = make_smooth_model(multipoles=True)
    expected = predict_on_mesh(
        model, structure, Mesh(SHAPE, structure.cell), PredictionOptions(uncertainty="fast")
    )
    code, output = predict_on_ranks(n_ranks, tmp_path / "shard.h5", "--kernels")
    assert code == 0, output
    assert_same(tmp_path / "shard.h5", expected)


def test_reductions_do_not_depend_on_the_number_of_ranks(predict_on_ranks, tmp_path):
    found = []
    for n_ranks in (1, 2):
        path = tmp_path / f"{n_ranks}.h5"
        code, output = predict_on_ranks(n_ranks, path, "--kernels", "--reduce")
        assert code == 0, output
        found.append(read_reduction(path))
    assert np.ptp(found[0]["charge_e"]) > 0.1
    for name, values in found[0].items():
        np.testing.assert_allclose(found[1][name], values, rtol=1e-6, atol=1e-6, err_msg=name)


def test_ranks_compute_as_a_gpu_would(predict_on_ranks, tmp_path):
    structure = make_structure()
    mesh = Mesh(SHAPE, structure.cell)
    expected = predict_on_mesh(
        make_smooth_model(multipoles=True), structure, mesh, PredictionOptions(device="emulated")
    )
    code, output = predict_on_ranks(2, tmp_path / "shard.h5", "--kernels", "--device", "emulated")
    assert code == 0, output
    merge([tmp_path / "shard.h5"], tmp_path / "merged.h5", scale_to_electrons=False)
    found = read_density(tmp_path / "merged.h5")
    assert found.record["device"] == "emulated"
    np.testing.assert_array_equal(found.density, expected.density)


def test_a_device_that_is_not_there_stops_all_before_any_work(predict_on_ranks, tmp_path):
    code, output = predict_on_ranks(2, tmp_path / "shard.h5", "--kernels", "--device", "abacus")
    assert code == ModelError.exit_code
    assert "found 'abacus'" in output
    assert not any(tmp_path.iterdir())


def test_more_ranks_than_blocks(predict_on_ranks, tmp_path):
    code, output = predict_on_ranks(3, tmp_path / "shard.h5", "--shard", "0/5")
    assert code == 0, output
    with h5py.File(tmp_path / "shard.h5") as file:
        assert file["density"].shape == (0, *SHAPE[1:])


def test_a_number_of_ranks_that_was_not_asked_for_is_refused(predict_on_ranks, tmp_path):
    code, output = predict_on_ranks(2, tmp_path / "shard.h5", "--expected-ranks", 3)
    assert code == 7
    assert "expected 3 ranks, MPI sees 2" in output
    assert not any(tmp_path.iterdir())


def test_one_rank_with_unfit_input_stops_all_before_any_work(predict_on_ranks, tmp_path):
    code, output = predict_on_ranks(3, tmp_path / "shard.h5", "--unfit-on-rank", 1)
    assert code != 0
    assert "Al, Si, which the model has never seen" in output
    assert "rank 1" in output
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_fails_at_work_ends_all_with_its_message(rank, predict_on_ranks, tmp_path):
    code, output = predict_on_ranks(2, tmp_path / "shard.h5", "--fail-on-rank", rank)
    assert code != 0
    assert f"rank {rank}: RuntimeError('the fault that was asked for')" in output
    assert not (tmp_path / "shard.h5").exists()


@pytest.mark.parametrize("victim", [0, 1, "launcher"])
def test_a_killed_run_goes_on_where_it_stopped(victim, start_ranks, tmp_path, reference, caplog):
    path = tmp_path / "shard.h5"
    process = start_ranks(2, path, "--slow")
    journal = tmp_path / "shard.h5.journal"
    deadline = time.monotonic() + 120
    while not journal.exists() or len(journal.read_text().splitlines()) < 5:
        assert time.monotonic() < deadline, process.communicate()[0]
        time.sleep(0.02)
    if victim == "launcher":
        process.kill()
    else:
        os.kill(int(path.with_suffix(f".pid{victim}").read_text()), signal.SIGKILL)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert not path.exists()
    finished = len(journal.read_text().splitlines()) - 1

    structure = make_structure()
    caplog.set_level("INFO")
    predict_shard(
        make_model(),
        structure,
        Mesh(SHAPE, structure.cell),
        path,
        PredictionOptions(uncertainty="sampled", samples=2),
    )
    found = re.search(r"resumed, (\d+) of 18 blocks", caplog.text)
    if victim == "launcher":  # ranks may outlive it, even to the end; their lock holds us up
        assert found is None or int(found.group(1)) >= finished
    else:
        assert int(found.group(1)) == finished
    assert_same(path, reference)
