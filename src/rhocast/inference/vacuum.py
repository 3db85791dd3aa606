"""Points far from every atom: no density, and an uncertainty as large as what was left out.

Where no atom is within the model's range r_c the density is zero; the network, which has seen
nothing but condensed matter, answers with some number there. The difference of the two says how
wrong it is. So (method.md, Eq. 38) with d the distance to the nearest atom and f what
the model predicts,

    ρ = w f,   σ² = (w σ_f)² + ((1 − w) f)²   (epistemic),

with the network's own σ_f, where w falls smoothly from 1 at d = 0.7 r_c to 0 at d = r_c. In a
solid, and in its vacancies, w is 1 everywhere. Models whose correction fades
(`rhocast.model.fading`) need no such weight.
"""

import numpy as np

#: Where the weight begins to fall, as a share of the range.
TAPER_FROM = 0.7


def weight(distance_bohr: np.ndarray, range_bohr: float) -> np.ndarray:
    """Compute w at the given distances from the nearest atom; same shape, float32."""
    start = TAPER_FROM * range_bohr
    t = np.clip((distance_bohr - start) / (range_bohr - start), 0.0, 1.0)
    return (1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2)).astype(np.float32)


def taper(values: np.ndarray, weights: np.ndarray) -> None:
    """Taper predicted values in place.

    Parameters
    ----------
    values : (f, ...) float32 array
        Density; then, if there are any, epistemic and aleatoric standard deviation. e/Bohr³.
    weights : (...) float32 array
        From `weight`.
    """
    if len(values) > 1:
        values[1] = np.hypot(weights * values[1], (1.0 - weights) * values[0])
    values[0] *= weights
