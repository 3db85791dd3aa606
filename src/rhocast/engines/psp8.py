"""Pseudopotential files in the psp8 format: what they hold, and where they lie."""

import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from rhocast.errors import EngineError
from rhocast.extras import require

#: How the config names the SPMS table that comes with sparc-x-api.
SPMS = "spms"

#: Where a configuration names the files; messages say it unless they are told another place.
KEY = "material.pseudopotentials"

#: ``pspxc`` of the header by functional: ABINIT's own number if it has one, libxc's pair of them.
_PSPXC = {"pbe": (11, -101130), "pbesol": (-116133,), "lda": (7, -1012)}

#: Values of ``extension_switch`` that add a line of the spin-orbit projectors' numbers.
_SPIN_ORBIT = (2, 3)

#: Values that add densities of valence and core electrons at the end.
_CHARGES = (1, 3)

_FORTRAN_EXPONENT = re.compile(rb"\d[Dd][+-]?\d")


@dataclass(frozen=True)
class Psp8:
    """The pseudopotential of one element.

    Attributes
    ----------
    element
        Chemical symbol.
    valence
        Electrons that are not in the core.
    pspxc
        Exchange and correlation it was made for, as ABINIT counts them.
    path
        The file.
    sha256
        Of the file.
    fortran_exponents
        Whether numbers are written as ``1.0D-03``, which C programs do not read.
    core_radius_bohr
        Smallest core radius that the title states, Bohr; None where it states none.
    """

    element: str
    valence: float
    pspxc: int
    path: Path
    sha256: str
    fortran_exponents: bool
    core_radius_bohr: float | None = None

    @property
    def name(self) -> str:
        """Name of the file, without its folder."""
        return self.path.name


def read_psp8(path: str | Path, element: str, where: str = KEY) -> Psp8:
    """Read the header of a psp8 file and check that it is the element's.

    ``where`` is the key or the option that named the file, for messages.

    Raises
    ------
    EngineError
        If the file is missing, is no psp8 file or is another element's.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EngineError(
            f"{where}: {path}, the pseudopotential of {element}, cannot be read "
            f"({error.strerror}); give a psp8 file, or {SPMS!r}"
        ) from None
    try:
        lines = content.decode("utf-8", errors="replace").splitlines()
        atomic_number, valence = (_number(word) for word in lines[1].split()[:2])
        pspcod, pspxc = (int(word) for word in lines[2].split()[:2])
        found = chemical_symbols[round(atomic_number)]
    except (IndexError, ValueError):
        raise EngineError(
            f"{path}: no psp8 file; expected atomic number and valence on line 2, format and "
            "functional on line 3"
        ) from None
    if pspcod != 8:
        raise EngineError(f"{path}: pseudopotential format {pspcod}, expected 8 (psp8)")
    if found != element:
        raise EngineError(f"{path}: pseudopotential of {found}, expected one of {element}")
    return Psp8(
        element=element,
        valence=valence,
        pspxc=pspxc,
        path=path.resolve(),
        sha256=hashlib.sha256(content).hexdigest(),
        fortran_exponents=_FORTRAN_EXPONENT.search(content) is not None,
        core_radius_bohr=_core_radius(lines[0]),
    )


def local_potential(file: Psp8) -> tuple[np.ndarray, np.ndarray]:
    """Read the local potential of a psp8 file, on its uniform mesh from 0; it ends as −Z/r.

    Returns
    -------
    radii, potential : (n,) float64 arrays
        Bohr; Ha.

    Raises
    ------
    EngineError
        If it does not stand where the header says.
    """
    lines, start, points = _local_block(file)
    table = _table(file, lines[start : start + points])
    return table[:, 1], table[:, 2]


def valence_density(file: Psp8) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the density of the free atom's valence electrons; see `core_density`."""
    return _density(file, 2)


def core_density(file: Psp8) -> tuple[np.ndarray, np.ndarray] | None:
    """Read the density of the atom's core electrons; files with ``extension_switch`` 1 hold it.

    Returns
    -------
    radii, density : (n,) float64 arrays, or None where there is none
        Bohr; e/Bohr³.

    Raises
    ------
    EngineError
        As `local_potential`.
    """
    return _density(file, 4)


def _density(file: Psp8, column: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Read a column of the block of densities at the end of a file."""
    lines, start, points = _local_block(file)
    if int(lines[5].split()[0]) not in _CHARGES:
        return None
    start += points * (2 if _number(lines[3].split()[1]) > 0.0 else 1)  # behind the model core
    table = _table(file, lines[start : start + points])
    return table[:, 1], table[:, column] / (4.0 * np.pi)


def _local_block(file: Psp8) -> tuple[list[str], int, int]:
    """Return the lines of a file, where the local potential begins, and how many lines it has."""
    lines = file.path.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        lloc, points = (int(word) for word in lines[2].split()[3:5])
        start = 6 + (int(lines[5].split()[0]) in _SPIN_ORBIT)
        while int(lines[start].split()[0]) != lloc:  # blocks of projectors, by angular momentum
            start += 1 + points
    except (IndexError, ValueError) as error:
        raise EngineError(f"{file.path}: its local potential cannot be read ({error})") from None
    return lines, start + 1, points


def _table(file: Psp8, lines: list[str]) -> np.ndarray:
    """Return the numbers of a block, whose rows begin with their number and a radius."""
    try:
        return np.array([[_number(word) for word in line.split()] for line in lines])
    except ValueError as error:
        raise EngineError(f"{file.path}: a block of it cannot be read ({error})") from None


def resolve_pseudopotentials(
    entries: Mapping[str, str], functional: str = "pbe", where: str = KEY
) -> dict[str, Psp8]:
    """Find and read the psp8 file of every element.

    Parameters
    ----------
    entries
        By element: ``spms`` or the path of a psp8 file.
    functional
        Exchange and correlation that the files must have been made for.
    where
        The key or the option that named them, for messages.

    Raises
    ------
    EngineError
        If the table lacks an element, or a file is missing, another element's or made for
        another functional.
    """
    files = {element: read_named(element, entry, where) for element, entry in entries.items()}
    for file in files.values():
        if file.pspxc not in _PSPXC[functional]:
            raise EngineError(
                f"{file.path}: made for another functional (pspxc {file.pspxc}), expected "
                f"{functional} (pspxc {' or '.join(map(str, _PSPXC[functional]))})"
            )
    return files


def read_named(element: str, entry: str, where: str = KEY) -> Psp8:
    """Read the psp8 file that an entry names, ``spms`` or a path; see `read_psp8`."""
    return read_psp8(spms_file(element, where) if entry == SPMS else entry, element, where)


def spms_file(element: str, where: str = KEY) -> Path:
    """Return the path of an element's file in the SPMS table that sparc-x-api carries.

    Raises
    ------
    EngineError
        If the table holds no such element, or there is none.
    MissingExtraError
        If sparc-x-api is not installed.
    """
    if element not in atomic_numbers:
        raise EngineError(f"{where}: {element} is no chemical symbol; expected one, such as Si")
    folder = spms_folder(where)
    pattern = f"{atomic_numbers[element]:02d}_{element}_*.psp8"
    found = sorted(folder.glob(pattern))
    if not found:
        raise EngineError(
            f"{where}: the SPMS table holds no {element} (looked for {pattern} in {folder}); "
            "give the path of a psp8 file"
        )
    return found[0]


def spms_folder(where: str = KEY) -> Path:
    """Return the folder of the SPMS table, found by its path: nothing of sparc-x-api is imported.

    Raises
    ------
    MissingExtraError
        If sparc-x-api is not installed.
    """
    require("sparc", f"{where}: {SPMS}")
    package = importlib.util.find_spec("sparc")
    if package is None or package.origin is None:
        raise EngineError("sparc-x-api: the folder that it is installed in cannot be found")
    return Path(package.origin).with_name("psp")


def _core_radius(title: str) -> float | None:
    """Return the smallest radius of ``r_core= 1.9 1.9`` in the title of ONCVPSP's files."""
    _, found, radii = title.partition("r_core=")
    return min(map(float, re.findall(r"\d+\.\d+", radii))) if found else None


def _number(word: str) -> float:
    return float(word.upper().replace("D", "E"))
