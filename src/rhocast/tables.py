"""Tables as text: tab-separated values under a line of names."""

import csv
from collections.abc import Collection
from pathlib import Path

from rhocast.errors import FileFormatError


def read_table(path: str | Path, columns: Collection[str], writer: str) -> list[dict[str, str]]:
    """Read the rows of a table, each as texts by the names of the columns.

    Parameters
    ----------
    path
        The file.
    columns
        Names that it must have; others may be there.
    writer
        What writes such tables, for messages: a command.

    Raises
    ------
    FileFormatError
        If the file is missing, no table, or lacks a column or a value.
    """
    wanted = f"expected a table of `{writer}`"
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t")
            rows, names = list(reader), reader.fieldnames or ()
    except FileNotFoundError:
        raise FileFormatError(f"{path}: no such file; {wanted}") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(f"{path}: {error}; {wanted}") from error
    missing = [name for name in columns if name not in names]
    if missing:
        raise FileFormatError(f"{path}: has no column {', '.join(missing)}; {wanted}")
    if not rows or any(None in row or None in row.values() for row in rows):
        raise FileFormatError(f"{path}: without rows, or a row is not whole; {wanted}")
    return rows
