"""Real solid harmonics to l = 4, as polynomials in x, y, z."""

import math

import numpy as np

#: Highest degree that is written out.
MAX_DEGREE = 4


def solid_harmonics(vectors: np.ndarray, degree: int) -> np.ndarray:
    """Compute r^l C_lm for l = 0 … degree, in Racah's normalisation.

    For two vectors a, b: Σ_m (|a|^l C_lm(a)) (|b|^l C_lm(b)) = (|a||b|)^l P_l(cos γ), with γ the
    angle between them and P_l the Legendre polynomial.

    Parameters
    ----------
    vectors : (..., 3) float array
        Any length unit.
    degree
        Highest l, at most 4.

    Returns
    -------
    (..., (degree + 1)²) float array
        Ordered by l, within one l by m from −l to l: entry l² + l + m.
    """
    x, y, z = np.moveaxis(vectors, -1, 0)
    xx, yy, zz = x * x, y * y, z * z
    rr = xx + yy + zz
    terms = [np.ones_like(x)]
    if degree >= 1:
        terms += [y, z, x]
    if degree >= 2:
        a = math.sqrt(3.0)
        terms += [a * x * y, a * y * z, zz - 0.5 * (xx + yy), a * x * z, 0.5 * a * (xx - yy)]
    if degree >= 3:
        a, b, c = math.sqrt(5.0 / 8.0), math.sqrt(15.0), math.sqrt(3.0 / 8.0)
        side = c * (5.0 * zz - rr)
        terms += [a * y * (3.0 * xx - yy), b * x * y * z, side * y]
        terms += [0.5 * z * (5.0 * zz - 3.0 * rr)]
        terms += [side * x, 0.5 * b * z * (xx - yy), a * x * (xx - 3.0 * yy)]
    if degree >= 4:
        a, b, c = math.sqrt(35.0), math.sqrt(35.0 / 8.0), math.sqrt(5.0 / 8.0)
        two = 0.5 * math.sqrt(5.0) * (7.0 * zz - rr)
        one = c * z * (7.0 * zz - 3.0 * rr)
        terms += [0.5 * a * x * y * (xx - yy), b * y * z * (3.0 * xx - yy), two * x * y, one * y]
        terms += [(35.0 * zz * zz - 30.0 * zz * rr + 3.0 * rr * rr) / 8.0]
        terms += [one * x, 0.5 * two * (xx - yy), b * x * z * (xx - 3.0 * yy)]
        terms += [a / 8.0 * (xx * (xx - 3.0 * yy) - yy * (3.0 * xx - yy))]
    return np.stack(terms, axis=-1)
