"""What a single point has to meet before anything is learnt from it."""

from dataclasses import replace

import numpy as np

from rhocast.dynamics.trajectory import canonical_spread_K
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import SinglePoint

#: ∫ρ may differ from the electron count by this share.
MAX_ELECTRON_ERROR = 1e-5
#: Negative density may integrate to this share of the electrons (ringing of cut-off waves).
MAX_NEGATIVE_SHARE = 1e-3
#: The highest band may be occupied to this share at each k-point, else higher ones may be, too.
MAX_HIGHEST_OCCUPATION = 1e-3
#: The ions may be off their temperature by this many standard deviations of the canonical ensemble.
MAX_TEMPERATURE_DEVIATIONS = 5.0


def faults(point: SinglePoint, calculation: Calculation) -> list[str]:
    """Return all that is wrong with a single point, each in a few words; empty if it is sound."""
    found = []
    if not point.converged:
        found.append(
            f"SCF not converged after {point.scf_iterations} iterations: residual "
            f"{point.scf_residual:.3g}, expected below {calculation.dft.scf_tolerance:.3g}"
        )
    if not np.isfinite(point.energy_ha):
        found.append(f"energy is {point.energy_ha}")
    if not np.isfinite(point.forces).all():
        found.append("forces hold NaN or infinity")
    if not np.isfinite(point.density).all():
        return [*found, "density holds NaN or infinity"]
    electrons = calculation.n_electrons
    integral = calculation.mesh.integral(point.density)
    if abs(integral - electrons) > MAX_ELECTRON_ERROR * electrons:
        found.append(f"density integrates to {integral:.6f} electrons, expected {electrons:g}")
    negative = -calculation.mesh.integral(np.minimum(point.density, 0.0))
    if negative > MAX_NEGATIVE_SHARE * electrons:
        found.append(
            f"negative density of {negative:.3g} electrons, expected less than "
            f"{MAX_NEGATIVE_SHARE * electrons:.3g}"
        )
    if lacking := bands_fault(point.highest_occupation):
        found.append(lacking)
    return found


def bands_fault(
    highest_occupation: float, set_by: str = "dft.abinit.nband or dft.sparc.NSTATES"
) -> str:
    """Tell that occupied states may be missing; empty if there are enough bands.

    Parameters
    ----------
    highest_occupation
        Largest occupation (0 to 1) of the highest band.
    set_by
        What sets the number of bands.
    """
    if highest_occupation <= MAX_HIGHEST_OCCUPATION:  # NaN is a fault too
        return ""
    return (
        f"the highest band is occupied to {highest_occupation:.3g}, expected less than "
        f"{MAX_HIGHEST_OCCUPATION}: occupied states may be missing; set more bands by {set_by}, or "
        "lower dft.smearing_K"
    )


def only_lacks_bands(point: SinglePoint, calculation: Calculation) -> bool:
    """Tell whether nothing is wrong with a single point but an occupied highest band.

    The bands may end at the top of an occupied shell of a k-point of high symmetry, with no state
    missing. That is known once there are more bands.
    """
    enough = replace(point, highest_occupation=0.0)
    lacks = point.highest_occupation > MAX_HIGHEST_OCCUPATION
    return lacks and not faults(enough, calculation)


def temperature_fault(kinetic_K: float | None, target_K: float, n_atoms: int) -> str:
    """Tell whether the ions of a frame are too hot or too cold; empty if they are not.

    Parameters
    ----------
    kinetic_K
        Temperature of the frame; None, as of atoms without velocities, is not judged.
    target_K
        Temperature of the thermostat.
    n_atoms
        Atoms in the cell.
    """
    if kinetic_K is None:
        return ""
    bound = MAX_TEMPERATURE_DEVIATIONS * canonical_spread_K(target_K, n_atoms)
    if abs(kinetic_K - target_K) <= bound:
        return ""
    return (
        f"kinetic temperature of the ions is {kinetic_K:.0f} K, expected {target_K:.0f} K within "
        f"{bound:.0f} K for {n_atoms} atoms"
    )
