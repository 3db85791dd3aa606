"""Numbers in text files: those that Fortran writes, and columns that never touch."""

import re
from typing import TextIO

import numpy as np

from rhocast.errors import FileFormatError

#: ``4.82D-03``, and ``0.37365-102`` where an exponent of three digits has pushed out its letter.
D_EXPONENT = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
BARE_EXPONENT = re.compile(r"(?<=[\d.])(?=[+-]\d{2,3}(?:\s|$))")

#: Read at a time.
_CHARACTERS = 1 << 24


def parse_numbers(text: str, what: str = "values") -> np.ndarray:
    """Parse numbers between white space, Fortran's forms included; float64.

    Raises
    ------
    FileFormatError
        Naming the first word that is no number.
    """
    try:
        return np.array(text.split(), dtype=np.float64)
    except ValueError:
        plain = BARE_EXPONENT.sub("E", D_EXPONENT.sub("E", text))
    try:
        return np.array(plain.split(), dtype=np.float64)
    except ValueError as error:
        raise FileFormatError(f"{what}: {error}; write the file anew") from None


def take_numbers(file: TextIO, count: int, what: str) -> np.ndarray:
    """Parse a number of values, and leave the file where the line of the last one ends.

    Raises
    ------
    FileFormatError
        If there are fewer, or the line goes on.
    """
    values = np.empty(count)
    found = 0
    while found < count:
        # A number takes a character and a space at least: the last line begins before the end.
        lines = file.readlines(min(count - found, _CHARACTERS))
        if not lines:
            raise FileFormatError(f"{what}: expected {count} numbers, found {found}")
        part = parse_numbers("".join(lines), what)
        if found + len(part) > count:
            raise FileFormatError(f"{what}: expected {count} numbers, found more")
        values[found : found + len(part)] = part
        found += len(part)
    return values


def write_numbers(file: TextIO, values: np.ndarray, form: str, per_line: int) -> None:
    """Write numbers, some to a line; the last line may be shorter."""
    lines_at_once = 10_000
    for start in range(0, len(values), lines_at_once * per_line):
        part = values[start : start + lines_at_once * per_line].tolist()
        full, rest = divmod(len(part), per_line)
        pattern = full * (per_line * form + "\n") + (rest * form + "\n" if rest else "")
        file.write(pattern % tuple(part))


def row(vector: np.ndarray) -> str:
    """Write a vector as a line; a space stands before each number, however long it is."""
    return "".join(f" {value:17.12f}" for value in vector) + "\n"
