"""Polynomials of the kernels: writes the header that C++ and CUDA share, prints error bounds.

    python src/native/polynomials.py            # prints the bounds and writes the header
    python src/native/polynomials.py --check    # fails if the checked-in header is another one

The coefficients stand here once, rounded to single precision. For each polynomial the script
prints the largest error of its evaluation in single precision, and the error that the best
polynomial of the same degree has in exact arithmetic (a linear programme over many points finds
it). New coefficients change the last bits of all fields, so a fit is replaced only where it misses
its bound.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import linprog
from scipy.special import ndtr

HEADER = Path(__file__).parents[1] / "rhocast" / "evaluation" / "polynomials.h"

#: Points at which errors are measured, and those at which the best polynomial is looked for.
N_POINTS, N_FITTED = 200_001, 1_500


@dataclass(frozen=True)
class Polynomial:
    """A polynomial p(v) in place of a function.

    Attributes
    ----------
    name
        Of the function in the header.
    says
        What it computes, for which arguments.
    lower, upper
        Ends of the arguments x.
    variable
        v in terms of x, in NumPy and in C++.
    result
        What is made of p and x, likewise.
    exact
        The function of x, in double precision.
    weight
        What the error is multiplied by: 1 / exact(x) for a relative one.
    bound
        Largest weighted error that is allowed, rounding of single precision included.
    coefficients
        Of the highest power first.
    end
        Value that the polynomial's result has at ``upper`` within rounding; None if that is free.
    """

    name: str
    says: str
    lower: float
    upper: float
    variable: tuple[Callable[[np.ndarray], np.ndarray], str]
    result: tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], str]
    exact: Callable[[np.ndarray], np.ndarray]
    weight: Callable[[np.ndarray], np.ndarray]
    bound: float
    coefficients: tuple[float, ...]
    end: float | None = None

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Evaluate by Horner's rule, in the precision of x."""
        v = self.variable[0](x)
        p = np.full_like(v, self.coefficients[0])
        for c in self.coefficients[1:]:
            p = p * v + x.dtype.type(c)
        return self.result[0](p, x)

    def error(self) -> float:
        """Largest weighted error of the evaluation in single precision."""
        x = np.linspace(self.lower, self.upper, N_POINTS).astype(np.float32)
        wide = x.astype(np.float64)
        return float(np.abs(self.weight(wide) * (self(x) - self.exact(wide))).max())

    def best_error(self) -> float:
        """Smallest largest weighted error of any polynomial of this degree, in exact arithmetic."""
        nodes = np.cos(np.pi * (np.arange(N_FITTED) + 0.5) / N_FITTED)
        x = 0.5 * (self.lower + self.upper) + 0.5 * (self.upper - self.lower) * nodes
        x = x[np.abs(x) > 1e-6]  # the result may be fixed at 0, whatever the coefficients
        columns = self._columns(x)
        weights = self.weight(x)[:, None]
        matrix = np.hstack([weights * columns, np.full((len(x), 1), -1e-6)])
        other = np.hstack([-weights * columns, np.full((len(x), 1), -1e-6)])
        constant = 1.0 if self.coefficients[-1] == 1.0 else 0.0
        wanted = weights[:, 0] * (self.exact(x) - self.result[0](np.full_like(x, constant), x))
        fixed = {}
        if self.end is not None:
            last = np.array([self.upper])
            offset = self.result[0](np.zeros(1), last)
            fixed = {"A_eq": np.hstack([self._columns(last), [[0.0]]]), "b_eq": self.end - offset}
        size = columns.shape[1]
        found = linprog(
            np.append(np.zeros(size), 1.0),
            np.vstack([matrix, other]),
            np.append(wanted, -wanted),
            bounds=[(None, None)] * size + [(0.0, None)],
            options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
            **fixed,
        )
        return 1e-6 * float(found.x[-1])

    def _columns(self, x: np.ndarray) -> np.ndarray:
        """Return what multiplies the coefficients of a Chebyshev series in v; (x, coefficients)."""
        v = self.variable[0](x)
        ends = self.variable[0](np.array([self.lower, 0.0, self.upper]))
        low, high = ends.min(), ends.max()
        basis = np.polynomial.chebyshev.chebvander(
            (2.0 * v - low - high) / (high - low), len(self.coefficients) - 1
        )
        if self.coefficients[-1] == 1.0:  # the constant is fixed, the others multiply v
            return v[:, None] * basis[:, :-1]
        return self.result[0](basis.T, x).T - self.result[0](np.zeros_like(basis.T), x).T

    def text(self, bound: str) -> str:
        """Write the function in C++."""
        first, second, *others = self.coefficients
        lines = [f"  T p = v * {first!r}f {_term(second)};"]
        lines += [f"  p = p * v {_term(c)};" for c in others]
        return "\n".join(
            [
                f"// {self.says}; to {bound}.",
                "template <class T>",
                f"RHOCAST_DEVICE inline T {self.name}(T x) {{",
                f"  const T v = {self.variable[1]};",
                *lines,
                f"  return {self.result[1]};",
                "}",
            ]
        )


def _term(c: float) -> str:
    return f"{'-' if c < 0 else '+'} {abs(c)!r}f"


def _log1p_over(x: np.ndarray) -> np.ndarray:
    return np.where(x == 0.0, 1.0, np.log1p(x) / np.where(x == 0.0, 1.0, x))


#: Where Φ is replaced by 0 and 1, for single precision and beside bfloat16.
_END, _SHORT_END = 5.0, 3.7

POLYNOMIALS = (
    Polynomial(
        name="exp2_near_zero",
        says="2^x for |x| ≤ 1/2; relative error",
        lower=-0.5,
        upper=0.5,
        variable=(lambda x: x, "x"),
        result=(lambda p, x: p, "p"),
        exact=lambda x: 2.0**x,
        weight=lambda x: 2.0**-x,
        bound=4e-7,
        coefficients=(1.3362886e-3, 9.6751931e-3, 5.5504437e-2, 2.4022125e-1, 6.9314716e-1, 1.0),
    ),
    Polynomial(
        name="log1p_to_one",
        says="log(1 + x) for 0 ≤ x ≤ 1",
        lower=0.0,
        upper=1.0,
        variable=(lambda x: x, "x"),
        result=(lambda p, x: p * x, "p * x"),
        exact=lambda x: np.log1p(x),
        weight=np.ones_like,
        bound=2e-7,
        coefficients=(
            *(5.1622639e-3, -2.9226953e-2, 7.7780242e-2, -1.3626496e-1, 1.9089838e-1),
            *(-2.4839564e-1, 3.3318902e-1, -4.9999514e-1, 9.9999998e-1),
        ),
    ),
    Polynomial(
        name="normal_cdf",
        says="Φ(x) for |x| ≤ NORMAL_CDF_END, exact at the ends; error times |x|",
        lower=-_END,
        upper=_END,
        variable=(lambda x: x * x * x.dtype.type(0.08) - x.dtype.type(1.0), "x * x * 0.08f - 1.0f"),
        result=(lambda p, x: x * p + x.dtype.type(0.5), "x * p + 0.5f"),
        exact=ndtr,
        weight=np.abs,
        bound=1e-5,
        coefficients=(
            *(2.24140230e-03, -6.26588096e-03, 7.09729646e-03, -8.35182487e-03, 1.54923384e-02),
            *(-2.42021673e-02, 3.17604453e-02, -4.03219535e-02, 5.14863745e-02, -7.03003557e-02),
            1.41364325e-01,
        ),
        end=1.0,
    ),
    Polynomial(
        name="normal_cdf_short",
        says="Φ(x) for |x| ≤ NORMAL_CDF_SHORT_END, exact at the ends; error times |x|",
        lower=-_SHORT_END,
        upper=_SHORT_END,
        variable=(lambda x: x * x, "x * x"),
        result=(lambda p, x: x * p + x.dtype.type(0.5), "x * p + 0.5f"),
        exact=ndtr,
        weight=np.abs,
        bound=5e-4,
        coefficients=(
            *(-4.8995281e-7, 2.6887921e-5, -6.1748916e-4),
            *(7.8486111e-3, -6.2587462e-2, 3.9647484e-1),
        ),
        end=1.0,
    ),
)

_HEAD = f"""\
// Polynomials in place of functions, of vectors (src/native) and of floats (the CUDA kernels).
//
// src/native/polynomials.py writes this file and measures the bounds: change it there.
#pragma once

#if defined(__CUDACC__)
#define RHOCAST_DEVICE __device__
#else
#define RHOCAST_DEVICE
#endif

// Beyond these |x| Φ counts as 0 or 1.
constexpr float NORMAL_CDF_END = {_END}f, NORMAL_CDF_SHORT_END = {_SHORT_END}f;
"""


def header() -> str:
    """Write the header."""
    return "\n".join([_HEAD, *(p.text(f"{p.bound:.0e}") + "\n" for p in POLYNOMIALS)])


def main(arguments: list[str]) -> int:
    """Print the bounds; write the header, or compare with it."""
    missed = False
    for p in POLYNOMIALS:
        error = p.error()
        missed |= error > p.bound
        sys.stdout.write(
            f"{p.name:17s} degree {len(p.coefficients) - 1:2d}: error {error:.2e}, bound "
            f"{p.bound:.0e}; best polynomial, exact arithmetic {p.best_error():.2e}\n"
        )
    if "--check" not in arguments:
        HEADER.write_text(header(), encoding="utf-8")
    return int(missed or HEADER.read_text(encoding="utf-8") != header())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
