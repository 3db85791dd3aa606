"""Smooth sums over neighbours at the points of bricks, and their scalar products.

Those of `rhocast.descriptors.smooth`. With R_j from the centre of a brick to the atoms and r from
there to a point, the sums of species s at the point are

    A_nlm = N_nl Σ_νκ T_(lm)(νκ)(r) B_nνκ,    B_nνκ = Σ_j g_n(|R_j − r|) |R_j|^ν C_νκ(R_j),

with g_n = (1 − x² / R_n²)₊^8 and T from `rhocast.accelerator.harmonics.translations`. B is a
product of matrices for each brick, radial functions of points and atoms by harmonics of atoms; A is
one for each place within the bricks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rhocast.accelerator.harmonics import SolidHarmonics, translations
from rhocast.accelerator.pairs import Pairs
from rhocast.descriptors import SmoothDescriptor


@dataclass(frozen=True)
class SmoothSums:
    """The sums of one descriptor, for one kind of bricks.

    Attributes
    ----------
    reaches_bohr
        R_n.
    norms : (n, (l_max + 1)²) float32 tensor
        N_nl.
    translations : (p, (l_max + 1)², (l_max + 1)²) float32 tensor
        T, its second axis that of B.
    harmonics
        Up to l_max.
    """

    reaches_bohr: tuple[float, ...]
    norms: Tensor
    translations: Tensor
    harmonics: SolidHarmonics

    @classmethod
    def of(
        cls, descriptor: SmoothDescriptor, offsets: np.ndarray, device: torch.device
    ) -> "SmoothSums":
        """Prepare a descriptor for bricks with points at offsets (p, 3) from their centres."""
        degree = descriptor.parameters.angular
        norms = np.repeat(descriptor.norms, 2 * np.arange(degree + 1) + 1, axis=1)
        turns = translations(offsets, degree).transpose(0, 2, 1)
        return cls(
            tuple(float(reach) for reach in descriptor.reaches_bohr),
            torch.from_numpy(norms).to(device, torch.float32),
            torch.from_numpy(turns).to(device, torch.float32),
            SolidHarmonics(degree, device),
        )

    def __call__(self, pairs: Pairs, vectors: Tensor, counts: Sequence[int]) -> Tensor:
        """Compute A (n, p, b, (l_max + 1)²) of the atoms of one species.

        Parameters
        ----------
        pairs
            Of the bricks' points and the atoms.
        vectors : (b, a, 3) tensor
            From the centres to the atoms, Bohr.
        counts
            How many of them are within each R_n of any of the points, at most.
        """
        harmonics = self.harmonics(vectors[:, : max(counts)])
        bare = pairs.radial_sums(harmonics, self.reaches_bohr, counts)
        turned = bare.flatten(1, 2) @ self.translations
        return turned.view(bare.shape).transpose(0, 1) * self.norms[:, None, None]


class Invariants:
    """The features, of sums on a device; in the order of `rhocast.descriptors.smooth`.

    Parameters
    ----------
    radial_functions
        n_max.
    degree
        l_max.
    device
        Where the sums lie.
    """

    def __init__(self, radial_functions: int, degree: int, device: torch.device) -> None:
        n, degrees = radial_functions, np.arange(degree + 1)
        of_member = np.repeat(degrees, 2 * degrees + 1)
        sums = (of_member[:, None] == degrees[1:]) / np.sqrt(2 * degrees[1:] + 1)
        self._sums = torch.from_numpy(sums).to(device, torch.float32)
        self._radial = n
        pairs = [(i, i + shift) for shift in range(n) for i in range(n - shift)]
        order = np.lexsort(np.array(pairs).T[::-1])
        self._order = torch.from_numpy(order).to(device)

    def __call__(self, sums: Sequence[Tensor]) -> Tensor:
        """Turn A (n, q, (l_max + 1)²) of each species into features (q, d)."""
        total = sums[0] if len(sums) == 1 else torch.stack(list(sums)).sum(dim=0)
        products = torch.cat(
            [
                (total[: self._radial - shift] * total[shift:]) @ self._sums
                for shift in range(self._radial)
            ]
        )[self._order]
        columns = [total[..., 0].T, _columns(products)]
        for own in sums[:-1]:
            contrast = own - total / len(sums)
            columns += [contrast[..., 0].T, _columns((contrast * total) @ self._sums)]
        return torch.cat(columns, dim=1)


def _columns(products: Tensor) -> Tensor:
    """Turn (n, q, l) into (q, l · n)."""
    return products.permute(1, 2, 0).flatten(start_dim=1)
