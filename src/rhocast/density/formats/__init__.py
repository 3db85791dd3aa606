"""The file formats of densities: a table of names, and a module for each that reads or writes it.

To add a format, add a line to `FORMATS` and a module with ``read(path) -> Density``,
``write(path, density, field)`` or both. A module is imported when its format is used, so that a
heavy library burdens nobody else.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Literal

from rhocast.errors import ConfigError, FileFormatError
from rhocast.extras import needed_for
from rhocast.fields import DENSITY_FIELDS

Length = Literal["bohr", "angstrom"]

#: Ending of a compressed file, which is read as what it holds.
PACKED = ".gz"

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes
    ----------
    name
        What options call it.
    description
        For help texts.
    suffixes
        Endings of file names, in small letters.
    words
        Words in the names of files without such an ending, in small letters.
    reads, writes
        Whether the module has ``read`` and ``write``.
    text
        Whether it is read as text.
    density_unit
        Length that the values are counted per cube of, where the format does not say.
    """

    name: str
    description: str
    suffixes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    reads: bool = True
    writes: bool = True
    text: bool = False
    density_unit: Length | None = None

    @property
    def module(self) -> ModuleType:
        """The module that reads or writes it."""
        with needed_for(self.description):
            return import_module(f"{__name__}.{self.name}")


FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        Format("field", "density field of Rhocast (HDF5)", (".h5", ".hdf5")),
        Format("snapshot", "snapshot of Rhocast (HDF5), one DFT single point"),
        Format("cube", "Gaussian cube", (".cube", ".cub"), text=True, density_unit="bohr"),
        Format("chgcar", "CHGCAR of VASP", (".vasp", ".chgcar"), ("chg", "aeccar"), text=True),
        Format("xsf", "XSF of XCrySDen", (".xsf",), text=True, density_unit="angstrom"),
        Format("vtk", "structured grid of VTK, for ParaView", (".vts",), reads=False),
        Format("npz", "archive of NumPy, with cell and atoms", (".npz",)),
        Format("npy", "array of NumPy, one field alone", (".npy",), reads=False),
        Format("abinit", "DEN.nc of ABINIT", (".nc",), writes=False),
        Format("sparc", "density of SPARC", (".dens",), writes=False),
    )
}

READABLE = tuple(name for name, format in FORMATS.items() if format.reads)
WRITABLE = tuple(name for name, format in FORMATS.items() if format.writes)


def format_to_read(path: Path, name: str | None = None) -> Format:
    """Return the format of a file: the one that is named, else as its name and beginning tell.

    Raises
    ------
    FileFormatError
        If the file is not there, or is ABINIT's binary density.
    ConfigError
        If there is no such format, it is only written, or nothing tells it.
    """
    if path.is_dir():
        raise FileFormatError(f"{path}: is a folder, expected a file")
    if not path.is_file():
        raise FileFormatError(f"{path}: no such file")
    found = _named(path, name, READABLE)
    with path.open("rb") as file:
        begins = file.read(512)
    hdf5 = begins.startswith(_HDF5_SIGNATURE)
    if hdf5 and (found is None or found.name == "field"):
        return FORMATS["snapshot" if _is_snapshot(path) else "field"]
    packed = path.name.lower().endswith(PACKED)
    plain = path.name[: -len(PACKED)] if packed else path.name
    if found is not None and found.text and not packed and b"\0" in begins:
        told = "HDF5" if hdf5 else "binary data"
        raise FileFormatError(
            f"{path}: holds {told}, expected the text of {found.description}; "
            + ("call it *.h5" if hdf5 else "give the format or write the file anew")
        )
    if found is None and plain.endswith(("_DEN", "_PAWDEN")):
        raise FileFormatError(
            f"{path}: the binary density of ABINIT, which Rhocast does not read; run ABINIT with "
            "`iomode 3` (or `iomode_den 3`), which writes it as netCDF (…_DEN.nc), or convert it "
            "with cut3d"
        )
    if found is None:
        raise ConfigError(
            f"{path}: expected a name that says the format, such as *.cube or CHGCAR; else give "
            f"the format, one of {', '.join(READABLE)}"
        )
    if not found.reads:
        raise ConfigError(
            f"{path}: the format {found.name} is only written, expected one of "
            f"{', '.join(READABLE)}; convert from the file that it was made of"
        )
    return found


def format_to_write(path: Path, name: str | None = None, hdf5: str = "field") -> Format:
    """Return the format to write a file in: the one that is named, else as its name tells.

    ``hdf5`` is the kind that names of HDF5 files stand for.

    Raises
    ------
    ConfigError
        If it does not exist, is only read, or the name does not say it.
    """
    found = _named(path, name, WRITABLE)
    if found is not None and found.name == "field" and name is None:
        found = FORMATS[hdf5]
    if found is None or not found.writes:
        told = found.name if found else path.suffix
        raise ConfigError(
            f"{path}: {f'format {told!r}' if told else 'no format'}, expected one "
            f"of {', '.join(WRITABLE)}; name the file *.h5, *.cube, *.xsf, *.vts, *.npz, *.npy, "
            "*.vasp or CHGCAR, or give the format"
        )
    return found


def _named(path: Path, name: str | None, allowed: tuple[str, ...]) -> Format | None:
    if name is not None:
        if name not in allowed:
            raise ConfigError(f"{path}: format {name!r}, expected one of {', '.join(allowed)}")
        return FORMATS[name]
    return format_named(path)


def format_named(path: Path) -> Format | None:
    """Return the format that a file's name tells, or None."""
    plain = path.name.lower().removesuffix(PACKED)
    for format in FORMATS.values():
        if plain.endswith(format.suffixes):
            return format
    for format in FORMATS.values():
        if any(word in plain for word in format.words):
            return format
    return None


def _is_snapshot(path: Path) -> bool:
    """Tell the two kinds of HDF5 files apart: all others than snapshots have a ``kind``."""
    from rhocast.hdf5 import open_hdf5, reading

    try:
        with open_hdf5(path, "", virtual=DENSITY_FIELDS) as file, reading(path, ""):
            return "kind" not in file.attrs
    except FileFormatError:
        return False  # its reader says what is wrong
