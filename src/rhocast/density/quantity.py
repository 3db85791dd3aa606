"""What the values of a file are: a density, or the difference of two, which a file has to say."""

import json
import re
from collections.abc import Mapping
from typing import Any

from rhocast.errors import FileFormatError

#: Attribute of a file that holds a difference: the name of what was subtracted.
MINUS = "minus"

_WORDS = "difference of densities, minus "
_SENTENCE = re.compile(re.escape(_WORDS) + r'("(?:[^"\\]|\\.)*")')


def is_difference(record: Mapping[str, Any]) -> bool:
    """Tell whether a record is that of a difference of densities."""
    return MINUS in record


def check_density(record: Mapping[str, Any], source: str) -> None:
    """Raise FileFormatError if a record is that of a difference, where a density is needed."""
    if is_difference(record):
        raise FileFormatError(
            f"{source}: is a difference of densities (minus {record[MINUS]}), expected a density"
        )


def title_of(record: Mapping[str, Any]) -> str:
    """Return what a line of text says of a difference, in ASCII; empty for a density."""
    return _WORDS + json.dumps(str(record[MINUS])) if is_difference(record) else ""


def record_in(title: str) -> dict[str, str]:
    """Return the record of a difference of which a text has the words of `title_of`."""
    found = _SENTENCE.search(title)
    try:
        return {MINUS: str(json.loads(found[1]))} if found else {}
    except ValueError:
        return {}
