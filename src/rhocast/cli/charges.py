"""The verb `charges`: the electrons of a density, divided among the atoms."""

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rhocast.cli.samples import add_samples_option, open_samples
from rhocast.cli.source_options import Source, add_source_options, sources_of
from rhocast.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from rhocast.density import Density
    from rhocast.properties import AtomicCharges
    from rhocast.properties.bader import BaderCharges

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of this module's verb."""
    verb = verbs.add_parser(
        "charges",
        description="Compute the charge of each atom and write a row for each. With --model the "
        "Hirshfeld charge, the model's pseudo-atoms being the free densities, and, where the field "
        "has standard deviations, their integral over the atom; with --samples the standard "
        "deviation of the charge, too; a field of any size is read part by part. With --bader "
        "the Bader charge and volume, in memory.",
    )
    verb.add_argument("density", type=Path, help="density of any format, of valence electrons")
    add_source_options(verb)
    kind = verb.add_mutually_exclusive_group(required=True)
    kind.add_argument("--model", help="model file or name of a shipped model")
    kind.add_argument(
        "--bader",
        nargs="+",
        metavar="Al=FILE",
        help="pseudopotentials by element: psp8 files, or `spms`; surfaces are those of the "
        "density with the cores that they hold (needs baderkit)",
    )
    add_samples_option(verb, "for --model")
    verb.add_argument("-o", "--output", required=True, type=Path, help="table to write, TSV")
    verb.add_argument(
        "--labels", type=Path, help="array to write with --bader (.npy): the atom of each point"
    )
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    verb.set_defaults(run=_charges)


def _charges(options: argparse.Namespace) -> None:
    from rhocast.cli.job import emit
    from rhocast.density import open_density
    from rhocast.properties import charges_by_element, write_charges

    if options.labels is not None and options.bader is None:
        raise ConfigError("labels: found without --bader, expected with it")
    if options.samples and options.model is None:
        raise ConfigError("samples: found without --model, expected with it")
    source, *samples = sources_of(options, options.density, *options.samples)
    with open_density(*source) as density:
        found = _hirshfeld(options, density, samples) if options.model else _bader(options, density)
        write_charges(options.output, density.structure, found.columns)
        emit(charges_by_element(density.structure, found.columns), options.json)
    log.info("%s is written", options.output)


def _hirshfeld(
    options: argparse.Namespace, density: "Density", sources: list[Source]
) -> "AtomicCharges":
    from rhocast.model import DensityModel
    from rhocast.properties import divide_among_atoms, hirshfeld_charges

    model = DensityModel.load(options.model)
    valence = model.metadata.get("valence", {})
    samples = open_samples(sources, density.structure)
    found = divide_among_atoms(density, model.baseline, valence)
    _check_electrons(density, found.charges, valence)
    if not sources:
        return found
    of_samples = []
    for sample in samples:
        of_samples.append(hirshfeld_charges(sample, model.baseline, valence))
        _check_electrons(sample, of_samples[-1], valence)
    return found.with_samples(of_samples)


def _check_electrons(
    density: "Density", charges: "np.ndarray", valence: Mapping[str, float]
) -> None:
    """Refuse a density whose electrons, by the charges of all atoms, are not those of the model."""
    from rhocast.density.electrons import MOST_SCALING, check_electrons

    expected = float(density.structure.count_electrons(valence))
    count = expected - float(charges.sum())
    check_electrons(density, expected, MOST_SCALING, "the model", count)


def _bader(options: argparse.Namespace, density: "Density") -> "BaderCharges":
    import numpy as np

    from rhocast.cli.engine_options import pseudopotentials_named
    from rhocast.files import replacing
    from rhocast.properties.bader import bader_charges

    found = bader_charges(density, pseudopotentials_named(options.bader, "--bader"))
    if options.labels is not None:
        with replacing(options.labels) as partial, partial.open("wb") as file:
            np.save(file, found.labels)
    return found
