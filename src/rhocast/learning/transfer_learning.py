"""Transfer to larger cells: the first layers stay, the others are retrained on a small share."""

import copy
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.errors import ModelError
from rhocast.learning.feature_file import FeatureSet, read_features
from rhocast.learning.fitting import fit
from rhocast.learning.split import Split, split
from rhocast.learning.training import config_hash, describe, points
from rhocast.model import DensityModel, DensityNetwork

_log = logging.getLogger(__name__)


def transfer(
    base: DensityModel, features_path: str | Path, *, transfer: config.Transfer, seed: int
) -> DensityModel:
    """Retrain a model on a share of the points of larger cells.

    The normalisation stays that of the base model, or its frozen layers would mean something else.

    Parameters
    ----------
    base
        Trained on the small cells; left as it is.
    features_path
        Feature file of the larger cells.
    transfer
        Schedule, the share of points and of frozen layers.
    seed
        Of the batches, the noise, the share and what is held back.

    Raises
    ------
    FileFormatError
        If the feature file cannot be used.
    ModelError
        If its features are not the base model's, or the loss becomes NaN or infinite.
    """
    data = read_features(features_path)
    _check_features(base, data, features_path)
    rng = np.random.default_rng(config.seed_for(seed, "validation"))
    parts = split(data, transfer.validation_share, rng)
    count = max(1, round(transfer.share * len(parts.training)))
    used = np.sort(rng.choice(parts.training, count, replace=False))
    parts = Split(used, parts.validation, parts.held_back)

    model = replace(
        base, network=copy.deepcopy(base.network), metadata=copy.deepcopy(base.metadata)
    )
    freeze(model.network, transfer.frozen_share)
    _log.info("transfer on %d points, %s held back", len(used), parts.held_back)
    fitted = points(data.subset(used), base.normalisation)
    fit(model.network, fitted, transfer, config.seed_for(seed, "fit"))
    model.network.requires_grad_(True)
    settings = config_hash(transfer, base.metadata.get("config_hash", ""))
    model.metadata["config_hash"] = settings
    model.metadata["transfer"] = describe(data, parts, model, seed) | {"base_hash": base.hash}
    return model


def freeze(network: DensityNetwork, share: float) -> int:
    """Take the first layers out of training; returns how many of them."""
    count = round(share * len(network.layers))
    for layer in network.layers[:count]:
        layer.requires_grad_(False)
    return count


def _check_features(base: DensityModel, data: FeatureSet, path: str | Path) -> None:
    pairs = {
        "descriptor": (base.descriptor, data.descriptor),
        "species": (base.species, tuple(data.valence)),
    }
    for name, (expected, found) in pairs.items():
        if expected != found:
            raise ModelError(
                f"{path}: {name} is {found}, the base model's is {expected}; sample the features "
                "of both datasets with the same settings"
            )
