"""A given density on an engine's mesh, with the electrons of its calculation."""

import numpy as np

from rhocast.density import Density
from rhocast.density.electrons import explain_electrons
from rhocast.density.fourier import resample
from rhocast.engines.calculation import Calculation
from rhocast.errors import EngineError

#: Scaling to the electron count mends what a model misses, no more than this share.
MAX_SCALING = 0.05


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
    if not abs(electrons - expected) <= MAX_SCALING * expected:
        raise EngineError(
            f"the given density holds {electrons:.4f} electrons, expected {expected:g} within "
            f"{MAX_SCALING:.0%}; it is of other atoms or pseudopotentials, or: "
            f"{explain_electrons(Density(calculation.structure, resampled), expected)}"
        )
    return resampled * (expected / electrons)
