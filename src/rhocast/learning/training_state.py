"""The state of a training that was ended: goes on from there to the same weights.

A safetensors file beside the model to be. It carries a hash of all that determines the training;
another hash starts afresh, and so does a file that cannot be read.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from rhocast.files import replacing
from rhocast.model.checkpoint import content_hash

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Best:
    """The weights that did best on the data held back.

    Attributes
    ----------
    step
        When.
    nll
        Negative log-likelihood, nats.
    weights
        State of the network.
    """

    step: int
    nll: float
    weights: dict[str, Tensor]


@dataclass(frozen=True)
class TrainingState:
    """All that the rest of a training follows from.

    Attributes
    ----------
    step
        Steps done.
    weights
        State of the network.
    moments
        Of the optimiser, by number of the parameter and name.
    order
        Points still to come before any comes again.
    rng
        States of the generators, by kind of device.
    best
        None before the first check.
    """

    step: int
    weights: dict[str, Tensor]
    moments: dict[str, Tensor]
    order: Tensor
    rng: dict[str, Tensor]
    best: Best | None

    def write(self, path: Path, key: str) -> None:
        """Write the file; ``key`` is the hash of all that determines the training."""
        tensors = {"order": self.order}
        parts = {"weights": self.weights, "moments": self.moments, "rng": self.rng}
        header = {"key": key, "step": self.step}
        if self.best is not None:
            parts["best"] = self.best.weights
            header |= {"best_step": self.best.step, "best_nll": self.best.nll}
        for part, named in parts.items():
            tensors |= {f"{part}/{name}": tensor for name, tensor in named.items()}
        # copies: parts of a larger tensor would be refused, or written with all of it
        copies = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        arrays = {name: tensor.numpy() for name, tensor in copies.items()}
        metadata = {"state": json.dumps(header), "sha256": content_hash(arrays, header)}
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial:
            partial.write_bytes(save(copies, metadata=metadata))


def read_state(path: Path, key: str) -> TrainingState | None:
    """Read the file of the same training; None if there is none."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            header = json.loads(metadata.get("state", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        return None
    except (OSError, SafetensorError, ValueError) as error:
        _log.warning("%s cannot be read (%s): training starts afresh", path, error)
        return None
    if header.get("key") != key:
        _log.warning("%s is of other data or settings: training starts afresh", path)
        return None
    if not _intact(path, metadata, header, tensors):
        _log.warning("%s does not match its checksum: training starts afresh", path)
        return None
    best = None
    if "best_step" in header:
        best = Best(header["best_step"], header["best_nll"], _part(tensors, "best"))
    return TrainingState(
        step=header["step"],
        weights=_part(tensors, "weights"),
        moments=_part(tensors, "moments"),
        order=tensors["order"],
        rng=_part(tensors, "rng"),
        best=best,
    )


def _intact(
    path: Path,
    metadata: Mapping[str, str],
    header: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
) -> bool:
    if "sha256" not in metadata:
        _log.info("%s: has no checksum, damage to it cannot be detected", path)
        return True
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    return content_hash(arrays, header) == metadata["sha256"]


def moments_of(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return what an optimiser remembers, by number of the parameter and name."""
    state = optimiser.state_dict()["state"]
    return {f"{number}/{name}": value for number, s in state.items() for name, value in s.items()}


def restore_moments(optimiser: torch.optim.Optimizer, moments: dict[str, Tensor]) -> None:
    """Make an optimiser remember what `moments_of` has returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in moments.items():
        number, name = key.split("/")
        state.setdefault(int(number), {})[name] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": state})


def rng_states(device: torch.device) -> dict[str, Tensor]:
    """Return the states of the generators that a training on a device draws from."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_rng_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Go back to what `rng_states` has returned."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    prefix = f"{part}/"
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
