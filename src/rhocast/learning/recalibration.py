"""Error bars of a model made anew; its mean stays as it is, to the last bit.

In the cells that a model was trained on it has learnt the errors of the labels' k-points too; in
other cells they are others (`rhocast.model.calibration`). Densities of another cell, at
temperatures and volumes that are known, tell how large they are.
"""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.errors import ModelError
from rhocast.learning.anchors import with_anchors
from rhocast.learning.feature_file import FeatureSet, read_features
from rhocast.learning.points import Points
from rhocast.learning.split import split
from rhocast.learning.training import describe_data
from rhocast.learning.transfer_learning import check_features
from rhocast.learning.uncertainty import calibrated, edge_of, uncalibrated
from rhocast.model import DensityModel

_log = logging.getLogger(__name__)


def recalibrate(
    model: DensityModel,
    features_path: str | Path,
    *,
    training: config.Training,
    other_cells_path: str | Path | None = None,
) -> DensityModel:
    """Return the model with its σ calibrated anew, with anchors and a description of its data.

    Parameters
    ----------
    model
        The model, as it was trained; network and posterior of the last layer stay.
    features_path
        Feature file that it was trained on.
    training
        With what was held back then.
    other_cells_path
        Feature file of cells that it was not trained on, for σ_r; without it σ_r is zero.

    Raises
    ------
    FileFormatError
        If a feature file cannot be used.
    ModelError
        If the features are of other snapshots or settings than those trained on, or the other cells
        are none.
    """
    data = read_features(features_path)
    _check_snapshots(model, data, features_path)
    check_features(model, data, features_path)
    seed = model.metadata["training"]["seed"]
    rng = np.random.default_rng(config.seed_for(seed, "validation"))
    parts = split(data, training.validation_share, rng, training.validation_trajectories)
    fitted, held_back = (
        Points.of(data, rows, model) for rows in (parts.training, parts.validation)
    )
    model = with_anchors(model, fitted, seed)
    model = calibrated(model, held_back, parts.held_back, seed, edge_of(model, fitted, seed))
    known = model.metadata["training"] | describe_data(data)
    model = replace(model, metadata=model.metadata | {"training": known})
    if other_cells_path is None:
        return model
    others = read_features(other_cells_path)
    check_features(model, others, other_cells_path)
    trained = set(model.metadata["training"]["cells"])
    if known := sorted({record.formula for record in others.records} & trained):
        raise ModelError(
            f"{other_cells_path}: expected cells that the model was not trained on, found "
            f"{', '.join(known)}; sample the features of larger ones"
        )
    return _with_reference(model, others, seed)


def calibrate_on_other_cells(model: DensityModel, features_path: str | Path) -> DensityModel:
    """Return a base model whose σ holds in other cells, too; its mean stays.

    Parameters
    ----------
    model
        The model, calibrated on the cells that it was trained on.
    features_path
        Feature file of the cells that it is transferred to. Those of a composition and size that
        the model was trained on are left out; if all are, the model is returned as it is.

    Raises
    ------
    FileFormatError
        If the feature file cannot be used.
    ModelError
        If its features are made otherwise than those trained on.
    """
    data = read_features(features_path)
    check_features(model, data, features_path)
    trained = model.metadata["training"].get("cells", ())  # earlier versions did not tell them
    others = [n for n, record in enumerate(data.records) if record.formula not in trained]
    if not others:
        return model
    return _with_reference(model, data.of_snapshots(others), model.metadata["training"]["seed"])


def _with_reference(model: DensityModel, data: FeatureSet, seed: int) -> DensityModel:
    """Return the model with σ_r fitted to features of other cells."""
    calibrations = {}
    points = Points.of(data, np.arange(len(data)), model)
    for kind, *errors in uncalibrated(model, points, seed):
        calibrations[kind] = model.calibrations[kind].with_reference(*errors)
        _log.info("%s: σ_r %.2e e/Bohr³ in other cells", kind, calibrations[kind].reference)
    return replace(model, calibrations=calibrations)


def _check_snapshots(model: DensityModel, data: FeatureSet, path: str | Path) -> None:
    found = {record.source: record.sha256 for record in data.records}
    if found != model.metadata["training"]["snapshots"]:
        raise ModelError(
            f"{path}: expected features of the snapshots that the model was trained on, "
            "found those of others; name the feature file that `rhocast train` has read"
        )
