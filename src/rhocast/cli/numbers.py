"""Types of options that are numbers: what is out of a sensible range is a usage error."""

import argparse
import math
from collections.abc import Callable

#: No solid melts, and none vibrates, at a higher temperature, K.
MOST_KELVIN = 10_000

#: Ions of a warm dense plasma are hotter, up to this, K.
MOST_ION_KELVIN = 10_000_000

#: Atoms of a cell.
MOST_ATOMS = 1_000_000_000

#: What random generators take for a seed.
MOST_SEED = 2**63 - 1

#: MPI ranks of a job, and threads of a rank.
MOST_RANKS, MOST_THREADS = 1_000_000, 1024

#: Digits of a whole number that are read; more are beyond any range.
_DIGITS = 20


def number_in(least: float, most: float, unit: str = "") -> Callable[[str], float]:
    """Return what reads a number of a range, both ends included."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(_expected("a number", least, most, unit, text))
        return value

    return read


def whole_in(least: int, most: int, unit: str = "") -> Callable[[str], int]:
    """Return what reads a whole number of a range, both ends included."""

    def read(text: str) -> int:
        sign, digits = text[:1] == "-", text.removeprefix("-")
        known = digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS
        value = int(text) if known else None
        if value is None or not least <= value <= most or (sign and least >= 0):
            raise argparse.ArgumentTypeError(_expected("a whole number", least, most, unit, text))
        return value

    return read


def _expected(kind: str, least: float, most: float, unit: str, text: str) -> str:
    within = f"{kind} from {_shown(least)} to {_shown(most)}{f' {unit}' if unit else ''}"
    return f"expected {within}, found {text[:20]}"


def _shown(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"
