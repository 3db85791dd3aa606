"""Where the density is lower than any trained on, the network's correction fades.

The network extrapolates there, such as in the empty space around a slab, where the pseudo-atoms
alone have smaller errors: method.md, Eq. 27b and 27c. All arrays have the same shape.
"""

import numpy as np

#: Standard deviation where the correction has faded, in units of the lowest density trained on
#: (docs/notebook/error-bars.md compares it with other choices).
SPREAD = 0.3


def faded(correction: np.ndarray, baseline: np.ndarray, lowest: float) -> np.ndarray:
    """Return what is left of the network's correction.

    Parameters
    ----------
    correction, baseline
        e/Bohr³.
    lowest
        Lowest density trained on, e/Bohr³: all of the correction is left at such a baseline, half
        of it at half of that. 0 leaves all of it everywhere.
    """
    return correction * _left(baseline, lowest) if lowest else correction


def faded_stds(
    density: np.ndarray, aleatoric_std: np.ndarray, epistemic_std: np.ndarray, lowest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return both standard deviations, e/Bohr³, of a predicted density whose correction fades.

    What the correction that was left out would have been is no error of the density: the epistemic
    deviation becomes a constant there, and the aleatoric one zero.
    """
    if not lowest:
        return aleatoric_std, epistemic_std
    left = _left(density, lowest)
    return aleatoric_std * left, np.hypot(epistemic_std * left, SPREAD * lowest * (1.0 - left))


def _left(density: np.ndarray, lowest: float) -> np.ndarray:
    """Share of the correction that is left, 0 to 1, in the type of the density."""
    t = np.clip(density * density.dtype.type(1.0 / lowest), 0.0, 1.0)
    return t**3 * (10.0 + t * (6.0 * t - 15.0))
