"""Verbs of what follows from predicted densities: ``energies``, ``eos``."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast import config
from rhocast.analysis.physics import draw_energies, draw_equation_of_state
from rhocast.cli.engine_options import (
    add_engine_options,
    add_settings_options,
    engine_of,
    launcher_of,
    pseudopotentials_of,
    sections_of,
    validated,
    workdir_of,
)
from rhocast.cli.job import emit
from rhocast.cli.numbers import number_in, whole_in
from rhocast.errors import ConfigError
from rhocast.inference import Predictor
from rhocast.properties import (
    compare_energies,
    fit_and_write,
    volume_energies,
    write_energies,
    write_volume_energies,
)
from rhocast.properties.energies import summary
from rhocast.structures import read_structure

log = logging.getLogger(__name__)

#: A Birch-Murnaghan curve has four parameters; a fifth energy shows how well it fits.
MIN_STRAINS = 5

STRAINS = config.EquationOfState.model_fields["strains"].default


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    verb = verbs.add_parser(
        "energies",
        description="Evaluate the Harris-Foulkes energy of snapshots at the predicted density and "
        "at their own, and write a row for each.",
    )
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument("snapshots", nargs="+", type=Path, help="snapshot files (HDF5)")
    _add_samples(verb, "its error bar")
    _add_outputs(verb)
    verb.set_defaults(run=_energies)

    verb = verbs.add_parser(
        "eos",
        description="Compute a cell's energy at several volumes, at the predicted and at the "
        "self-consistent density, and fit the Birch-Murnaghan equation. Writes the energies (TSV) "
        "and, beside them, the fits (JSON).",
    )
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument(
        "structure", type=Path, help="file of the cell at strain 0, in any format that ASE reads"
    )
    verb.add_argument(
        "--strains",
        type=number_in(-0.3, 0.3),
        nargs="+",
        default=STRAINS,
        metavar="STRAIN",
        help="linear strains, five or more (default: -0.03 to 0.03 in steps of 0.01)",
    )
    verb.add_argument(
        "--lattice-constant-bohr",
        type=number_in(1, 10_000, "Bohr"),
        metavar="A",
        help="lattice constant of the given cell, Bohr; that of the minimum is then printed",
    )
    verb.add_argument(
        "--experiment",
        type=number_in(0.001, 10_000),
        nargs=2,
        metavar=("A", "B"),
        help="measured lattice constant, Bohr, and bulk modulus, GPa, to draw",
    )
    verb.add_argument(
        "--without-dft", action="store_true", help="compute no self-consistent energies"
    )
    verb.add_argument(
        "--energies-only", action="store_true", help="write the table alone, without a fit"
    )
    _add_samples(verb, "the error bars of energies, volume and bulk modulus")
    _add_outputs(verb)
    verb.set_defaults(run=_eos)


def _add_samples(verb: argparse.ArgumentParser, of: str) -> None:
    verb.add_argument(
        "--samples",
        type=whole_in(2, 10_000),
        default=0,
        metavar="N",
        help=f"number of samples of the field at which each energy is computed, too, for {of}: "
        "two or more (default: none)",
    )


def _add_outputs(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("-o", "--output", required=True, type=Path, help="table to write, TSV")
    verb.add_argument("--picture", type=Path, metavar="PNG", help="figure to write")
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    add_settings_options(verb, "dft, material")
    add_engine_options(verb)


def _energies(options: argparse.Namespace) -> None:
    sections = sections_of(options)
    dft = validated(config.Dft, sections, "dft")
    found = compare_energies(
        Predictor.load(options.model).model,
        options.snapshots,
        engine_of(options, dft),
        dft,
        pseudopotentials_of(options, sections, dft),
        launcher=launcher_of(options),
        workdir=workdir_of(options.output),
        samples=options.samples,
    )
    write_energies(options.output, found)
    if options.picture:
        draw_energies(found, options.picture)
    emit(summary(found), options.json)


def _eos(options: argparse.Namespace) -> None:
    if len(set(options.strains)) < max(MIN_STRAINS, len(options.strains)):
        raise ConfigError(
            f"--strains: expected {MIN_STRAINS} or more, all different, found "
            f"{' '.join(f'{strain:g}' for strain in options.strains)}"
        )
    if options.energies_only and (options.picture or options.experiment or options.json):
        raise ConfigError(
            "--energies-only: found beside --picture, --experiment or --json, which show the fit"
        )
    sections = sections_of(options)
    dft = validated(config.Dft, sections, "dft")
    experiment = None
    if options.experiment:
        constant, modulus = options.experiment
        experiment = config.Experiment(lattice_constant_bohr=constant, bulk_modulus_gpa=modulus)
    energies = volume_energies(
        Predictor.load(options.model),
        read_structure(options.structure),
        options.strains,
        engine_of(options, dft),
        dft,
        pseudopotentials_of(options, sections, dft),
        launcher=launcher_of(options),
        workdir=workdir_of(options.output),
        with_dft=not options.without_dft,
        samples=options.samples,
    )
    constant = options.lattice_constant_bohr
    write_volume_energies(options.output, energies)
    if options.energies_only:
        return
    found = fit_and_write(options.output, energies, constant)
    if options.picture:
        draw_equation_of_state(found, options.picture, constant, experiment)
    emit(found.report(constant), options.json)
