"""How far a running SCF cycle has come: iteration, residual and about how long it will take."""

from collections.abc import Callable, Sequence
from math import log

from rhocast.engines.process import Progress, Report


def progress_of(residuals: Callable[[], Sequence[Sequence[float]]], tolerance: float) -> Progress:
    """Return a function that tells how far an engine has come, given the seconds it has run.

    Parameters
    ----------
    residuals
        Reads those of each iteration, a list for each configuration, from the engine's output.
    tolerance
        That ends a cycle.
    """

    def tell(seconds: float) -> Report | None:
        cycles = residuals()
        if not cycles or not cycles[-1]:
            return None
        cycle, done = cycles[-1], sum(map(len, cycles))
        where = f"configuration {len(cycles)}, " if len(cycles) > 1 else ""
        found = f"{where}SCF iteration {len(cycle)}, residual {cycle[-1]:.1e} of {tolerance:.1e}"
        left = iterations_left(cycle, tolerance)
        if left is not None:
            found += f"; about {left * seconds / done:.0f} s left if it goes on falling so"
        return Report((len(cycles), len(cycle)), found)

    return tell


def iterations_left(residuals: Sequence[float], tolerance: float) -> float | None:
    """Return how many iterations a residual that falls as it did will take; None if it does not."""
    first, last = residuals[0], residuals[-1]
    if last <= tolerance:
        return 0.0
    if len(residuals) < 3 or not 0.0 < last < first:
        return None
    return log(last / tolerance) * (len(residuals) - 1) / log(first / last)
