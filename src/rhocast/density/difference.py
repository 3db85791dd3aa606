"""How far two densities of one cell are apart."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast.density.density import Density
from rhocast.density.fourier import resample
from rhocast.density.quantity import MINUS, PART, check_density, check_whole, is_difference
from rhocast.errors import FileFormatError

log = logging.getLogger(__name__)

#: The sum of all values over that of their absolute values: in a density at least this, in a
#: difference of densities less.
LEAST_NET_SHARE = 0.5


@dataclass(frozen=True)
class Difference:
    """Figures of a density B against a density A.

    Attributes
    ----------
    mesh
        Mesh that they were compared on.
    electrons_a, electrons_b
        ∫ρ of each, as stored.
    nmae
        ∫|ρ_B − ρ_A| / ∫ρ_A, the share of the electrons that is misplaced.
    rmse, max_difference
        Root of the mean square of ρ_B − ρ_A, and its largest absolute value, e/Bohr³.
    """

    mesh: tuple[int, int, int]
    electrons_a: float
    electrons_b: float
    nmae: float
    rmse: float
    max_difference: float


def difference(a: Density, b: Density) -> Difference:
    """Compare two densities of the same cell, layer by layer if they have the same mesh.

    Otherwise both are resampled (`rhocast.density.fourier`) to a mesh that has along each axis the
    points of the finer one, in memory.

    Raises
    ------
    StructureError
        If their cells differ.
    FileFormatError
        If A is no density, such as a difference of densities, or either holds NaN or infinity.
    """
    check_density(a.record, a.source)
    fine_a, fine_b = on_one_mesh(a, b)
    mesh = fine_a.mesh
    absolute = squares = electrons = unsigned = largest = 0.0
    for one, other in zip(fine_a.layers("density"), fine_b.layers("density"), strict=True):
        distance = np.abs(other - one)
        absolute += float(distance.sum())
        squares += float(np.square(distance).sum())
        electrons += float(one.sum())
        unsigned += float(np.abs(one).sum())
        largest = max(largest, float(distance.max()))
    if not electrons > LEAST_NET_SHARE * unsigned:
        raise FileFormatError(
            f"{a.source}: holds no electrons, or as many below zero as above, as a difference of "
            "densities; expected a density to compare with"
        )
    return Difference(
        mesh=mesh.shape,
        electrons_a=a.electron_count,
        electrons_b=b.electron_count,
        nmae=absolute / electrons,
        rmse=float(np.sqrt(squares / mesh.n_points)),
        max_difference=largest,
    )


def subtracted(b: Density, a: Density) -> Density:
    """Return ρ_B − ρ_A in memory, on the mesh that `on_one_mesh` gives, with the atoms of B.

    Raises
    ------
    StructureError
        If their cells differ.
    """
    fine_b, fine_a = on_one_mesh(b, a)
    values = fine_b.read("density") - fine_a.read("density")
    return Density(
        b.structure,
        values,
        record={MINUS: Path(a.source).name} | {n: b.record[n] for n in PART if n in b.record},
        source=f"{b.source} minus {a.source}",
    )


def on_one_mesh(a: Density, b: Density) -> tuple[Density, Density]:
    """Return two densities of a cell on one mesh: along each axis the points of the finer one.

    Where their meshes are the same they are returned as they are, else resampled in memory.

    Raises
    ------
    StructureError
        If their cells differ.
    """
    b.check_cell(a.structure)
    nx, ny, nz = np.maximum(a.mesh.shape, b.mesh.shape).tolist()
    return on_mesh(a, (nx, ny, nz)), on_mesh(b, (nx, ny, nz))


def on_mesh(density: Density, shape: tuple[int, int, int]) -> Density:
    """Return a density on a mesh of a shape: as it is, or resampled in memory without its σ.

    A resampled density is set to zero where its waves fall below, and scaled to keep its electrons;
    a difference of densities keeps both signs.
    """
    if density.mesh.shape == shape:
        return density
    check_whole(density.record, density.source)
    old, new = ("×".join(map(str, one)) for one in (density.mesh.shape, shape))
    log.info("%s: interpolated from its %s mesh to %s", density.source or "density", old, new)
    values = resample(density.read("density"), shape)
    total, absolute = float(values.sum()), float(np.abs(values).sum())
    if not is_difference(density.record) and total > LEAST_NET_SHARE * absolute:
        np.maximum(values, 0.0, out=values)
        values *= total / float(values.sum())
    return Density(density.structure, values, record=density.record, source=density.source)
