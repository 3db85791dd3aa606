"""Transfer to larger cells: the first layers stay, the others are retrained on a small share."""

import copy
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.errors import ModelError
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.learning.feature_file import FeatureSet, read_features
from rhocast.learning.points import lowest_density
from rhocast.learning.split import split, thin
from rhocast.learning.training import config_hash, describe, fit_and_calibrate
from rhocast.model import DensityModel

_log = logging.getLogger(__name__)


def transfer(
    base: DensityModel,
    features_path: str | Path,
    *,
    transfer: config.Transfer,
    seed: int,
    checkpoint: str | Path | None = None,
    device: str = "cpu",
) -> DensityModel:
    """Retrain a model on a share of the points of larger cells.

    Normalisation and baseline stay those of the base model, or its frozen layers would mean
    something else.

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
    checkpoint, device
        As in `rhocast.learning.train`.

    Raises
    ------
    ConfigError
        If a trajectory that is to be held back is not there.
    FileFormatError
        If the feature file cannot be used.
    ModelError
        If its features, valence electrons or way of computing densities are not the base model's,
        or the loss becomes NaN or infinite.
    """
    data = read_features(features_path)
    check_features(base, data, features_path)
    rng = np.random.default_rng(config.seed_for(seed, "validation"))
    parts = split(data, transfer.validation_share, rng, transfer.validation_trajectories)
    parts = thin(parts, transfer.share, rng)

    lowest = min(base.fading_density, lowest_density(data, parts.training))
    model = replace(base, metadata=copy.deepcopy(base.metadata), fading_density=lowest)
    network = DensityNetwork.of(base.network, base.parameters)
    freeze(network, transfer.frozen_share)
    _log.info("transfer on %d points, %s held back", len(parts.training), parts.held_back)
    settings = config_hash(transfer, base.metadata.get("config_hash", ""))
    key = config_hash(settings, base.hash, data.sha256)
    model = fit_and_calibrate(model, network, data, parts, transfer, seed, checkpoint, key, device)
    model.metadata["config_hash"] = settings
    model.metadata["provenance"] = data.provenance | base.metadata.get("provenance", {})
    model.metadata["transfer"] = describe(data, parts, model, seed) | {"base_hash": base.hash}
    return model


def freeze(network: DensityNetwork, share: float) -> int:
    """Take the first layers out of training, never the last one; returns how many of them."""
    count = min(round(share * len(network.layers)), len(network.layers) - 1)
    for layer in network.layers[:count]:
        layer.requires_grad_(False)
    return count


def check_features(base: DensityModel, data: FeatureSet, path: str | Path) -> None:
    """Check that features are of the same settings as those that a model was trained on.

    Raises
    ------
    ModelError
        If they are not.
    """
    provenance = base.metadata.get("provenance", {})
    common = [key for key in data.provenance if key in provenance]  # not of absent elements
    pairs = {
        "descriptor": (base.descriptor, data.descriptor),
        "baseline": (
            base.baseline and base.baseline.parameters,
            data.baseline and data.baseline.parameters,
        ),
        "species": (base.species, tuple(data.valence)),
        "valence": (base.metadata.get("valence", data.valence), data.valence),
        **{key: (provenance[key], data.provenance[key]) for key in common},
    }
    differing = [
        f"{name} is {found}, the base model's is {expected}"
        for name, (expected, found) in pairs.items()
        if expected != found
    ]
    if differing:
        raise ModelError(
            f"{path}: {'; '.join(differing)}. Compute the densities and sample the features of "
            "both datasets with the same settings"
        )
