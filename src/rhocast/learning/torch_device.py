"""Devices of torch: whether one is there."""

import torch

from rhocast.errors import ModelError


def check_device(device: str) -> torch.device:
    """Return a device of torch.

    Raises
    ------
    ModelError
        If it is not there.
    """
    try:
        return torch.zeros(1, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:  # depends on how torch was built
        raise ModelError(
            f"device: expected `cpu`, or the name of an accelerator that torch finds, found "
            f"{device!r} ({str(error).splitlines()[0]})"
        ) from error
