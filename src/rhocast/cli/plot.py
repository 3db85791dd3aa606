"""The verb `plot`: pictures of densities and of what other verbs have written, from files alone."""

import argparse
import math
from pathlib import Path
from typing import Any

from rhocast.cli.numbers import number_in

#: Whole lattice vectors, for the ends of a line or of a box.
_ORIGIN, _CORNER = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verb."""
    verb = verbs.add_parser(
        "plot",
        description="Draw a density, or what another verb has written. The name of the picture "
        "says its format: png, pdf or svg.",
    )
    kinds = verb.add_subparsers(title="pictures", metavar="KIND", required=True)
    _add_densities(kinds)
    _add_results(kinds)


def _add_densities(kinds: Any) -> None:
    kind = kinds.add_parser("slice", help="every field of a density on one plane of the mesh")
    _add_density(kind)
    kind.add_argument(
        "--axis", choices="abc", default="c", help="lattice vector across the plane (default: c)"
    )
    kind.add_argument(
        "--at",
        type=number_in(0, 1),
        default=0.0,
        help="fractional coordinate of the plane (default: 0)",
    )
    kind.add_argument(
        "--cut",
        type=number_in(0, 1),
        metavar="V",
        help="also draw the density with ±3σ along the plane's first lattice vector, at this "
        "fractional coordinate of the second",
    )
    _add_reference(kind, "drawn on this line too")
    _finish(kind, _slice)

    kind = kinds.add_parser("line", help="density along a straight line, with ±3σ")
    _add_density(kind)
    _add_ends(kind, "line")
    _add_reference(kind, "drawn too")
    _finish(kind, _line)

    kind = kinds.add_parser("compare", help="two densities and their difference in the worst plane")
    kind.add_argument("reference", type=Path, help="density of any format, such as that of DFT")
    kind.add_argument("density", type=Path, help="density of the same cell")
    _finish(kind, _compare)

    kind = kinds.add_parser("defect", help="density and σ by the distance from a defect")
    _add_density(kind)
    kind.add_argument(
        "--place",
        type=_coordinate,
        nargs=3,
        metavar=("A", "B", "C"),
        help="fractional coordinates (default: the middle of the largest void, such as a vacancy)",
    )
    _add_reference(kind, "drawn too, with the error")
    _finish(kind, _defect)

    kind = kinds.add_parser(
        "render", help="view of a cell of any size in three dimensions, a corner cut away"
    )
    kind.add_argument("file", type=Path, help="density, or file of `rhocast predict --reduce`")
    _add_ends(kind, "part that is drawn")
    _finish(kind, _render)

    kind = kinds.add_parser("histogram", help="distributions of density and σ over mesh points")
    kind.add_argument(
        "files", type=Path, nargs="+", help="densities, or files of `rhocast predict --reduce`"
    )
    _finish(kind, _histogram)

    kind = kinds.add_parser("reduction", help="planar averages and histograms of a reduction")
    kind.add_argument("reduction", type=Path, help="file of `rhocast predict --reduce`")
    _finish(kind, _reduction)


def _add_results(kinds: Any) -> None:
    kind = kinds.add_parser("energies", help="errors of density and energy, by system")
    kind.add_argument("tables", type=Path, nargs="+", help="tables of `rhocast energies`")
    _finish(kind, _energies)

    kind = kinds.add_parser("eos", help="energy against volume, predicted and DFT")
    kind.add_argument(
        "tables", type=Path, nargs="+", help="tables of `rhocast eos`, with their JSON beside them"
    )
    kind.add_argument(
        "--experiment",
        type=number_in(0.001, 10_000),
        nargs=2,
        metavar=("A", "B"),
        help="measured lattice constant, Bohr, and bulk modulus, GPa, to draw",
    )
    _finish(kind, _eos)

    kind = kinds.add_parser("bands", help="bands and density of states, of one density or two")
    kind.add_argument("bands", type=Path, help="file of `rhocast bands`")
    _finish(kind, _bands)

    kind = kinds.add_parser("timing", help="cost of DFT and of predictions against atoms")
    kind.add_argument("table", type=Path, help="table of `rhocast benchmark scaling`")
    _finish(kind, _timing)


def _coordinate(text: str) -> float:
    """Read a fractional coordinate."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a finite number, found {text}")
    return value


def _add_density(kind: argparse.ArgumentParser) -> None:
    kind.add_argument("density", type=Path, help="density of any format")


def _add_reference(kind: argparse.ArgumentParser, use: str) -> None:
    kind.add_argument(
        "--reference", type=Path, metavar="DENSITY", help=f"density of the same cell, {use}"
    )


def _add_ends(kind: argparse.ArgumentParser, what: str) -> None:
    for option, default in (("--start", _ORIGIN), ("--end", _CORNER)):
        kind.add_argument(
            option,
            type=_coordinate,
            nargs=3,
            default=default,
            metavar=("A", "B", "C"),
            help=f"{option[2:]} of the {what}, fractional coordinates (default: "
            f"{' '.join(f'{x:g}' for x in default)})",
        )


def _finish(kind: argparse.ArgumentParser, run: Any) -> None:
    kind.add_argument("-o", "--output", required=True, type=Path, help="picture to write")
    kind.set_defaults(run=run, draws=True)


def _slice(options: argparse.Namespace) -> None:
    from rhocast.analysis.plots import AXES, draw_slice
    from rhocast.errors import ConfigError

    if options.reference and options.cut is None:
        raise ConfigError("reference: is drawn along a line; expected --cut as well")
    with _opened(options.density) as density, _opened(options.reference) as reference:
        axis = AXES[options.axis]
        draw_slice(density, options.output, axis, options.at, options.cut, reference)


def _line(options: argparse.Namespace) -> None:
    from rhocast.analysis.cut import draw_line

    with _opened(options.density) as density, _opened(options.reference) as reference:
        draw_line(density, options.output, options.start, options.end, reference)


def _compare(options: argparse.Namespace) -> None:
    from rhocast.analysis.plots import draw_comparison

    with _opened(options.reference) as reference, _opened(options.density) as density:
        draw_comparison(reference, density, options.output)


def _defect(options: argparse.Namespace) -> None:
    from rhocast.analysis.around import draw_defect

    with _opened(options.density) as density, _opened(options.reference) as reference:
        draw_defect(density, options.output, options.place, reference)


def _opened(path: Path | None) -> Any:
    """Open a density that may not be asked for."""
    from contextlib import nullcontext

    from rhocast.density import open_density

    return nullcontext() if path is None else open_density(path)


def _render(options: argparse.Namespace) -> None:
    from rhocast.analysis.render import draw_render

    draw_render(options.file, options.output, options.start, options.end)


def _histogram(options: argparse.Namespace) -> None:
    from rhocast.analysis.histogram import draw_histograms

    draw_histograms(options.files, options.output)


def _reduction(options: argparse.Namespace) -> None:
    from rhocast.analysis.histogram import draw_reduction

    draw_reduction(options.reduction, options.output)


def _energies(options: argparse.Namespace) -> None:
    from rhocast.analysis.physics import draw_energies
    from rhocast.properties import read_energies

    draw_energies(read_energies(options.tables), options.output)


def _eos(options: argparse.Namespace) -> None:
    from rhocast.analysis.physics import draw_equations_of_state
    from rhocast.config import Experiment
    from rhocast.properties import read_equation_of_state

    experiment = None
    if options.experiment:
        constant, modulus = options.experiment
        experiment = Experiment(lattice_constant_bohr=constant, bulk_modulus_gpa=modulus)
    studies = [read_equation_of_state(path) for path in options.tables]
    draw_equations_of_state(studies, options.output, experiment)


def _bands(options: argparse.Namespace) -> None:
    from rhocast.analysis.band_picture import draw_bands
    from rhocast.properties import read_bands

    draw_bands(read_bands(options.bands), options.output)


def _timing(options: argparse.Namespace) -> None:
    from rhocast.speed import draw_timing, read_scaling

    draw_timing(options.output, read_scaling(options.table))
