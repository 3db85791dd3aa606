"""A given density: the calculation at it, its values on the engine's mesh, its electrons."""

from collections.abc import Mapping

import numpy as np

from rhocast import config
from rhocast.density import Density
from rhocast.density.electrons import MOST_SCALING, explain_electrons
from rhocast.density.fourier import resample
from rhocast.density.quantity import check_whole
from rhocast.engines.calculation import Calculation, right_handed
from rhocast.engines.psp8 import Psp8
from rhocast.errors import EngineError
from rhocast.structures import Structure


def planned(
    structure: Structure,
    density: Density,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    kpoint_seed: int | None = None,
) -> tuple[Calculation, np.ndarray, tuple[int, int, int]]:
    """Plan a calculation at a density of this very structure.

    Returns
    -------
    calculation
        In a right-handed cell.
    density : (nx, ny, nz) array
        In that cell, on its own mesh.
    axes
        Order of the given cell's axes in it.

    Raises
    ------
    StructureError
        If the density is of other atoms.
    FileFormatError
        If it is of a part of the cell.
    """
    check_whole(density.record, density.source)
    density.check_atoms(structure)
    turned, axes = right_handed(structure)
    calculation = Calculation.plan(turned, dft, pseudopotentials, kpoint_seed)
    return calculation, density.read("density").transpose(axes), axes


def fitted(
    density: np.ndarray, shape: tuple[int, int, int], calculation: Calculation
) -> np.ndarray:
    """Return a density on an engine's mesh, scaled to the electrons of the calculation.

    Parameters
    ----------
    density : (nx, ny, nz) array
        e/Bohr³ on any mesh of the cell.
    shape
        Points of the engine's mesh.
    calculation
        Whose electrons it shall hold.

    Raises
    ------
    EngineError
        If that takes more than a slight correction.
    """
    resampled = resample(density, shape)
    electrons = float(resampled.mean()) * calculation.structure.volume
    expected = calculation.n_electrons
    if not abs(electrons - expected) <= MOST_SCALING * expected:
        raise EngineError(
            f"the given density holds {electrons:.4f} electrons, expected {expected:g} within "
            f"{MOST_SCALING:.0%}; it is of other atoms or pseudopotentials, or: "
            f"{explain_electrons(Density(calculation.structure, resampled), expected)}"
        )
    return resampled * (expected / electrons)
