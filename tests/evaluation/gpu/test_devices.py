"""Which GPU is whose, and what is said of one that is not there."""

import sys
from types import SimpleNamespace

import pytest

from rhocast.errors import ModelError
from rhocast.evaluation.gpu import gpu_named, name_of, open_device, own_device
from rhocast.evaluation.gpu.cuda import Gpu


@pytest.mark.parametrize(
    ("asked", "place", "count", "own"),
    [
        ("cuda", 0, 4, "cuda:0"),
        ("cuda", 5, 4, "cuda:1"),
        ("cuda", 5, 1, "cuda:0"),
        ("cuda", 5, 0, "cuda"),
        ("cuda:2", 1, 4, "cuda:2"),
        ("emulated", 3, None, "emulated"),
    ],
)
def test_ranks_of_a_machine_take_turns(asked, place, count, own):
    assert own_device(asked, place, count) == own


@pytest.mark.parametrize("name", ["abacus", "cuda:one", "cpu"])
def test_names_of_no_device_are_refused(name):
    with pytest.raises(ModelError, match=f"device: expected .* found '{name}'"):
        open_device(name)


def test_a_gpu_needs_cupy(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ModelError, match=r"rhocast\[gpu\]"):
        open_device("cuda:7")


def test_a_gpu_needs_tensor_cores_for_bfloat16(monkeypatch):
    """Told before anything is compiled. CuPy is a stand-in: the GPU would have to be an old one."""
    runtime = SimpleNamespace(
        getDeviceCount=lambda: 1, getDeviceProperties=lambda index: {"name": b"Tesla V100"}
    )
    cuda = SimpleNamespace(
        runtime=runtime,
        Device=lambda index: SimpleNamespace(compute_capability="70"),
        Stream=None,
    )
    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
    with pytest.raises(ModelError, match=r"Tesla V100 \(cuda:0\) has .* 7\.0, .* 8\.0 \(an A100\)"):
        Gpu(0)


def test_the_emulation_needs_a_compiler(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelError, match=r"needs a C\+\+ compiler"):
        open_device("emulated").compile(["count_near"], {"SPECIES": 1})


def test_the_processor_is_no_gpu():
    assert gpu_named("cpu") is None
    assert gpu_named("cuda:1") == "cuda:1"
    assert name_of("emulated") == "emulated"
