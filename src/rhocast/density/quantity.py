"""What a file holds: a density, or the difference of two; of a whole cell, or of a part of one.

What is no density of a whole cell has to say so, in every format.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from rhocast.errors import FileFormatError

#: Attribute of a file that holds a difference: the name of what was subtracted.
MINUS = "minus"

#: Attributes of a file that holds a part of a cell: its corners, in units of the lattice vectors.
PART = ("part_lower", "part_upper")

_WORDS = "difference of densities, minus "
_SENTENCE = re.compile(re.escape(_WORDS) + r'("(?:[^"\\]|\\.)*")')
_PART_WORDS = "part of the cell, corners "
_PART_SENTENCE = re.compile(re.escape(_PART_WORDS) + r"(\[\[[-+.,e\d\s\[\]]*\]\])")


def is_difference(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is that of a difference of densities."""
    return MINUS in record


def is_part(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is that of a part of a cell, which is not periodic.

    One that is as long as the cell along each axis is the whole cell from another origin.
    """
    if not all(name in record for name in PART):
        return False
    lower, upper = (np.asarray(record[name], dtype=float) for name in PART)
    return bool((upper - lower < 1.0 - 1e-9).any())


def check_density(record: Mapping[str, Any], source: str) -> None:
    """Raise FileFormatError if a record is that of a difference, where a density is needed."""
    if is_difference(record):
        raise FileFormatError(
            f"{source}: is a difference of densities (minus {record[MINUS]}), expected a density"
        )


def check_whole(record: Mapping[str, Any], source: str) -> None:
    """Raise FileFormatError if a record is that of a part, where the periodic cell is needed."""
    if is_part(record):
        raise FileFormatError(f"{source}: holds a part of the cell; give the whole field")


def title_of(record: Mapping[str, Any]) -> str:
    """Return what a line of text says of a difference or a part, in ASCII; else nothing."""
    said = []
    if is_difference(record):
        said.append(_WORDS + json.dumps(str(record[MINUS])))
    if is_part(record):
        corners = [np.asarray(record[name], dtype=float).tolist() for name in PART]
        said.append(_PART_WORDS + json.dumps(corners))
    return "; ".join(said)


def record_in(title: str) -> dict[str, Any]:
    """Return the record of a difference or a part of which a text has the words of `title_of`."""
    record: dict[str, Any] = {}
    try:
        if found := _SENTENCE.search(title):
            record[MINUS] = str(json.loads(found[1]))
        if found := _PART_SENTENCE.search(title):
            record |= dict(zip(PART, np.reshape(json.loads(found[1]), (2, 3)), strict=True))
    except ValueError:
        return {}
    return record
