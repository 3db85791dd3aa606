"""What computed a field: every run that took part, since one may go on where another stopped."""

from collections.abc import Iterable, Mapping
from typing import Any

#: Entries of a record that depend on the machine, and not on what was asked for.
COMPUTED_BY = ("kernels", "device")


def joined(records: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the first record, with all instruction sets and devices of the others.

    Several are written one after the other: ``avx2, avx512``.
    """
    known = [dict(record) for record in records]
    result = known[0]
    for name in COMPUTED_BY:
        found = {word for record in known for word in (record.get(name) or "").split(", ")} - {""}
        result[name] = ", ".join(sorted(found)) or None
    return result
