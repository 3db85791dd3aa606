"""Where the kernels run: a GPU of CuPy, or the processor in its place.

A `Device` hands out arrays, compiles and launches; nothing else of this package knows what it is.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from rhocast.errors import ModelError

#: Name of the processor in a GPU's place.
EMULATED = "emulated"

#: Threads of a block, as the kernels count on.
THREADS = 128

_FOLDER = Path(__file__).parent

#: What is compiled as one, in this order.
SOURCES = (
    _FOLDER.parent / "polynomials.h",
    *(_FOLDER / f"{part}.cu" for part in ("geometry", "features", "baseline", "network")),
)

#: Compute capability, times ten, from which on tensor cores take bfloat16: that of an A100.
_CAPABILITY = 80

#: Takes the number of threads, which is also the kernel's first argument, and its further ones:
#: arrays (None for a null pointer), int, float, or NumPy's numbers for other sizes.
Kernel = Callable[..., None]


def source() -> str:
    """Return the text of all kernels; compilers name the file of an error and its line."""
    parts = [f'#line 1 "{path.name}"\n{path.read_text(encoding="utf-8")}' for path in SOURCES]
    return "".join(parts)


class Device(Protocol):
    """What computes.

    Attributes
    ----------
    name
        Of the hardware.
    xp
        NumPy, or what has its functions for arrays there.
    """

    name: str
    xp: Any

    def using(self) -> AbstractContextManager:
        """Within it this thread's arrays and launches are there, in the order of the calls."""

    def compile(self, names: Iterable[str], sizes: Mapping[str, int]) -> dict[str, Kernel]:
        """Compile kernels for a model's sizes."""

    def fetch(self, array: Any) -> np.ndarray:
        """Copy an array to the host."""

    def wait(self) -> None:
        """Wait for all that this thread has asked for: only then may others use it."""


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
        """See `Device`: each thread has a stream of its own, so that several overlap."""
        stack = ExitStack()
        stack.enter_context(self._device)
        if not hasattr(self._own, "stream"):
            self._own.stream = self.xp.cuda.Stream(non_blocking=True)
        stack.enter_context(self._own.stream)
        return stack

    def compile(self, names: Iterable[str], sizes: Mapping[str, int]) -> dict[str, Kernel]:
        """See `Device`; CuPy keeps what was compiled in the user's cache."""
        options = ("--std=c++17", "--prec-sqrt=false", *(f"-D{k}={v}" for k, v in sizes.items()))
        module = self.xp.RawModule(code=source(), options=options)
        return {name: _launcher(module.get_function(name)) for name in names}

    def fetch(self, array: Any) -> np.ndarray:
        """See `Device`; by way of memory that the GPU itself can write."""
        import cupyx

        result = cupyx.empty_pinned(array.shape, array.dtype)
        array.get(out=result, blocking=True)
        return result

    def wait(self) -> None:
        """See `Device`."""
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


@cache
def open_device(name: str) -> Device:
    """Return a device by its name: ``cuda``, ``cuda:1`` … or ``emulated``.

    Raises
    ------
    ModelError
        If there is none.
    """
    if name == EMULATED:
        from rhocast.evaluation.gpu.emulation import Emulation

        return Emulation()
    kind, _, index = name.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise ModelError(f"device: expected `cpu`, `cuda`, or `cuda:1` and so on, found {name!r}")
    return Gpu(int(index or 0))


def own_device(name: str, place: int, count: int | None = None) -> str:
    """Name the device that a process takes.

    Parameters
    ----------
    name
        ``cuda``, one for each process in turn; any other, that one for all.
    place
        Of the process among those of this machine, counted from 0.
    count
        GPUs of this machine; those that CUDA sees by default.
    """
    if name != "cuda":
        return name
    if count is None:
        count = _cupy().cuda.runtime.getDeviceCount()
    return f"cuda:{place % count}" if count else name


def gpu_named(device: str) -> str | None:
    """Return the device that a user has named; None for ``cpu``, which has kernels of its own."""
    return None if device == "cpu" else device


def name_of(name: str) -> str:
    """Name the hardware of a device as its maker does."""
    return open_device(name).name
