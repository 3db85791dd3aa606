"""Verbs on files of densities: ``convert`` (also called ``export``), ``diff``, ``superpose``."""

import argparse
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.cli.job import emit
from rhocast.cli.numbers import number_in
from rhocast.cli.source_options import add_source_options, sources_of
from rhocast.density.formats import FORMATS, WRITABLE

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    formats = "; ".join(f"{format.name}: {format.description}" for format in FORMATS.values())
    for name in ("convert", "export"):
        verb = verbs.add_parser(name, description=f"Write a density in any format. {formats}.")
        verb.add_argument("density", type=Path, metavar="IN", help="density to read")
        verb.add_argument("output", type=Path, metavar="OUT", help="file to write")
        add_source_options(verb)
        _add_format(verb, "OUT")
        verb.add_argument(
            "--field",
            choices=("density", "epistemic_std", "aleatoric_std"),
            default="density",
            help="field to write, in formats that hold one (default: density)",
        )
        _add_mesh(verb)
        verb.set_defaults(run=_convert)

    verb = verbs.add_parser(
        "diff",
        description="Compare a density B with a density A of the same cell: electrons, NMAE "
        "(∫|Δρ|/∫ρ), RMSE and largest difference. Both are resampled where their meshes differ.",
    )
    verb.add_argument("a", type=Path, metavar="A", help="density to compare with")
    verb.add_argument("b", type=Path, metavar="B", help="density to compare")
    add_source_options(verb, "--format")
    verb.add_argument(
        "-o",
        "--output",
        type=Path,
        help="file to write ρ_B − ρ_A to, in memory, in the format of its name",
    )
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    verb.set_defaults(run=_diff)

    verb = verbs.add_parser(
        "superpose",
        description="Write the density of free atoms at the places of a density's atoms, on its "
        "mesh: the density minus this one (`view --against`, `plot compare`, `diff`) is the "
        "deformation density, which shows the bonds. The field has to fit in memory.",
    )
    verb.add_argument("density", type=Path, help="density of any format")
    add_source_options(verb)
    verb.add_argument(
        "--pseudopotentials",
        required=True,
        nargs="+",
        metavar="Al=FILE",
        help="pseudopotentials by element, which hold the densities of the free atoms: psp8 files, "
        "or `spms`",
    )
    verb.add_argument("-o", "--output", required=True, type=Path, help="file to write")
    _add_format(verb, "the output")
    verb.set_defaults(run=_superpose)


def _add_format(verb: argparse.ArgumentParser, output: str) -> None:
    verb.add_argument(
        "--format", choices=WRITABLE, help=f"format of {output} (default: from its name)"
    )


def _add_mesh(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--mesh-spacing-bohr",
        type=number_in(0.01, 100, "Bohr"),
        help="maximum spacing of the mesh to write, Bohr (default: the mesh of IN)",
    )
    verb.add_argument(
        "--box",
        type=number_in(-1000, 1000),
        nargs=6,
        metavar=("X0", "X1", "Y0", "Y1", "Z0", "Z1"),
        help="part of the cell to write, in units of the lattice vectors (default: all of it)",
    )


def _convert(options: argparse.Namespace) -> None:
    from rhocast.density.convert import convert

    x0, x1, y0, y1, z0, z1 = options.box or (0.0, 1.0) * 3
    convert(
        options.density,
        options.output,
        source_format=options.source_format,
        density_unit=options.density_unit,
        format=options.format,
        field=options.field,
        mesh_spacing_bohr=options.mesh_spacing_bohr,
        part=((x0, x1), (y0, y1), (z0, z1)),
    )
    log.info("%s is written", options.output)


def _diff(options: argparse.Namespace) -> None:
    from rhocast.density import open_density, write_density
    from rhocast.density.difference import difference, on_one_mesh, subtracted
    from rhocast.density.electrons import warn_of_other_electrons
    from rhocast.density.formats import format_to_write

    if options.output is not None:
        format_to_write(options.output)  # told before anything is computed
    first, second = sources_of(options, options.a, options.b)
    with open_density(*first) as a, open_density(*second) as b:
        warn_of_other_electrons(a, b)
        electrons = {"electrons_a": a.electron_count, "electrons_b": b.electron_count}
        a, b = on_one_mesh(a, b)
        found = asdict(difference(a, b)) | electrons
        if options.output is not None:
            write_density(options.output, subtracted(b, a))
            log.info("%s is written", options.output)
    found["mesh"] = list(found["mesh"]) if options.json else "×".join(map(str, found["mesh"]))
    emit(found, options.json)


def _superpose(options: argparse.Namespace) -> None:
    from rhocast.cli.engine_options import pseudopotentials_named
    from rhocast.density import open_density, write_density
    from rhocast.density.formats import format_to_write
    from rhocast.properties.superposed_atoms import superposed_atoms

    format_to_write(options.output, options.format)  # told before anything is computed
    choices = (options.source_format, options.density_unit)
    with open_density(options.density, *choices) as density:
        files = pseudopotentials_named(options.pseudopotentials, "--pseudopotentials")
        found = superposed_atoms(density, files)
    write_density(options.output, found, options.format)
    log.info("%s is written", options.output)
