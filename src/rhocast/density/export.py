"""Density-field files to what other programs read: cube, CHGCAR, XSF.

ASE reads all three, and writes them with too few digits (cube: cell and positions to 1e-6 Bohr,
XSF: values to 1e-6) or only from memory; these writers stream slab by slab.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Literal, TextIO

import ase.io.vasp
import numpy as np

from rhocast.density.density_field import DensityField
from rhocast.density.field_file import CHUNK_SHAPE, DensityFile, open_density
from rhocast.errors import RhocastError
from rhocast.files import replacing
from rhocast.units import ANGSTROM_PER_BOHR

Format = Literal["cube", "chgcar", "xsf"]

#: e/Bohr³ to e/Å³.
_PER_CUBIC_ANGSTROM = ANGSTROM_PER_BOHR**-3


def export(
    density: str | Path | DensityField,
    out: str | Path,
    format: Format | None = None,
    field: str = "density",
) -> None:
    """Write one field of a density in another program's format.

    Parameters
    ----------
    density
        The density-field file, or a density in memory.
    out
        The file to write.
    format
        ``cube`` (Bohr, e/Bohr³), ``chgcar`` (VASP: ρ times the volume of the cell; atoms grouped by
        element) or ``xsf`` (XCrySDen: Å, e/Å³; the far end points repeat the first). By default
        from the name of ``out``.
    field
        Which array: ``density``, ``epistemic_std`` or ``aleatoric_std``.

    Raises
    ------
    FileFormatError
        If the density file cannot be read.
    RhocastError
        If format or field do not exist.
    """
    out = Path(out)
    write = WRITERS[_format_of(out, format)]
    opened = nullcontext(density) if isinstance(density, DensityField) else open_density(density)
    with opened as stored:
        if field not in stored.fields:
            where = "the density" if isinstance(density, DensityField) else density
            raise RhocastError(
                f"{where}: holds no {field}, expected one of {', '.join(stored.fields)}"
            )
        with replacing(out) as partial, partial.open("w", encoding="ascii") as file:
            write(file, stored, field)


def _format_of(out: Path, format: str | None) -> str:
    if format is None:
        format = "chgcar" if "CHGCAR" in out.name.upper() else out.suffix.removeprefix(".").lower()
    if format not in WRITERS:
        raise RhocastError(
            f"{out}: format {format!r}, expected one of {', '.join(sorted(WRITERS))}; name the "
            "file *.cube, *.xsf or CHGCAR, or give the format"
        )
    return format


def _write_cube(file: TextIO, stored: DensityFile | DensityField, field: str) -> None:
    structure, mesh = stored.structure, stored.mesh
    file.write(f"{field}, e/Bohr^3\nwritten by rhocast; lengths in Bohr, z fastest\n")
    file.write(f"{len(structure):5d}" + 3 * f"{0.0:18.12f}" + "\n")
    for n, vector in zip(mesh.shape, mesh.cell, strict=True):
        file.write(f"{n:5d}" + _row(vector / n))
    for number, position in zip(structure.numbers, structure.positions, strict=True):
        file.write(f"{number:5d}{0.0:18.12f}" + _row(position))
    step = CHUNK_SHAPE[0]
    for start in range(0, mesh.shape[0], step):
        _write_values(file, stored.read(field, (slice(start, start + step),)).ravel(), " %.7E", 6)


def _write_chgcar(file: TextIO, stored: DensityFile | DensityField, field: str) -> None:
    atoms = stored.structure.to_ase()
    ase.io.vasp.write_vasp(file, atoms, direct=True, sort=True)
    file.write("\n" + " ".join(str(n) for n in stored.mesh.shape) + "\n")
    for slab in _slabs_along_z(stored, field):
        values = slab.ravel(order="F") * stored.structure.volume
        _write_values(file, values, " %17.10E", 5)


def _write_xsf(file: TextIO, stored: DensityFile | DensityField, field: str) -> None:
    structure = stored.structure
    cell = structure.cell * ANGSTROM_PER_BOHR
    positions = structure.positions * ANGSTROM_PER_BOHR
    file.write("CRYSTAL\nPRIMVEC\n" + "".join(map(_row, cell)))
    file.write(f"PRIMCOORD\n{len(structure)} 1\n")
    for number, position in zip(structure.numbers, positions, strict=True):
        file.write(f"{number:4d}" + _row(position))
    file.write(f"BEGIN_BLOCK_DATAGRID_3D\n{field}_e_per_cubic_angstrom\nBEGIN_DATAGRID_3D_1\n")
    file.write(" ".join(str(n + 1) for n in stored.mesh.shape) + "\n")
    file.write(_row(np.zeros(3)) + "".join(map(_row, cell)))
    first: np.ndarray | None = None
    for slab in _slabs_along_z(stored, field):
        closed = np.pad(slab, ((0, 1), (0, 1), (0, 0)), mode="wrap") * _PER_CUBIC_ANGSTROM
        first = closed[:, :, :1] if first is None else first
        _write_values(file, closed.ravel(order="F"), " %.7E", 6)
    if first is not None:
        _write_values(file, first.ravel(order="F"), " %.7E", 6)
    file.write("END_DATAGRID_3D\nEND_BLOCK_DATAGRID_3D\n")


WRITERS: dict[str, Callable[[TextIO, DensityFile | DensityField, str], None]] = {
    "cube": _write_cube,
    "chgcar": _write_chgcar,
    "xsf": _write_xsf,
}


def _slabs_along_z(stored: DensityFile | DensityField, field: str) -> Iterator[np.ndarray]:
    """Parts of a field, (nx, ny, some), float64: chunks of the file, for formats with z slowest."""
    step = CHUNK_SHAPE[2]
    for start in range(0, stored.mesh.shape[2], step):
        box = (slice(None), slice(None), slice(start, start + step))
        yield stored.read(field, box).astype(np.float64)


def _write_values(file: TextIO, values: np.ndarray, form: str, per_line: int) -> None:
    """Write numbers, some to a line; the last line may be shorter."""
    lines_at_once = 10_000
    for start in range(0, len(values), lines_at_once * per_line):
        part = values[start : start + lines_at_once * per_line].tolist()
        full, rest = divmod(len(part), per_line)
        pattern = full * (per_line * form + "\n") + (rest * form + "\n" if rest else "")
        file.write(pattern % tuple(part))


def _row(vector: np.ndarray) -> str:
    return "".join(f"{value:18.12f}" for value in vector) + "\n"
