"""Devices of torch: whether one is there, and which one is whose."""

import torch

from rhocast.errors import ModelError


def check_device(device: str, dtype: torch.dtype = torch.float32) -> torch.device:
    """Return a device of torch.

    Raises
    ------
    ModelError
        If it is not there, or does not compute with that kind of number.
    """
    try:
        return torch.zeros(1, dtype=dtype, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:  # depends on how torch was built
        raise ModelError(
            f"device: expected `cpu`, or the name of an accelerator that torch finds, found "
            f"{device!r} ({str(error).splitlines()[0]})"
        ) from error


def own_device(device: str, place: int = 0, count: int | None = None) -> str:
    """Name the device that a process takes of those of a kind.

    Parameters
    ----------
    device
        ``cuda``, one for each process in turn; ``cuda:1``, that one for all.
    place
        Of the process among those of this machine, counted from 0.
    count
        Devices of that kind on this machine; those that torch finds by default.
    """
    kind, _, index = device.partition(":")
    if index or kind == "cpu":
        return device
    if count is None:
        count = torch.cuda.device_count() if kind == "cuda" else 1
    return f"{kind}:{place % count}" if count > 1 else device


def accelerator_named(device: str) -> str | None:
    """Return the device that a user has named; None for ``cpu``, which has kernels of its own."""
    return None if device == "cpu" else device


def name_of(device: str) -> str:
    """Name a device as its maker does."""
    is_cuda = torch.device(device).type == "cuda"
    return torch.cuda.get_device_name(device) if is_cuda else device
