"""The third-order Birch-Murnaghan equation, fitted to energies at several volumes."""

import warnings
from dataclasses import dataclass

import numpy as np
from ase.eos import EquationOfState as AseEquationOfState
from scipy.optimize import OptimizeWarning

from rhocast.errors import EngineError
from rhocast.units import GPA_PER_ATOMIC_PRESSURE


@dataclass(frozen=True)
class Fit:
    """A third-order Birch-Murnaghan equation fitted to energies.

    Attributes
    ----------
    volume_bohr3_per_atom, volume_error
        Of the minimum, and its uncertainty.
    length_factor, length_factor_error
        Lengths of the minimum over those of the given cell.
    bulk_modulus_gpa, bulk_modulus_error
        At the minimum.
    energy_ha_per_atom
        At the minimum.
    """

    volume_bohr3_per_atom: float
    volume_error: float
    length_factor: float
    length_factor_error: float
    bulk_modulus_gpa: float
    bulk_modulus_error: float
    energy_ha_per_atom: float


def fit(volumes: np.ndarray, energies_ha: np.ndarray, reference_volume: float) -> Fit:
    """Fit the third-order Birch-Murnaghan equation to energies per atom.

    Its uncertainties are jackknife standard errors: of the fits that leave out one volume each.

    Parameters
    ----------
    volumes : (s,) array
        Bohr³ per atom.
    energies_ha : (s,) array
        Ha per atom.
    reference_volume
        Volume per atom that ``length_factor`` refers to, Bohr³.

    Raises
    ------
    EngineError
        If the energies have no minimum within the volumes.
    """
    volume, energy, modulus = minimum(volumes, energies_ha)
    if not volumes.min() < volume < volumes.max():
        raise EngineError(
            f"equation of state: the minimum, {volume:.3f} Bohr³ per atom, lies outside the "
            f"volumes from {volumes.min():.3f} to {volumes.max():.3f}; take other strains"
        )
    n = len(volumes)
    left_out = np.array(
        [minimum(np.delete(volumes, i), np.delete(energies_ha, i)) for i in range(n)]
    )
    spread = np.sqrt((n - 1.0) / n * np.square(left_out - left_out.mean(axis=0)).sum(axis=0))
    factor = (volume / reference_volume) ** (1.0 / 3.0)
    return Fit(
        volume_bohr3_per_atom=volume,
        volume_error=float(spread[0]),
        length_factor=factor,
        length_factor_error=factor * float(spread[0]) / volume / 3.0,
        bulk_modulus_gpa=modulus * GPA_PER_ATOMIC_PRESSURE,
        bulk_modulus_error=float(spread[2]) * GPA_PER_ATOMIC_PRESSURE,
        energy_ha_per_atom=energy,
    )


def minimum(volumes: np.ndarray, energies_ha: np.ndarray) -> tuple[float, float, float]:
    """Return volume, energy and bulk modulus of a curve's minimum in atomic units, by ASE.

    Raises
    ------
    EngineError
        If no curve fits the energies.
    """
    with warnings.catch_warnings():
        # Four volumes determine the four parameters, and leave nothing to estimate errors from.
        warnings.simplefilter("ignore", OptimizeWarning)
        try:
            found = AseEquationOfState(volumes, energies_ha, eos="birchmurnaghan").fit(warn=False)
        except (RuntimeError, ValueError) as error:
            raise EngineError(
                f"equation of state: no Birch-Murnaghan curve fits the energies ({error})"
            ) from None
    volume, energy, modulus = (float(value) for value in found)
    return volume, energy, modulus
