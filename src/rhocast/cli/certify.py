"""The verb ``certify``: the coarsest mesh that a model may be evaluated on."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rhocast.cli.job import emit
from rhocast.cli.numbers import MOST_SEED, whole_in
from rhocast.density import read_density
from rhocast.errors import ConfigError
from rhocast.inference.certify import LARGEST_ERROR, certify
from rhocast.model import DensityModel
from rhocast.structures import read_structure


def add_verbs(verbs: Any) -> None:
    """Add the parser of this module's verb."""
    verb = verbs.add_parser(
        "certify",
        description="Measure the coarsest mesh between whose points interpolation misplaces at "
        f"most {LARGEST_ERROR:g} of the electrons, of Kohn-Sham densities and of the model "
        "itself, and write it into the model file. Predictions then evaluate no finer mesh.",
    )
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument(
        "--density",
        required=True,
        nargs="+",
        type=Path,
        metavar="FILE",
        help="densities on a fine mesh: snapshot files, or other programs' files",
    )
    verb.add_argument(
        "--structure",
        type=Path,
        help="structure to compare the model at (default: the first density's)",
    )
    verb.add_argument(
        "--blocks",
        type=whole_in(1, 1_000_000),
        default=1000,
        help="number of blocks that the model is compared at (default: 1000)",
    )
    verb.add_argument(
        "--seed",
        type=whole_in(0, MOST_SEED),
        default=0,
        help="seed of the choice of blocks (default: 0)",
    )
    verb.add_argument(
        "-o", "--output", type=Path, help="model file to write (default: the one that is read)"
    )
    verb.add_argument("--json", action="store_true", help="one JSON object on standard output")
    verb.set_defaults(run=_certify)


def _certify(options: argparse.Namespace) -> None:
    output = options.output or Path(options.model)
    if options.output is None and not output.is_file():
        raise ConfigError(
            f"{options.model}: a shipped model is not written to; give the file to write (-o)"
        )
    model = certify(
        DensityModel.load(options.model),
        [read_density(path) for path in options.density],
        None if options.structure is None else read_structure(options.structure),
        options.blocks,
        options.seed,
    )
    model.save(output)
    assert model.certificate is not None
    emit(asdict(model.certificate) | {"output": str(output)}, options.json)
