"""Plain files of extended XYZ, read without `ase.io`: importing that imports every plug-in of ASE.

What this reader does not understand it leaves to ASE: other columns are skipped, but a comment line
without a lattice, or with a record of this program, is not read here.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers

from rhocast.errors import StructureError
from rhocast.structures.structure import Structure
from rhocast.units import ANGSTROM_PER_BOHR

log = logging.getLogger(__name__)

SUFFIXES = (".xyz", ".extxyz")

_LATTICE = re.compile(r'\bLattice="([^"]*)"')
_PBC = re.compile(r'\bpbc="([^"]*)"')
_PROPERTIES = re.compile(r"\bProperties=([\w:]+)")


def read_extended_xyz(path: Path) -> list[Structure] | None:
    """Read all frames of a plain file; None if ASE has to read it.

    Raises
    ------
    StructureError
        If a frame holds no structure that a density can be computed for.
    """
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return None
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        frames = list(_frames(lines)) or None
    except (ValueError, KeyError, IndexError):
        return None
    found = _PBC.search(lines[1]) if frames else None
    if found:
        note_open(path, [word.upper().startswith("T") for word in found[1].split()])
    return frames


def note_open(path: Path, periodic: Sequence[bool]) -> None:
    """Tell the user of a file that calls some directions open: they are taken as periodic."""
    axes = [axis for axis, repeats in zip("abc", periodic, strict=False) if not repeats]
    if axes:
        log.info(
            "%s: not periodic along %s, as it says; densities are those of periodic cells, so the "
            "cell is repeated along all axes: it needs vacuum there",
            path,
            ", ".join(axes),
        )


def _frames(lines: list[str]) -> Iterator[Structure]:
    """Read frame after frame; ValueError, KeyError or IndexError where one is not plain."""
    start = 0
    while start < len(lines) and lines[start].strip():
        end = start + 2 + int(lines[start])
        if end > len(lines):  # ASE would read on at the end of the file, as often as announced
            raise StructureError(
                f"line {start + 1} announces {lines[start].strip()} atoms, the file ends after "
                f"{max(0, len(lines) - start - 2)} lines of them; write it anew"
            )
        yield _frame(lines[start + 1], [line.split() for line in lines[start + 2 : end]])
        start = end
    if any(line.strip() for line in lines[start:]):
        raise ValueError("more than frames")


def _frame(comment: str, rows: list[list[str]]) -> Structure:
    lattice, properties = _LATTICE.search(comment), _PROPERTIES.search(comment)
    if lattice is None or properties is None or "rhocast=" in comment:
        raise ValueError("not plain")
    cell = np.array(lattice[1].split(), dtype=float).reshape(3, 3)
    column, columns = 0, {}
    words = properties[1].split(":")
    for name, kind, count in zip(words[::3], words[1::3], words[2::3], strict=True):
        columns[name, kind, int(count)] = column
        column += int(count)
    symbol, first = columns["species", "S", 1], columns["pos", "R", 3]
    if any(len(row) != column for row in rows):
        raise ValueError("uneven rows")
    numbers = np.array([atomic_numbers[row[symbol]] for row in rows])
    positions = np.array([row[first : first + 3] for row in rows], dtype=float)
    return Structure(positions / ANGSTROM_PER_BOHR, cell / ANGSTROM_PER_BOHR, numbers)
