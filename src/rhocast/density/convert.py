"""A density from one file to another, in any format and on another mesh."""

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from rhocast.density.any_format import open_density, write_density
from rhocast.density.formats import Length, format_to_write
from rhocast.density.interpolation import WHOLE, Part
from rhocast.density.quantity import check_whole
from rhocast.density.refine import refine


def convert(
    source: str | Path,
    out: str | Path,
    *,
    source_format: str | None = None,
    density_unit: Length | None = None,
    format: str | None = None,
    field: str = "density",
    mesh_spacing_bohr: float | None = None,
    part: Part = WHOLE,
) -> None:
    """Write the density of a file to another one.

    A density field is streamed; other formats are read into memory.

    Parameters
    ----------
    source, source_format, density_unit
        What to read, as in `rhocast.density.read_density`.
    out, format, field
        What to write, as in `rhocast.density.write_density`.
    mesh_spacing_bohr, part
        Maximum spacing and part of the cell, as in `rhocast.density.refine`; by default the mesh
        stays as it is.

    Raises
    ------
    FileFormatError
        If the source cannot be read, holds NaN or infinity, or a part of a cell that another mesh
        is asked for.
    RhocastError
        If a format or field does not exist, or the part is empty.
    """
    out = Path(out)
    format_to_write(out, format)  # told before anything is computed
    with ExitStack() as stack:
        density = stack.enter_context(open_density(source, source_format, density_unit))
        if mesh_spacing_bohr is not None or part != WHOLE:
            check_whole(density.record, density.source)
            out.parent.mkdir(parents=True, exist_ok=True)
            folder = Path(stack.enter_context(TemporaryDirectory(dir=out.parent)))
            stored, refined = folder / "stored.h5", folder / "refined.h5"
            write_density(stored, density, "field")
            refine(stored, refined, mesh_spacing_bohr, part)
            density = stack.enter_context(open_density(refined))
        write_density(out, density, format, field)
