"""NumPy's archive (``.npz``): all fields, cell and atoms, by the names of `rhocast.fields`."""

from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np

from rhocast.density.density import Density
from rhocast.density.formats.npy import write_field
from rhocast.density.quantity import MINUS, PART, is_difference, is_part
from rhocast.errors import ConfigError, FileFormatError
from rhocast.fields import DENSITY_FIELDS, STRUCTURE_FIELDS, check_shapes
from rhocast.structures import Structure


def read(path: Path) -> Density:
    """Read an archive that holds at least density, positions, cell and numbers."""
    with np.load(path) as archive:
        record: dict[str, Any] = {name: archive[name] for name in PART if name in archive.files}
        record |= {MINUS: str(archive[MINUS])} if MINUS in archive.files else {}
        arrays = {name: archive[name] for name in DENSITY_FIELDS if name in archive.files}
    if missing := {"density", *STRUCTURE_FIELDS} - arrays.keys():
        raise FileFormatError(
            f"{', '.join(sorted(missing))}: not in it; expected density (nx, ny, nz) in e/Bohr³, "
            "positions (n, 3) and cell (3, 3) in Bohr, numbers (n,)"
        )
    check_shapes(arrays, DENSITY_FIELDS, str(path))
    structure = Structure(**{name: arrays.pop(name) for name in STRUCTURE_FIELDS})
    return Density.of(structure, arrays, record)


def write(path: Path, density: Density, field: str) -> None:
    """Write all fields of a density, streamed, as `numpy.savez` would.

    Raises
    ------
    ConfigError
        If ``field`` is not ``density``: the file holds all fields there are.
    """
    if field != "density":
        raise ConfigError(f"{path}: an archive holds all fields; do not choose {field}")
    with ZipFile(path, "w") as archive:
        for name in STRUCTURE_FIELDS:
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, getattr(density.structure, name))
        if is_difference(density.record):
            with archive.open(f"{MINUS}.npy", "w") as file:
                np.lib.format.write_array(file, np.array(str(density.record[MINUS])))
        for name in PART if is_part(density.record) else ():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(density.record[name], dtype=float))
        for name in density.fields:
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                write_field(file, density, name)
