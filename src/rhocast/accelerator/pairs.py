"""Sums over all pairs of a brick's points and the atoms around it: what takes the time.

Here in plain torch, which holds numbers of each pair; `rhocast.accelerator.fused` does the same in
Triton kernels, which hold none.
"""

import importlib.util
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import torch
from torch import Tensor

from rhocast import kernels


class Pairs(Protocol):
    """The points of some bricks, and the atoms of one species around each, the nearest first.

    Everything is float32, on one device. ``counts`` tells how many of the atoms to look at for each
    of some reaches, at most.
    """

    def radial_sums(
        self, harmonics: Tensor, reaches_bohr: Sequence[float], counts: Sequence[int]
    ) -> Tensor:
        """Sum (1 − x² / R_n²)₊^8 times harmonics (b, a, m) of the atoms; (p, n, b, m)."""

    def splines(self, powers: Tensor, step_bohr: float, count: int) -> Tensor:
        """Sum cubic splines with coefficients (4, K + 1), the last ones 0; (b, p)."""

    def polynomials(
        self,
        places: Tensor,
        polynomials: Tensor,
        reaches_bohr: Sequence[float],
        counts: Sequence[int],
    ) -> Tensor:
        """Sum (1 − x² / R_n²)₊^8 times places (p, m) · polynomials (b, a, n, m); (b, p)."""


def pairs(vectors: Tensor, offsets: Tensor) -> Pairs:
    """Take points and atoms.

    Parameters
    ----------
    vectors : (b, a, 3) tensor
        From the centres of bricks to the atoms, Bohr.
    offsets : (p, 3) tensor
        From there to the points, Bohr.
    """
    if is_fused(vectors.device):
        from rhocast.accelerator.fused import FusedPairs

        return FusedPairs(vectors, offsets)
    return TorchPairs(vectors, offsets)


def is_fused(device: torch.device) -> bool:
    """Tell whether the Triton kernels are used: on CUDA, where Triton is installed.

    The environment variable ``RHOCAST_ISA`` with the value ``none`` switches them off, too.
    """
    return (
        device.type == "cuda"
        and os.environ.get(kernels.VARIABLE) != "none"
        and importlib.util.find_spec("triton") is not None
    )


class TorchPairs:
    """Pairs in plain torch."""

    def __init__(self, vectors: Tensor, offsets: Tensor) -> None:
        self._vectors, self._offsets = vectors, offsets

    @cached_property
    def _squared(self) -> Tensor:
        """Squared distances (b, p, a)."""
        vectors, offsets = self._vectors, self._offsets
        own = offsets.square().sum(dim=1)[:, None] + vectors.square().sum(dim=2)[:, None]
        places = offsets.expand(len(vectors), -1, -1)
        return torch.baddbmm(own, places, vectors.transpose(1, 2), alpha=-2.0)

    def _radial(self, reach_bohr: float, count: int) -> Tensor:
        values = (1.0 - self._squared[..., :count] / reach_bohr**2).clamp_min_(0.0)
        for _ in range(3):
            values = values.square_()
        return values

    def radial_sums(
        self, harmonics: Tensor, reaches_bohr: Sequence[float], counts: Sequence[int]
    ) -> Tensor:
        """See `Pairs`."""
        sums = [
            self._radial(reach, count) @ harmonics[:, :count]
            for reach, count in zip(reaches_bohr, counts, strict=True)
        ]
        return torch.stack(sums).permute(2, 0, 1, 3)

    def splines(self, powers: Tensor, step_bohr: float, count: int) -> Tensor:
        """See `Pairs`."""
        place = self._squared[..., :count].clamp_min(0.0).sqrt_().div_(step_bohr)
        interval = place.int().clamp_max_(powers.shape[1] - 1)
        place -= interval
        constant, *rising = (power[interval] for power in powers)
        values = rising.pop()
        while rising:
            values = values.mul_(place).add_(rising.pop())
        return values.mul_(place).add_(constant).sum(dim=-1)

    def polynomials(
        self,
        places: Tensor,
        polynomials: Tensor,
        reaches_bohr: Sequence[float],
        counts: Sequence[int],
    ) -> Tensor:
        """See `Pairs`."""
        result = self._vectors.new_zeros(len(self._vectors), len(places))
        for n, (reach, count) in enumerate(zip(reaches_bohr, counts, strict=True)):
            angular = places @ polynomials[:, :count, n].transpose(1, 2)
            result += angular.mul_(self._radial(reach, count)).sum(dim=-1)
        return result
