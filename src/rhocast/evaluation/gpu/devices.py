"""Devices by their names."""

from functools import cache

from rhocast.errors import ModelError
from rhocast.evaluation.gpu.cuda import Gpu, count_gpus
from rhocast.evaluation.gpu.device import Device
from rhocast.evaluation.gpu.emulation import Emulation

#: Name of the processor in a GPU's place.
EMULATED = "emulated"


@cache
def open_device(name: str) -> Device:
    """Return a device by its name: ``cuda``, ``cuda:1`` … or ``emulated``.

    Raises
    ------
    ModelError
        If there is none.
    """
    if name == EMULATED:
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
        count = count_gpus()
    return f"cuda:{place % count}" if count else name


def gpu_named(device: str) -> str | None:
    """Return the device that a user has named; None for ``cpu``, which has kernels of its own."""
    return None if device == "cpu" else device


def name_of(name: str) -> str:
    """Name the hardware of a device as its maker does."""
    return open_device(name).name
