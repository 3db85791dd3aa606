"""What memory and disk do not hold is refused before any work."""

import shutil
from collections import namedtuple
from contextlib import nullcontext

import pytest
from small_model import SHAPE

from rhocast.density.reduction import Reduction
from rhocast.errors import ParallelError
from rhocast.grid import Mesh
from rhocast.inference import (
    PredictionOptions,
    Request,
    limits,
    predict_density,
    predict_file,
    predict_reduced,
    predict_shard,
)
from rhocast.inference.predictor import BlockPredictor

Usage = namedtuple("Usage", "total used free")

#: Of the predicted density on the small mesh.
FIELD_BYTES = 4 * 35 * 17 * 33


@pytest.fixture
def mesh(structure):
    return Mesh(SHAPE, structure.cell)


@pytest.fixture
def disk(monkeypatch):
    """Set the bytes that are free on the disk."""

    def disk(free):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**12, 0, free))

    return disk


@pytest.fixture
def machine(tmp_path):
    """Folder with 8 GB free in /proc, and a process in the cgroup /job/step; sets its limits."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 16000000 kB\nMemAvailable: 8000000 kB\n")
    (tmp_path / "proc/self/cgroup").write_text("1:name=systemd:/\n0::/job/step\n")

    def limit(group, maximum, current, inactive_file=0):
        folder = tmp_path / "sys/fs/cgroup" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{maximum}\n")
        (folder / "memory.current").write_text(f"{current}\n")
        (folder / "memory.stat").write_text(f"anon 5\ninactive_file {inactive_file}\n")
        return tmp_path

    return limit


def test_memory_is_what_the_machine_has_free(machine, tmp_path):
    assert limits.available_memory_bytes(tmp_path) == 8_192_000_000
    assert limits.available_memory_bytes(machine("job/step", "max", 1000)) == 8_192_000_000
    assert limits.available_memory_bytes(tmp_path / "nowhere") is None


def test_memory_is_what_the_tightest_cgroup_leaves(machine):
    root = machine("job/step", 3_000_000, 1_000_000)
    assert limits.available_memory_bytes(root) == 2_000_000
    machine("job", 5_000_000, 4_000_000)
    assert limits.available_memory_bytes(root) == 1_000_000
    machine("job", 5_000_000, 4_000_000, inactive_file=500_000)
    assert limits.available_memory_bytes(root) == 1_500_000


def test_a_mesh_that_memory_does_not_hold_is_refused(model, structure, monkeypatch):
    monkeypatch.setattr(limits, "available_memory_bytes", lambda: 64_000_000_000)
    with pytest.raises(ParallelError, match=r"takes .* GB of memory.*coarser mesh"):
        predict_density(model, structure, PredictionOptions(asked_spacing_bohr=1e-3))


def test_too_little_memory_for_the_ranks_is_refused(model, structure, mesh, tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "available_memory_bytes", lambda: 10_000_000)
    monkeypatch.setattr(limits, "held_memory_bytes", lambda: 0)
    with pytest.raises(ParallelError, match="each rank needs about"):
        predict_shard(model, structure, mesh, tmp_path / "shard.h5")


def test_a_reduction_that_memory_does_not_hold_is_refused(
    structure, mesh, model, tmp_path, monkeypatch
):
    held = Reduction.memory_bytes(mesh, 0.1)
    free = limits.bytes_per_rank(Request(model, structure, mesh)) + held
    monkeypatch.setattr(limits, "held_memory_bytes", lambda: 0)
    for available in (free - 1, free):
        monkeypatch.setattr(limits, "available_memory_bytes", lambda size=available: size)
        refused = pytest.raises(ParallelError, match="each rank needs about")
        with refused if available < free else nullcontext():
            predict_reduced(model, structure, mesh, tmp_path / "reduced.h5", coarse_bohr=0.1)


def test_what_the_process_holds_already_counts_as_free(
    model, structure, mesh, tmp_path, monkeypatch
):
    """The atoms of a large cell are in memory before it is checked."""
    monkeypatch.setattr(limits, "available_memory_bytes", lambda: 10_000_000)
    monkeypatch.setattr(limits, "held_memory_bytes", lambda: 2_000_000_000)
    predict_shard(model, structure, mesh, tmp_path / "shard.h5")


def test_a_process_knows_what_it_holds(tmp_path):
    assert limits.held_memory_bytes(tmp_path) == 0
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text("VmHWM:\t 900 kB\nVmRSS:\t 800 kB\n")
    assert limits.held_memory_bytes(tmp_path) == 819_200


def test_a_shard_that_the_disk_does_not_hold_is_refused(model, structure, mesh, tmp_path, disk):
    disk(FIELD_BYTES - 1)
    with pytest.raises(ParallelError, match=r"35 × 17 × 33 takes .* GB on disk.*mesh_spacing_bohr"):
        predict_shard(model, structure, mesh, tmp_path / "shard.h5")
    assert not any(tmp_path.iterdir())
    disk(FIELD_BYTES)
    predict_shard(model, structure, mesh, tmp_path / "shard.h5")


def test_a_whole_field_needs_the_disk_for_shard_and_file(model, structure, mesh, tmp_path, disk):
    disk(2 * FIELD_BYTES - 1)
    with pytest.raises(ParallelError, match="on disk"):
        predict_file(model, structure, mesh, tmp_path / "density.h5")
    assert not any(tmp_path.iterdir())


def test_an_interrupted_shard_has_its_place_on_the_disk(
    model, structure, mesh, tmp_path, disk, monkeypatch
):
    def stop(*_):
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(BlockPredictor, "__call__", stop)
        with pytest.raises(InterruptedError):
            predict_shard(model, structure, mesh, tmp_path / "shard.h5")
    disk(0)
    predict_shard(model, structure, mesh, tmp_path / "shard.h5")
    assert (tmp_path / "shard.h5").stat().st_size > FIELD_BYTES
