"""The Triton kernels, without a GPU: what they compute, and that they compile for one."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from rhocast import kernels
from rhocast.accelerator.pairs import is_fused

needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton is not installed"
)

SCRIPT = Path(__file__).with_name("run_fused.py")


@needs_triton
@pytest.mark.parametrize("what", ["compare", "evaluate"])
def test_they_compute_what_torch_computes(what, run):
    done = run(sys.executable, SCRIPT, what, TRITON_INTERPRET="1")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_triton
def test_they_compile_for_a_gpu(run, tmp_path):
    done = run(sys.executable, SCRIPT, "compile", TRITON_CACHE_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr


def test_they_are_for_cuda_alone_and_can_be_switched_off(monkeypatch):
    assert not is_fused(torch.device("cpu"))
    assert is_fused(torch.device("cuda")) == (importlib.util.find_spec("triton") is not None)
    monkeypatch.setenv(kernels.VARIABLE, "none")
    assert not is_fused(torch.device("cuda"))
