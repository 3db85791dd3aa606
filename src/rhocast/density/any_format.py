"""Files of densities, of any format: read, opened, written."""

import gzip
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from rhocast.density.density import Density
from rhocast.density.formats import FORMATS, PACKED, Format, Length, format_to_read
from rhocast.density.formats.field import open_field
from rhocast.errors import ConfigError, FileFormatError, MissingExtraError, RhocastError
from rhocast.memory import TOO_LARGE, bounded_memory
from rhocast.units import ANGSTROM_PER_BOHR


def read_density(
    path: str | Path, format: str | None = None, density_unit: Length | None = None
) -> Density:
    """Read a density of any format into memory.

    Parameters
    ----------
    path
        The file; ``.gz`` may follow its name.
    format
        One of `rhocast.density.formats.FORMATS`; by default from name and content.
    density_unit
        Whether a cube or XSF file counts electrons per cubic Bohr (default for cube) or ångström
        (default for XSF); they do not say. The other formats leave no choice.

    Returns
    -------
    Density
        A `Snapshot` if the file is one.

    Raises
    ------
    FileFormatError
        If it cannot be read, holds no density of a periodic cell, or NaN or infinity.
    ConfigError
        If the format is not known, or leaves no choice of the unit.
    """
    path = Path(path)
    found = format_to_read(path, format)
    if density_unit is not None and found.density_unit is None:
        choosable = [name for name, known in FORMATS.items() if known.density_unit]
        raise ConfigError(
            f"{path}: --density-unit is for {' and '.join(choosable)} files, the format "
            f"{found.name} has one unit only; leave it out"
        )
    density = _parse(path, found)
    if not all(np.isfinite(density.read(name)).all() for name in density.fields):
        raise FileFormatError(f"{path}: the density holds NaN or infinity")
    if (density_unit or found.density_unit) == "angstrom":
        density = replace(density, density=density.density * ANGSTROM_PER_BOHR**3)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(density, source=str(path), sha256=digest)


@contextmanager
def open_density(
    path: str | Path, format: str | None = None, density_unit: Length | None = None
) -> Iterator[Density]:
    """Open a density of any format; of a density field nothing is read before it is asked for.

    Parameters and errors are those of `read_density`. NaN and infinity in a density field are
    found when `Density.layers` reads them.
    """
    path = Path(path)
    if format_to_read(path, format).name == "field" and density_unit is None:
        with open_field(path) as stored:
            yield stored
    else:
        yield read_density(path, format, density_unit)


def write_density(
    path: str | Path, density: Density, format: str | None = None, field: str = "density"
) -> None:
    """Write a density in any format, streamed, beside first and then renamed.

    Parameters
    ----------
    path
        The file.
    density
        In memory, or opened by `open_density`.
    format
        One of `rhocast.density.formats.WRITABLE`; by default from the name.
    field
        Which array formats of one array hold: ``density``, ``epistemic_std`` or
        ``aleatoric_std``. Density fields hold all.

    Raises
    ------
    FileFormatError
        If a field holds NaN or infinity.
    ConfigError
        If the format does not exist or the density lacks the field.
    """
    density.write(path, format, field)


#: Compressed files may unpack to this, bytes, or to so many times their size.
_MOST_UNPACKED, _MOST_PACKED = 1_000_000_000, 100


def _parse(path: Path, format: Format) -> Density:
    try:
        with _unpacked(path) as plain, bounded_memory(plain.stat().st_size):
            return format.module.read(plain)
    except MissingExtraError:
        raise
    except RhocastError as error:
        # Readers of HDF5 name the file themselves, parsers of text do not.
        text = str(error)
        raise FileFormatError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    except MemoryError:
        raise FileFormatError(f"{path}: {TOO_LARGE}") from None
    except Exception as error:  # the readers raise whatever their parsers meet
        raise FileFormatError(
            f"{path}: cannot be read as {format.name} ({type(error).__name__}: {error}); give the "
            "format if it is another, or write the file anew"
        ) from error


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give the file, or what is in a compressed one under its name without the ending."""
    if path.suffix.lower() != PACKED:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="rhocast-") as folder:
        plain = Path(folder) / path.stem
        most = max(_MOST_UNPACKED, _MOST_PACKED * path.stat().st_size)
        with gzip.open(path) as packed, plain.open("wb") as file:
            while part := packed.read(1 << 24):
                file.write(part)
                if file.tell() > most:
                    raise FileFormatError(
                        f"{path}: unpacks to more than {most / 1e9:.3g} GB, no density is so "
                        "compressible; unpack it yourself if it is one"
                    )
        yield plain
