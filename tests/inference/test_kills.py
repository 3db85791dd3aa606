"""SIGKILL at random moments: the file is the same in the end, to the last bit."""

import multiprocessing
import os
import random
import signal
import time

import h5py
import numpy as np
import pytest
from small_model import SHAPE, make_model, make_smooth_model, make_structure

from rhocast import files
from rhocast.density.reduction import read_reduction
from rhocast.errors import ParallelError
from rhocast.grid import Mesh
from rhocast.inference import (
    PredictionOptions,
    predict_reduced,
    predict_shard,
    reduce,
    shard_writer,
)
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.request import Request
from rhocast.inference.shard_writer import ShardWriter
from rhocast.inference.shards import Shard, ShardHeader

KILLS = 8


def be_slow(computing):
    compute = BlockPredictor.__call__

    def slowly(self, block, atoms):
        computing.set()
        time.sleep(0.05)
        return compute(self, block, atoms)

    BlockPredictor.__call__ = slowly
    shard_writer.SECONDS_BETWEEN_COMMITS = 0.02
    reduce.BLOCKS_BETWEEN_SAVES = 1


def reduce_with_charges(path, computing=None):
    if computing is not None:
        be_slow(computing)
    structure = make_structure()
    mesh, options = Mesh(SHAPE, structure.cell), PredictionOptions(uncertainty="fast")
    predict_reduced(
        make_smooth_model(), structure, mesh, path, options, coarse_bohr=3.0, charges=True
    )


def predict(path, computing=None):
    if computing is not None:
        be_slow(computing)
    structure = make_structure()
    predict_shard(
        make_model(),
        structure,
        Mesh(SHAPE, structure.cell),
        path,
        PredictionOptions(uncertainty="sampled", samples=2),
    )


@pytest.fixture(scope="module")
def processes():
    """Give processes that start soon: what they import is there already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rhocast.inference", "small_model", "test_kills"])
    return context


def test_the_file_is_the_same_after_kills(processes, tmp_path):
    path = tmp_path / "shard.h5"
    moments = random.Random(5)
    survived = 0
    for _ in range(KILLS):
        computing = processes.Event()
        process = processes.Process(target=predict, args=(path, computing))
        process.start()
        assert computing.wait(60)
        process.join(moments.uniform(0.0, 0.8))
        process.kill()
        process.join()
        survived += process.exitcode == 0
        if path.exists():  # finished in between: the next kills meet a fresh run
            assert_same(path, tmp_path)
            path.unlink()
    predict(path)
    assert survived < KILLS
    assert_same(path, tmp_path)
    assert not list(tmp_path.glob("shard.h5.*"))


def test_a_reduction_is_the_same_after_kills(processes, tmp_path):
    path, state = tmp_path / "reduced.h5", tmp_path / "reduced.h5.state"
    moments = random.Random(6)

    def size():
        return state.stat().st_size if state.exists() else 0

    for _ in range(2):
        arguments, before = (path, processes.Event()), size()
        process = processes.Process(target=reduce_with_charges, args=arguments)
        process.start()
        while size() <= before and process.is_alive():
            time.sleep(0.01)
        process.join(moments.uniform(0.0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    reduce_with_charges(path)
    reduce_with_charges(tmp_path / "whole.h5")
    found = read_reduction(path)
    for name, expected in read_reduction(tmp_path / "whole.h5").items():
        np.testing.assert_array_equal(found[name], expected)
    assert not list(tmp_path.glob("reduced.h5.*"))


def assert_same(path, folder):
    whole = folder / "whole.h5"
    if not whole.exists():
        predict(whole)
    with Shard(path) as resumed, Shard(whole) as uninterrupted:
        for name in ("density", "epistemic_std", "aleatoric_std", "block_sums"):
            np.testing.assert_array_equal(resumed.file[name][()], uninterrupted.file[name][()])


@pytest.fixture
def header(model, structure):
    request = Request(model, structure, Mesh(SHAPE, structure.cell))
    return ShardHeader.of(request, 0, 1)


def test_two_writers_of_one_shard_are_refused(header, structure, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "SECONDS_FOR_OTHER_WRITER", 0.2)
    path = tmp_path / "shard.h5"
    with (
        ShardWriter(path, header, structure),
        pytest.raises(ParallelError, match="another process writes it"),
    ):
        ShardWriter(path, header, structure)
    ShardWriter(path, header, structure).__exit__()


def test_a_disk_that_fills_up_ends_with_a_message_and_what_was_done(
    header, structure, tmp_path, monkeypatch
):
    path = tmp_path / "shard.h5"
    write, written = os.pwrite, []

    def full(file, data, offset):
        if len(written) == 13:  # three blocks with their checksums, part of the fourth
            raise OSError(28, "No space left on device")
        written.append(offset)
        return write(file, data, offset)

    values = np.full((1, 16, 16, 16), 0.5, np.float32)
    with ShardWriter(path, header, structure) as writer:
        monkeypatch.setattr(os, "pwrite", full)
        monkeypatch.setattr(shard_writer, "SECONDS_BETWEEN_COMMITS", 0.0)
        for block in (0, 1, 6):
            writer.write(block, values)
        with pytest.raises(ParallelError, match=r"No space left.*3 of 18 blocks are kept.*again"):
            writer.write(7, values)
    monkeypatch.undo()
    with ShardWriter(path, header, structure) as writer:
        assert writer.finished == {0, 1, 6}
    with h5py.File(path.with_name("shard.h5.partial")) as file:
        assert (file["density"][:16, :16, :16] == 0.5).all()


def test_a_damaged_finished_block_is_computed_again(header, structure, tmp_path, caplog):
    path = tmp_path / "shard.h5"
    partial = path.with_name("shard.h5.partial")
    values = np.full((1, 16, 16, 16), 0.5, np.float32)
    with ShardWriter(path, header, structure) as writer:
        for block in (0, 1, 6):
            writer.write(block, values)
        writer.commit()
    with h5py.File(partial) as file:
        place = file["density"].id.get_chunk_info_by_coord((0, 0, 16)).byte_offset + 100
    data = bytearray(partial.read_bytes())
    data[place] ^= 4
    partial.write_bytes(data)
    with ShardWriter(path, header, structure) as writer:
        assert writer.finished == {0, 6}
    assert "1 finished blocks do not match their checksums" in caplog.text


def test_a_disk_that_is_full_is_noticed_before_any_work(header, structure, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ParallelError, match=r"No space left.*0 of 18 blocks"):
        ShardWriter(tmp_path / "shard.h5", header, structure)
