"""The verb `potential`: the electrostatic potential of a density, averaged over planes."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhocast.cli.numbers import number_in
from rhocast.cli.source_options import add_source_options

if TYPE_CHECKING:
    from rhocast.properties.electrostatics import IonicPotential
    from rhocast.properties.profiles import Vacuum

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of this module's verb."""
    verb = verbs.add_parser(
        "potential",
        description="Compute the electrostatic potential of electrons and ions and write averages "
        "of density and potential over planes, with running means over the periods that are "
        "given, and the potential in the vacuum of a slab. The field has to fit in memory.",
    )
    verb.add_argument("density", type=Path, help="density of any format, of valence electrons")
    add_source_options(verb)
    verb.add_argument(
        "--ions",
        required=True,
        nargs="+",
        metavar="Al=ION",
        help="ions by element: a psp8 file or `spms`, whose local potential is taken; or a number, "
        "the charge of a Gaussian ion of 1 Bohr",
    )
    verb.add_argument("-o", "--output", required=True, type=Path, help="table to write, TSV")
    verb.add_argument(
        "--axis", choices="abc", default="c", help="lattice vector across the planes (default: c)"
    )
    verb.add_argument(
        "--period-bohr",
        type=number_in(0.01, 100_000, "Bohr"),
        nargs="+",
        default=[],
        metavar="L",
        help="period of the layers for running means, Bohr; two at an interface",
    )
    verb.add_argument(
        "--fermi-level-ha",
        type=number_in(-1000, 1000, "Ha"),
        metavar="E",
        help="Fermi level of the engine for the same cell, Ha: the work function is printed",
    )
    verb.add_argument("--cube", type=Path, help="cube to write the potential to, Ha")
    verb.add_argument("--picture", type=Path, help="picture to draw (png, pdf or svg)")
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    verb.set_defaults(run=_potential)


def _potential(options: argparse.Namespace) -> None:
    from rhocast.cli.job import emit
    from rhocast.density import read_density
    from rhocast.density.formats.cube import write_values
    from rhocast.properties.electrostatics import electrostatic_potential
    from rhocast.properties.profiles import Profile, write_profile

    density = read_density(options.density, options.source_format, options.density_unit)
    potential = electrostatic_potential(density, _ions(options.ions))
    profile = Profile.of(density, potential, "abc".index(options.axis))
    means = profile.macroscopic(*options.period_bohr) if options.period_bohr else None
    write_profile(options.output, profile, means)
    if options.cube is not None:
        write_values(options.cube, density, potential, "electrostatic potential, Ha")
    if options.picture is not None:
        from rhocast.analysis.physics import draw_profile

        draw_profile(profile, means, options.picture)
    emit(_figures(profile.vacuum, options.fermi_level_ha), options.json)
    log.info("%s is written", options.output)


def _ions(words: list[str]) -> dict[str, "IonicPotential"]:
    """Return the ions that the words name, by element: Gaussian ones by a number, else a file."""
    from rhocast.cli.engine_options import pseudopotentials_named
    from rhocast.properties.electrostatics import gaussian_ion, pseudo_ion

    ions: dict[str, IonicPotential] = {}
    for word in words:
        element, _, value = word.partition("=")
        try:
            ions[element] = gaussian_ion(float(value))
        except ValueError:
            ions[element] = pseudo_ion(pseudopotentials_named([word], "--ions")[element])
    return ions


def _figures(vacuum: "Vacuum | None", fermi_level_ha: float | None) -> dict[str, float | str]:
    """Return what the vacuum tells."""
    from rhocast.properties.profiles import LEAST_VACUUM_BOHR, VACUUM_DENSITY
    from rhocast.units import EV_PER_HARTREE

    if vacuum is None:
        return {
            "vacuum": f"none: density below {VACUUM_DENSITY:g} e/Bohr³ nowhere over "
            f"{LEAST_VACUUM_BOHR:g} Bohr along this axis"
        }
    below, above = vacuum.levels_ha
    found: dict[str, float | str] = {"vacuum_below_ha": below, "vacuum_above_ha": above}
    if fermi_level_ha is not None:
        for side, level in (("below", below), ("above", above)):
            found[f"work_function_{side}_eV"] = (level - fermi_level_ha) * EV_PER_HARTREE
    return found
