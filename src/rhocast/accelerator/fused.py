"""The sums over pairs as Triton kernels: one program to a brick, its sums in registers.

No number of a pair ever reaches memory. Products of matrices are made of three in TF32, which gives
the digits of float32 on tensor cores. `rhocast.accelerator.pairs` is their reference; Triton's
interpreter computes both alike on the CPU, and no GPU has run them yet.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Most points and atoms of a product of matrices, and the shortest side that it may have.
_POINTS, _ATOMS, _SHORTEST = 64, 32, 16

#: Arguments that change from call to call: kernels are not compiled for each value.
_CHANGING = ["count", "n_atoms", "n_rows"]


class FusedPairs:
    """Pairs in Triton kernels; see `rhocast.accelerator.pairs.Pairs`."""

    def __init__(self, vectors: Tensor, offsets: Tensor) -> None:
        self._vectors, self._offsets = vectors.contiguous(), offsets.contiguous()
        self._shape = len(vectors), len(offsets), vectors.shape[1]
        self._points = min(_POINTS, _padded(len(offsets)))

    def radial_sums(
        self, harmonics: Tensor, reaches_bohr: Sequence[float], counts: Sequence[int]
    ) -> Tensor:
        """See `rhocast.accelerator.pairs.Pairs`."""
        n_bricks, n_points, n_atoms = self._shape
        n, n_members = len(reaches_bohr), harmonics.shape[-1]
        result = self._vectors.new_empty(n_points, n, n_bricks, n_members)
        self._launch(
            _radial_sums,
            (n_bricks, n, triton.cdiv(n_points, self._points)),
            self._vectors,
            self._offsets,
            harmonics.contiguous(),
            *self._within(reaches_bohr, counts),
            result,
            n_points,
            n_atoms,
            harmonics.shape[1],
            n_members,
            POINTS=self._points,
            ATOMS=_ATOMS,
            MEMBERS=_padded(n_members),
        )
        return result

    def splines(self, powers: Tensor, step_bohr: float, count: int) -> Tensor:
        """See `rhocast.accelerator.pairs.Pairs`."""
        n_bricks, n_points, n_atoms = self._shape
        result = self._vectors.new_empty(n_bricks, n_points)
        self._launch(
            _splines,
            (n_bricks, triton.cdiv(n_points, self._points)),
            self._vectors,
            self._offsets,
            powers.contiguous(),
            result,
            1.0 / step_bohr,
            count,
            n_points,
            n_atoms,
            powers.shape[1] - 1,
            POINTS=self._points,
            ATOMS=_ATOMS,
        )
        return result

    def polynomials(
        self,
        places: Tensor,
        polynomials: Tensor,
        reaches_bohr: Sequence[float],
        counts: Sequence[int],
    ) -> Tensor:
        """See `rhocast.accelerator.pairs.Pairs`."""
        n_bricks, n_points, n_atoms = self._shape
        n_members = places.shape[1]
        result = self._vectors.new_empty(n_bricks, n_points)
        self._launch(
            _polynomials,
            (n_bricks, triton.cdiv(n_points, self._points)),
            self._vectors,
            self._offsets,
            places.contiguous(),
            polynomials.contiguous(),
            *self._within(reaches_bohr, counts),
            result,
            len(reaches_bohr),
            n_points,
            n_atoms,
            polynomials.shape[1],
            n_members,
            POINTS=self._points,
            ATOMS=_ATOMS,
            MEMBERS=_padded(n_members),
        )
        return result

    def _launch(self, kernel: Any, grid: tuple[int, ...], *arguments: Any, **sizes: int) -> None:
        """Launch a kernel where the tensors lie: Triton takes the current device."""
        device = self._vectors.device
        with torch.cuda.device(device) if device.type == "cuda" else nullcontext():
            kernel[grid](*arguments, **sizes)

    def _within(
        self, reaches_bohr: Sequence[float], counts: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """1 / R_n² and counts, on the device."""
        device = self._vectors.device
        inverse = torch.tensor([reach**-2 for reach in reaches_bohr], device=device)
        return inverse, torch.tensor(counts, dtype=torch.int32, device=device)


def _padded(side: int) -> int:
    """Return the next side that a product of matrices may have."""
    return max(_SHORTEST, triton.next_power_of_2(side))


@triton.jit
def _squares(vectors, offsets, brick, point, atom, n_points, count, n_atoms):
    """Compute squared distances (POINTS, ATOMS) of a brick's points; far, where no atom is."""
    result = tl.zeros((point.shape[0], atom.shape[0]), tl.float32)
    for axis in tl.static_range(3):
        place = tl.load(offsets + 3 * point + axis, mask=point < n_points, other=0.0)
        where = vectors + 3 * (brick * n_atoms + atom) + axis
        away = tl.load(where, mask=atom < count, other=1e6)
        step = away[None, :] - place[:, None]
        result += step * step
    return result


@triton.jit
def _radial(squares, inverse):
    """Compute (1 − x² / R²)₊^8."""
    value = tl.maximum(1.0 - squares * inverse, 0.0)
    value *= value
    value *= value
    return value * value


@triton.jit(do_not_specialize=_CHANGING)
def _radial_sums(
    vectors, offsets, harmonics, inverses, counts, result,
    n_points, n_atoms, n_rows, n_members,
    POINTS: tl.constexpr, ATOMS: tl.constexpr, MEMBERS: tl.constexpr,
):  # fmt: skip
    brick, n = tl.program_id(0).to(tl.int64), tl.program_id(1)
    point = tl.program_id(2) * POINTS + tl.arange(0, POINTS)
    member = tl.arange(0, MEMBERS)
    count, inverse = tl.load(counts + n), tl.load(inverses + n)
    sums = tl.zeros((POINTS, MEMBERS), tl.float32)
    for start in range(0, count, ATOMS):
        atom = start + tl.arange(0, ATOMS)
        squares = _squares(vectors, offsets, brick, point, atom, n_points, count, n_atoms)
        where = (brick * n_rows + atom)[:, None] * n_members + member[None, :]
        inside = (atom < count)[:, None] & (member < n_members)[None, :]
        angular = tl.load(harmonics + where, mask=inside, other=0.0)
        sums = tl.dot(_radial(squares, inverse), angular, sums, input_precision="tf32x3")
    row = (point * tl.num_programs(1) + n).to(tl.int64) * tl.num_programs(0) + brick
    where = row[:, None] * n_members + member[None, :]
    inside = (point < n_points)[:, None] & (member < n_members)[None, :]
    tl.store(result + where, sums, mask=inside)


@triton.jit(do_not_specialize=_CHANGING)
def _splines(
    vectors, offsets, powers, result, inverse_step,
    count, n_points, n_atoms, n_intervals,
    POINTS: tl.constexpr, ATOMS: tl.constexpr,
):  # fmt: skip
    brick = tl.program_id(0).to(tl.int64)
    point = tl.program_id(1) * POINTS + tl.arange(0, POINTS)
    density = tl.zeros((POINTS,), tl.float32)
    for start in range(0, count, ATOMS):
        atom = start + tl.arange(0, ATOMS)
        squares = _squares(vectors, offsets, brick, point, atom, n_points, count, n_atoms)
        place = tl.minimum(tl.sqrt(squares) * inverse_step, n_intervals.to(tl.float32))
        interval = place.to(tl.int32)
        place -= interval.to(tl.float32)
        value = tl.zeros((POINTS, ATOMS), tl.float32)
        for k in tl.static_range(4):
            value = value * place + tl.load(powers + (3 - k) * (n_intervals + 1) + interval)
        density += tl.sum(value, axis=1)
    tl.store(result + brick * n_points + point, density, mask=point < n_points)


@triton.jit(do_not_specialize=_CHANGING)
def _polynomials(
    vectors, offsets, places, polynomials, inverses, counts, result,
    n_radial, n_points, n_atoms, n_rows, n_members,
    POINTS: tl.constexpr, ATOMS: tl.constexpr, MEMBERS: tl.constexpr,
):  # fmt: skip
    brick = tl.program_id(0).to(tl.int64)
    point = tl.program_id(1) * POINTS + tl.arange(0, POINTS)
    member = tl.arange(0, MEMBERS)
    there = (point < n_points)[:, None] & (member < n_members)[None, :]
    place = tl.load(places + point[:, None] * n_members + member[None, :], mask=there, other=0.0)
    density = tl.zeros((POINTS,), tl.float32)
    for n in range(0, n_radial):
        count, inverse = tl.load(counts + n), tl.load(inverses + n)
        for start in range(0, count, ATOMS):
            atom = start + tl.arange(0, ATOMS)
            squares = _squares(vectors, offsets, brick, point, atom, n_points, count, n_atoms)
            row = (brick * n_rows + atom) * n_radial + n
            where = row[None, :] * n_members + member[:, None]
            inside = (atom < count)[None, :] & (member < n_members)[:, None]
            own = tl.load(polynomials + where, mask=inside, other=0.0)
            angular = tl.dot(place, own, input_precision="tf32x3")
            density += tl.sum(_radial(squares, inverse) * angular, axis=1)
    tl.store(result + brick * n_points + point, density, mask=point < n_points)
