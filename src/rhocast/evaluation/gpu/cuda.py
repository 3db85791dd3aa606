"""An NVIDIA GPU, by way of CuPy."""

import threading
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import numpy as np

from rhocast.errors import ModelError
from rhocast.evaluation.gpu.device import THREADS, Kernel, source

#: Compute capability, times ten, from which on tensor cores take bfloat16: that of an A100.
_CAPABILITY = 80


class Gpu:
    """An NVIDIA GPU.

    Parameters
    ----------
    index
        Number that CUDA gives it.

    Raises
    ------
    ModelError
        If it or CuPy is not there, or its tensor cores do not take bfloat16.
    """

    def __init__(self, index: int) -> None:
        self.xp = _cupy()
        count = self.xp.cuda.runtime.getDeviceCount()
        if index >= count:
            raise ModelError(f"device: cuda:{index} is not there, CUDA sees {count}")
        self._device = self.xp.cuda.Device(index)
        self.name = self.xp.cuda.runtime.getDeviceProperties(index)["name"].decode()
        capability = int(self._device.compute_capability)
        if capability < _CAPABILITY:
            raise ModelError(
                f"device: {self.name} (cuda:{index}) has compute capability {capability / 10:.1f}, "
                f"these kernels need {_CAPABILITY / 10:.1f} (an A100) or more; use another or `cpu`"
            )
        self._own = threading.local()

    def using(self) -> AbstractContextManager:
        """See `rhocast.evaluation.gpu.Device`; each thread has its own stream, so they overlap."""
        stack = ExitStack()
        stack.enter_context(self._device)
        if not hasattr(self._own, "stream"):
            self._own.stream = self.xp.cuda.Stream(non_blocking=True)
        stack.enter_context(self._own.stream)
        return stack

    def compile(self, names: Iterable[str], sizes: Mapping[str, int]) -> dict[str, Kernel]:
        """See `rhocast.evaluation.gpu.Device`; CuPy keeps what was compiled in the user's cache."""
        options = ("--std=c++17", "--prec-sqrt=false", *(f"-D{k}={v}" for k, v in sizes.items()))
        module = self.xp.RawModule(code=source(), options=options)
        return {name: _launcher(module.get_function(name)) for name in names}

    def fetch(self, array: Any) -> np.ndarray:
        """See `rhocast.evaluation.gpu.Device`; by way of memory that the GPU itself can write."""
        import cupyx

        result = cupyx.empty_pinned(array.shape, array.dtype)
        array.get(out=result, blocking=True)
        return result

    def wait(self) -> None:
        """See `rhocast.evaluation.gpu.Device`."""
        self._own.stream.synchronize()


def _launcher(function: Any) -> Kernel:
    def launch(threads: int, *arguments: Any) -> None:
        if threads > 0:
            blocks = -(-threads // THREADS)
            function((blocks,), (THREADS,), (_sized(threads), *map(_sized, arguments)))

    return launch


def _sized(argument: Any) -> Any:
    """Give a kernel's argument the size that it has there."""
    if argument is None:
        return np.uintp(0)
    if isinstance(argument, bool | int):
        return np.int32(argument)
    return np.float32(argument) if type(argument) is float else argument


def _cupy() -> Any:
    try:
        import cupy
    except ImportError as error:
        raise ModelError(
            "device: a GPU needs CuPy, which is not installed: pip install 'rhocast[gpu]', or "
            "cupy-cuda13x with a driver for CUDA 13"
        ) from error
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise ModelError(f"device: CUDA finds no GPU ({error})") from error
    return cupy


def count_gpus() -> int:
    """Return how many GPUs CUDA sees."""
    return _cupy().cuda.runtime.getDeviceCount()
