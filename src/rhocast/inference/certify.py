"""The coarsest mesh that a model may be evaluated on, found by measurement.

Twice the same question is asked of a mesh: how many electrons does a quintic spline through the
values at its points misplace? Kohn-Sham densities computed on a fine mesh answer for the physics,
the model itself, at random blocks of a structure, for what it adds to that.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from rhocast.density import Density
from rhocast.density.fourier import resample
from rhocast.density.spline import AxisMap, interpolate
from rhocast.errors import ModelError
from rhocast.grid import BinnedAtoms, Blocks, Mesh
from rhocast.inference.options import PredictionOptions
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.request import Request
from rhocast.model import Certificate, DensityModel
from rhocast.parallel.sharing import lead
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: ∫|Δρ| / N_e that interpolation may add.
LARGEST_ERROR = 1e-3

#: Spacings that are tried: the coarsest, and the step from one to the next, Bohr.
COARSEST_BOHR, STEP_BOHR = 1.2, 0.02

#: Fine points along each side of the blocks that a model is compared at, and coarse points around
#: them: what these leave out, 0.43**12 or 4e-5 of what varies, counts as an error of the mesh.
BLOCK, HALO = (32, 32, 32), 12


def certify(
    model: DensityModel,
    densities: Sequence[Density],
    structure: Structure | None = None,
    n_blocks: int = 1000,
    seed: int = 0,
) -> DensityModel:
    """Find the coarsest mesh that misplaces at most `LARGEST_ERROR`, and write it into the model.

    Parameters
    ----------
    model
        The model.
    densities
        Kohn-Sham densities on a fine mesh.
    structure
        Where to compare the model with itself; by default the first density's.
    n_blocks, seed
        How many blocks of the fine mesh to compare at; drawn without repetition.

    Raises
    ------
    ModelError
        If no mesh coarser than the densities' own is good enough.
    RhocastError
        If the model does not fit the structure.
    """
    structure = densities[0].structure if structure is None else structure
    fine = max(float(density.mesh.spacing.max()) for density in densities)
    names = tuple(density.structure.formula for density in densities)

    @cache
    def compare(spacing: float, in_densities: float) -> tuple[float, int]:
        found, blocks = model_error(model, structure, spacing, fine, n_blocks, seed)
        log.info(
            "mesh of %.3g Bohr: NMAE of the interpolation %.2g for the densities, %.2g for the "
            "model",
            spacing,
            in_densities,
            found,
        )
        return found, blocks

    spacings = list(resolving_spacings(densities))
    if not spacings:
        raise ModelError(
            f"no mesh coarser than {fine:.3g} Bohr resolves the densities with less than "
            f"{LARGEST_ERROR:g} of the electrons misplaced; give densities on a finer mesh"
        )
    for number, (spacing, in_densities) in enumerate(spacings):
        if number == 1:  # the coarsest will not do: it takes minutes each to find out if others do
            _check_finest(spacings[-1][0], compare(*spacings[-1])[0])
        found, blocks = compare(spacing, in_densities)
        if found <= LARGEST_ERROR:
            break
    _check_finest(spacing, found)
    certificate = Certificate(spacing, in_densities, found, fine, names, structure.formula, blocks)
    return replace(model, certificate=certificate)


def _check_finest(spacing: float, error: float) -> None:
    """Raise ModelError if a model misplaces too much on the finest mesh that could be certified."""
    if error > LARGEST_ERROR:
        raise ModelError(
            f"even from a mesh of {spacing:.3g} Bohr, the finest that is coarser than the "
            f"densities', the interpolated model misplaces {error:.2g} of the electrons, expected "
            f"at most {LARGEST_ERROR:g}; give densities on a finer mesh, or train a smoother model"
        )


def resolving_spacings(densities: Sequence[Density]) -> Iterator[tuple[float, float]]:
    """Find the spacings that resolve all densities: (Bohr, ∫|Δρ| / N_e), the coarsest first."""
    fine = max(float(density.mesh.spacing.max()) for density in densities)
    last = np.inf
    for asked in np.arange(COARSEST_BOHR, fine, -STEP_BOHR):
        meshes = [Mesh.with_spacing(density.structure.cell, asked) for density in densities]
        spacing = min(float(mesh.spacing.max()) for mesh in meshes)
        if fine < spacing < last:
            last = spacing
            pairs = zip(densities, meshes, strict=True)
            error = max(density_error(density, mesh) for density, mesh in pairs)
            if error <= LARGEST_ERROR:
                yield spacing, error


def density_error(density: Density, mesh: Mesh) -> float:
    """Return ∫|Δρ| / N_e of a density that is known at the points of a coarser mesh alone."""
    values = density.density.astype(np.float64)
    places = [np.arange(n) * (c / n) for n, c in zip(values.shape, mesh.shape, strict=True)]
    x, y, z = (AxisMap.spline(p, c) for p, c in zip(places, mesh.shape, strict=True))
    sampled = resample(values, mesh.shape)[np.ix_(x.sources, y.sources, z.sources)]
    return float(np.abs(interpolate(sampled, (x, y, z)) - values).sum() / values.sum())


def model_error(
    model: DensityModel,
    structure: Structure,
    spacing_bohr: float,
    fine_spacing_bohr: float,
    n_blocks: int,
    seed: int = 0,
) -> tuple[float, int]:
    """Compare a model interpolated from a coarse mesh with itself on a fine one.

    Returns
    -------
    float, int
        ∫|Δρ| / N_e, and over how many blocks: all, where a structure has no more.
    """
    fine, coarse = (
        Mesh.with_spacing(structure.cell, length) for length in (fine_spacing_bohr, spacing_bohr)
    )
    task = Request(model, structure, fine, PredictionOptions(where="certify")).task
    atoms, reach = BinnedAtoms.of(structure), model.reach_bohr
    direct, sparse = (
        _Part(mesh, atoms, reach, BlockPredictor(model, replace(task, mesh=mesh)))
        for mesh in (fine, coarse)
    )
    blocks = Blocks(fine.shape, BLOCK)
    sums = np.zeros(2)

    def compare(block: int) -> np.ndarray:
        box = blocks.box(block)
        expected = direct.density([side.start for side in box], blocks.shape(block))
        difference = _interpolated(sparse, box, fine.shape) - expected
        return np.array([np.abs(difference).sum(), expected.sum(dtype=np.float64)])

    def add(_: int, found: np.ndarray) -> None:
        sums[:] += found

    chosen = np.random.default_rng(seed).permutation(len(blocks))[:n_blocks].tolist()
    lead(None, chosen, compare, add, task.threads)
    return float(sums[0] / sums[1]), len(chosen)


@dataclass(frozen=True)
class _Part:
    """The model at any part of a mesh, beyond the ends of the cell too."""

    mesh: Mesh
    atoms: BinnedAtoms
    reach_bohr: float
    predictor: BlockPredictor

    def density(self, start: Sequence[int], shape: tuple[int, int, int]) -> np.ndarray:
        """Compute ρ at the points from `start` on; of the shape given."""
        first = np.array(start)
        lower, upper = first / self.mesh.shape, (first + shape - 1) / self.mesh.shape
        around = self.atoms.around(lower, upper, self.reach_bohr)
        return self.predictor.values(shape, around)[0]


def _interpolated(
    sparse: _Part, box: tuple[slice, slice, slice], fine: tuple[int, int, int]
) -> np.ndarray:
    """Interpolate to a box of the fine mesh, from the coarse points in and around it."""
    starts, maps = [], []
    for side, n, c in zip(box, fine, sparse.mesh.shape, strict=True):
        places = np.arange(side.start, side.stop) * (c / n)
        starts.append(AxisMap.first_source(places, HALO))
        maps.append(AxisMap.spline(places, c, HALO))
    x, y, z = maps
    values = sparse.density(starts, (len(x.sources), len(y.sources), len(z.sources)))
    return interpolate(values, (x, y, z))
