"""Real solid harmonics of any degree, as polynomials in x, y, z."""

import math

import numpy as np


def solid_harmonics(vectors: np.ndarray, degree: int) -> np.ndarray:
    """Compute r^l C_lm for l = 0 … degree, in Racah's normalisation.

    method.md, Eq. 3 to 5.

    For two vectors a, b: Σ_m (|a|^l C_lm(a)) (|b|^l C_lm(b)) = (|a||b|)^l P_l(cos γ), with γ the
    angle between them and P_l the Legendre polynomial. For m ≥ 0,

        r^l C_l±m = p_lm(z, r²) · Re, Im (x + iy)^m · √2 (but for m = 0),

    with the recurrence of the normalised associated Legendre functions,

        p_lm √(l² − m²) = (2l − 1) z p_l−1,m − √((l − 1)² − m²) r² p_l−2,m,
        p_mm = √((2m)!) / (2^m m!).

    Parameters
    ----------
    vectors : (..., 3) float array
        Any length unit.
    degree
        Highest l.

    Returns
    -------
    (..., (degree + 1)²) float array
        Ordered by l, within one l by m from −l to l: entry l² + l + m.
    """
    x, y, z = np.moveaxis(vectors, -1, 0)
    square = x * x + y * y + z * z
    result = np.empty((*x.shape, (degree + 1) ** 2), dtype=np.result_type(x, np.float32))
    cosine, sine = np.ones_like(x), np.zeros_like(x)
    for m in range(degree + 1):
        before, here = np.zeros_like(x), np.full_like(x, _first(m))
        for ell in range(m, degree + 1):
            if ell > m:
                back = math.sqrt((ell - 1) ** 2 - m**2) * square * before
                before, here = here, ((2 * ell - 1) * z * here - back) / math.sqrt(ell**2 - m**2)
            result[..., ell * (ell + 1) - m] = here * sine
            result[..., ell * (ell + 1) + m] = here * cosine
        cosine, sine = x * cosine - y * sine, x * sine + y * cosine
    return result


def _first(m: int) -> float:
    """Return p_mm, times √2 but for m = 0."""
    both = 2.0 if m else 1.0
    return math.sqrt(both * math.factorial(2 * m)) / (2**m * math.factorial(m))
