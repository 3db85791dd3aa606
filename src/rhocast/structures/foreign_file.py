"""Structure files of other programs: ASE reads them, and what it takes for granted is checked.

A site that is occupied in part, a LAMMPS type that is no atomic number, a label in place of a
symbol: ASE reads each as an atom of some element, or raises what its parser met.
"""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import ase.io
from ase import Atoms
from ase.data import atomic_numbers

from rhocast.errors import StructureError
from rhocast.memory import TOO_LARGE, bounded_memory
from rhocast.structures.pymatgen_file import read_pymatgen

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

#: Bytes in which a file says what it is.
_HEAD = 20_000

#: ``Al1``: a symbol and what tells one atom from another.
_LABEL = re.compile(r"^(\s*)([A-Z][a-z]?)\d\w*(?=\s)", re.MULTILINE)

#: Occupancies of one site add up to 1 within this.
_FULL = 1e-3


def read_images(
    path: Path,
    wanted: str,
    format: str | None = None,
    species: Sequence[str] | None = None,
    *,
    shared: bool = False,
) -> list[Atoms]:
    """Read structures of a file by ASE.

    Parameters
    ----------
    path
        The file.
    wanted
        Which of its structures, as a slice: ``-1:``.
    format
        ASE's name of the format; by default from name and content.
    species
        Chemical symbols of LAMMPS's types 1, 2, …
    shared
        Whether elements may share sites; `site_shares` gives what each holds.

    Raises
    ------
    StructureError
        If the file cannot be read, or elements share sites or leave them vacant.
    """
    with _plain(path) as plain:
        _check_announced(plain)
        if format is None and plain.suffix == ".json" and (found := read_pymatgen(plain)):
            _check_occupancies(found, path, shared)
            return [found]
        format = format or _lammps_format(plain)
        options = _options_of_lammps(plain, format, species)
        try:
            images = _read(plain, wanted, format, options)
        except KeyError:
            images = _read_labels(plain, wanted, format, options)
    if not images:
        raise StructureError(
            "no structure in it; if ASE has mistaken its format, give it (--format, such as "
            "lammps-data, vasp or extxyz)"
        )
    for atoms in images:
        _check_occupancies(atoms, path, shared)
    return images


def _read(path: Path, wanted: str, format: str | None, options: dict[str, Any]) -> list[Atoms]:
    try:
        # ASE would have all MPI ranks take part in the reading.
        with bounded_memory(path.stat().st_size):
            found = ase.io.read(path, index=wanted, format=format, parallel=False, **options)
        return cast(list[Atoms], found)
    except KeyError:
        raise
    except MemoryError:
        raise StructureError(TOO_LARGE) from None
    except Exception as error:  # ASE's readers raise whatever their parsers meet
        raise StructureError(
            f"ASE cannot read a structure from it ({type(error).__name__}: {error})"
        ) from error


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """Give the file, or a copy without byte-order mark and with its suffix in small letters."""
    with _opened(path) as file:
        marked = file.read(len(_BYTE_ORDER_MARK)) == _BYTE_ORDER_MARK
    if not marked and path.suffix == path.suffix.lower():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="rhocast-") as folder:
        copy = Path(folder) / (path.stem + path.suffix.lower())
        copy.write_bytes(path.read_bytes().removeprefix(_BYTE_ORDER_MARK))
        yield copy


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise StructureError(f"cannot be opened ({error.strerror})") from None


def _check_announced(path: Path) -> None:
    """Refuse a file of LAMMPS or VASP with more atoms in its head than it has bytes.

    ASE makes room for all of them, or looks for them line by line after the end of the file.
    """
    head = _head(path)
    counts = [int(n) for n in re.findall(r"^\s*(\d+)\s+atoms\b", head, re.MULTILINE)]
    for line in head.splitlines()[5:7]:
        words = line.split()
        counts += map(int, words) if all(word.isdecimal() for word in words) else ()
    if max(counts, default=0) > path.stat().st_size:
        raise StructureError(f"announces {max(counts)} atoms; it {TOO_LARGE}")


def _lammps_format(path: Path) -> str | None:
    """Name the two formats of LAMMPS, which ASE takes for others or reads without elements."""
    text = _head(path)
    if re.search(r"^\s*\S+\s+\S+\s+xlo\s+xhi\b", text, re.MULTILINE):
        return "lammps-data"
    return "lammps-dump-text" if text.startswith("ITEM:") else None


def _options_of_lammps(
    path: Path, format: str | None, species: Sequence[str] | None
) -> dict[str, Any]:
    """Return what tells ASE the elements of LAMMPS's types; StructureError if nothing does."""
    unknown = [symbol for symbol in species or () if symbol not in atomic_numbers]
    if unknown:
        raise StructureError(f"--species: {unknown[0]!r} is no chemical symbol")
    if format not in ("lammps-data", "lammps-dump-text"):
        if species:
            raise StructureError("--species is for files of LAMMPS, whose types have numbers")
        return {}
    if species and format == "lammps-data":
        return {"Z_of_type": {i: atomic_numbers[s] for i, s in enumerate(species, 1)}}
    if species:
        return {"specorder": list(species)}
    told = r"^\s*(Masses|Atom Type Labels)\b|^ITEM: ATOMS.*\b(element|mass)\b"
    if not re.search(told, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE):
        raise StructureError(
            "a file of LAMMPS without masses or elements: type 1 need not be hydrogen; say which "
            "elements the types are, --species Al Si"
        )
    return {}


def _read_labels(
    path: Path, wanted: str, format: str | None, options: dict[str, Any]
) -> list[Atoms]:
    """Read again with symbols in place of labels, where ASE has met one that is none."""
    text = path.read_text(encoding="utf-8", errors="replace")
    with tempfile.TemporaryDirectory(prefix="rhocast-") as folder:
        copy = Path(folder) / path.name
        copy.write_text(_LABEL.sub(_symbol, text), encoding="utf-8")
        try:
            return _read(copy, wanted, format, options)
        except KeyError as error:
            label = str(error.args[0])
            lines = [n for n, line in enumerate(text.splitlines(), 1) if label in line.split()]
            where = f"line {lines[0]}: " if lines else ""
            raise StructureError(f"{where}{label!r} is no chemical symbol; write one") from None


def _symbol(match: re.Match[str]) -> str:
    whole, symbol = match.group(0), match.group(2)
    return match.group(1) + symbol if symbol in atomic_numbers else whole


def site_shares(atoms: Atoms) -> list[dict[str, float]]:
    """Return for each atom what its site holds, shares by element; empty: the file states nothing.

    ASE keeps the occupancies of a CIF file by kind of site, `read_pymatgen` by site.

    Raises
    ------
    StructureError
        If an occupancy is no number.
    """
    told = {int(kind): held for kind, held in atoms.info.get("occupancy", {}).items()}
    kinds = atoms.arrays.get("spacegroup_kinds", range(len(atoms)))
    found = []
    for number, held in enumerate(told.get(int(kind), {}) for kind in kinds):
        try:
            found.append({symbol: float(share) for symbol, share in held.items()})
        except (TypeError, ValueError):
            raise StructureError(
                f"site {number + 1} has the occupancies {held}, expected numbers"
            ) from None
    return found


def _check_occupancies(atoms: Atoms, path: Path, shared: bool) -> None:
    """Raise StructureError at a site that is not full, or that elements share."""
    for number, held in enumerate(site_shares(atoms), 1):
        shares = ", ".join(f"{symbol} {share:g}" for symbol, share in held.items())
        if held and abs(sum(held.values()) - 1.0) > _FULL:
            raise StructureError(
                f"site {number} is not occupied by one atom on average ({shares}); a density has "
                "whole atoms: write a cell with all atoms, and take some out with `vacancies` of a "
                "system in the configuration"
            )
        if len(held) > 1 and not shared:
            raise StructureError(
                f"site {number} is shared ({shares}); a density has whole atoms: `rhocast new "
                f"{path.name}` drafts a campaign of random alloys; to build one cell, give the "
                "system in the configuration `shared_sites: random`, or a lattice and `composition`"
            )
    column = atoms.arrays.get("occupancy", ())
    partial = [i for i, share in enumerate(column) if _FULL < share < 1.0 - _FULL]
    if partial:
        raise StructureError(
            f"atom {partial[0] + 1} ({atoms.symbols[partial[0]]}) has the occupancy "
            f"{column[partial[0]]:g}; a density has whole atoms: choose those that are there"
        )


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(_HEAD).decode("utf-8", errors="replace")
