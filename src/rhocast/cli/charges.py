"""The verb `charges`: the electrons of a density, divided among the atoms."""

import argparse
import logging
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parser of this module's verb."""
    verb = verbs.add_parser(
        "charges",
        description="Compute the Hirshfeld charge of each atom, a model's pseudo-atoms being the "
        "free densities, and write a row for each: charge and, where the field has standard "
        "deviations, their integral over the atom. A field of any size is read layer by layer.",
    )
    verb.add_argument("density", type=Path, help="density of any format, of valence electrons")
    verb.add_argument("--model", required=True, help="model file or name of a shipped model")
    verb.add_argument("-o", "--output", required=True, type=Path, help="table to write, TSV")
    verb.add_argument("--json", action="store_true", help="print one JSON object")
    verb.set_defaults(run=_charges)


def _charges(options: argparse.Namespace) -> None:
    from rhocast.cli.job import emit
    from rhocast.density import open_density
    from rhocast.errors import ModelError
    from rhocast.model import DensityModel
    from rhocast.properties import charges_by_element, divide_among_atoms, write_charges

    model = DensityModel.load(options.model)
    if model.baseline is None:
        raise ModelError(
            f"{options.model}: expected a model with pseudo-atoms (section `baseline` of the "
            "configuration), found one without"
        )
    with open_density(options.density) as density:
        charges = divide_among_atoms(density, model.baseline, model.metadata.get("valence", {}))
        write_charges(options.output, density.structure, charges)
        emit(charges_by_element(density.structure, charges), options.json)
    log.info("%s is written", options.output)
