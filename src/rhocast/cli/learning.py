"""Verbs ``features``, ``train``, ``transfer`` and ``calibrate``."""

import argparse
import logging
from pathlib import Path
from typing import Any

from rhocast.cli.config_option import add_config_option
from rhocast.config import Config, load_config, seed_for
from rhocast.engines.psp8 import resolve_pseudopotentials
from rhocast.learning import checkpoint_of, recalibrate, sample_features, train, transfer
from rhocast.model import DensityModel

log = logging.getLogger(__name__)


def add_verbs(verbs: Any) -> None:
    """Add the parsers of this module's verbs."""
    verb = verbs.add_parser("features")
    verb.add_argument("snapshots", nargs="+", type=Path, help="snapshot files (HDF5)")
    _add_config(verb, "features, descriptor, baseline, material")
    verb.set_defaults(run=_features)

    verb = verbs.add_parser("train")
    verb.add_argument("features", type=Path, help="feature file")
    _add_config(verb, "network, training")
    _add_device(verb)
    verb.set_defaults(run=_train)

    verb = verbs.add_parser("transfer")
    verb.add_argument("model", help="model to start from: file or name")
    verb.add_argument("features", type=Path, help="feature file of the larger cells")
    _add_config(verb, "transfer")
    _add_device(verb)
    verb.set_defaults(run=_transfer)

    verb = verbs.add_parser("calibrate")
    verb.add_argument("model", help="model file or name of a shipped model")
    verb.add_argument("features", type=Path, help="feature file that it was trained on")
    verb.add_argument(
        "--other-cells",
        type=Path,
        metavar="FEATURES",
        help="feature file of cells that the model was not trained on; the error of their "
        "k-points becomes part of σ",
    )
    _add_config(verb, "training")
    verb.set_defaults(run=_calibrate)


def _add_config(verb: argparse.ArgumentParser, sections: str) -> None:
    verb.add_argument("-o", "--output", required=True, type=Path, help="file to write")
    add_config_option(verb, sections)


def _add_device(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--device", default="cpu", help="device that fits: `cpu`, `cuda`, `cuda:1` (default: cpu)"
    )


def _features(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    material = resolve_pseudopotentials(config.material.pseudopotentials, config.dft.functional)
    sample_features(
        options.output,
        options.snapshots,
        descriptor=config.descriptor,
        baseline=config.baseline,
        valence={element: file.valence for element, file in material.items()},
        points_per_snapshot=config.features.points_per_snapshot,
        max_rejected_share=config.features.max_rejected_share,
        seed=seed_for(config.seed, "features"),
    )


def _train(options: argparse.Namespace) -> None:
    config: Config = load_config(options.config)
    model = train(
        options.features,
        network=config.network,
        training=config.training,
        seed=seed_for(config.seed, "train"),
        checkpoint=checkpoint_of(options.output),
        device=options.device,
    )
    model.save(options.output)
    log.info("%s: model %s", options.output, model.hash[:12])


def _transfer(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    model = transfer(
        DensityModel.load(options.model),
        options.features,
        transfer=config.transfer,
        seed=seed_for(config.seed, "transfer"),
        checkpoint=checkpoint_of(options.output),
        device=options.device,
    )
    model.save(options.output)
    log.info("%s: model %s", options.output, model.hash[:12])


def _calibrate(options: argparse.Namespace) -> None:
    model = recalibrate(
        DensityModel.load(options.model),
        options.features,
        training=load_config(options.config).training,
        other_cells_path=options.other_cells,
    )
    model.save(options.output)
    log.info("%s: model %s", options.output, model.hash[:12])
