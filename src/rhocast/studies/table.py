"""Tables of the studies: tab-separated, a row for each record."""

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.files import replacing


def write_rows(path: str | Path, rows: Sequence[Any]) -> None:
    """Write dataclasses of one kind, their attributes as columns; floats to five digits."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(asdict(rows[0]))
        table.writerows(map(_cell, asdict(row).values()) for row in rows)


def read_rows(path: str | Path, kind: type) -> list[Any]:
    """Read what `write_rows` has written, as dataclasses of a kind whose attributes are simple."""
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return [
            kind(**{name: kind.__annotations__[name](text) for name, text in row.items()})
            for row in csv.DictReader(stream, delimiter="\t")
        ]


def _cell(value: Any) -> Any:
    return f"{value:.5g}" if isinstance(value, float) else value
