"""Training a model on the small cells."""

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import rhocast
from rhocast import config
from rhocast.learning.anchors import with_anchors
from rhocast.learning.baseline import fit_baseline
from rhocast.learning.bayesian_network import DensityNetwork
from rhocast.learning.feature_file import FeatureSet, read_features
from rhocast.learning.fitting import Checkpoint, evaluate, fit
from rhocast.learning.points import Points, lowest_density, normalisation_of, remainder
from rhocast.learning.split import Split, split
from rhocast.learning.torch_device import check_device
from rhocast.learning.uncertainty import calibrated, edge_of, with_uncertainty
from rhocast.model import DensityModel

_log = logging.getLogger(__name__)


def train(
    features_path: str | Path,
    *,
    network: config.Network,
    training: config.Training,
    seed: int,
    checkpoint: str | Path | None = None,
    device: str = "cpu",
) -> DensityModel:
    """Train a model from scratch.

    On the CPU of one machine, with one number of threads, the result follows from data, settings
    and seed, whether or not the training was ended on its way. Features are read from their file
    as they are needed; it may be larger than the memory.

    Parameters
    ----------
    features_path
        Feature file of the small cells.
    network
        Shape and prior.
    training
        Schedule and the share held back.
    seed
        Of the start, the batches, the noise and what is held back.
    checkpoint
        File that the state is kept in, to go on from if the training is ended; none by default.
    device
        What the network is fitted on: ``cpu``, ``cuda``, ``cuda:1``. The model returns on the CPU.

    Returns
    -------
    DensityModel
        Its ``metadata`` hold ``valence`` (electrons of each element), ``provenance`` (how the
        densities were computed), ``config_hash`` and, under ``training``, what `describe` tells.

    Raises
    ------
    ConfigError
        If a trajectory that is to be held back is not there.
    FileFormatError
        If the feature file cannot be used.
    ModelError
        If the loss becomes NaN or infinite, or there is no such device.
    """
    data = read_features(features_path)
    return train_on(
        data, network=network, training=training, seed=seed, checkpoint=checkpoint, device=device
    )


def train_on(
    data: FeatureSet,
    *,
    network: config.Network,
    training: config.Training,
    seed: int,
    checkpoint: str | Path | None = None,
    device: str = "cpu",
) -> DensityModel:
    """Train a model on features that have been opened; everything else as in `train`."""
    rng = np.random.default_rng(config.seed_for(seed, "validation"))
    parts = split(data, training.validation_share, rng, training.validation_trajectories)
    baseline = fit_baseline(data, np.unique(data.snapshot[parts.training]))
    target = remainder(data, parts.training, baseline)
    normalisation = normalisation_of(data, parts.training, target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed_for(seed, "weights"))
        fitted = DensityNetwork(data.features.shape[1], network)
    model = DensityModel(
        network=fitted.plain(),
        parameters=network,
        descriptor=data.descriptor,
        species=tuple(data.valence),
        normalisation=normalisation,
        baseline=baseline,
        fading_density=lowest_density(data, parts.training) if baseline else 0.0,
    )
    _log.info("training on %d points, %s held back", len(target), parts.held_back)
    settings = config_hash(training, network, data.descriptor)
    key = config_hash(settings, data.sha256)
    model = fit_and_calibrate(model, fitted, data, parts, training, seed, checkpoint, key, device)
    model.metadata["valence"] = data.valence
    model.metadata["provenance"] = data.provenance
    model.metadata["config_hash"] = settings
    model.metadata["training"] = describe(data, parts, model, seed)
    return model


def fit_and_calibrate(
    model: DensityModel,
    network: DensityNetwork,
    data: FeatureSet,
    parts: Split,
    schedule: config.Training,
    seed: int,
    checkpoint: str | Path | None,
    key: str,
    device: str,
) -> DensityModel:
    """Fit a network in place; return the model with it and its uncertainty.

    Parameters
    ----------
    model
        All but the network.
    network
        With what the training begins.
    data, parts
        What to fit and what is held back.
    schedule
        Of the training.
    seed
        Of batches, noise and calibration.
    checkpoint
        File that the state is kept in; None for none.
    key
        Hash of data and settings.
    device
        What the network is fitted on.
    """
    place = check_device(device)
    fitted, held_back = (
        Points.of(data, rows, model, place) for rows in (parts.training, parts.validation)
    )
    network.to(place)
    kept = Checkpoint(Path(checkpoint), config_hash(key, str(seed))) if checkpoint else None
    fit(network, fitted, schedule, config.seed_for(seed, "fit"), held_back, kept)
    model = with_uncertainty(replace(model, network=network.plain()), network, fitted)
    model = with_anchors(model, fitted, seed)
    edge = edge_of(model, fitted, seed)
    return calibrated(model, held_back, parts.held_back, seed, edge)


def describe(data: FeatureSet, parts: Split, model: DensityModel, seed: int) -> dict[str, Any]:
    """Tell what a model was fitted to and how well it does on what was held back.

    Temperatures, volumes, cells and snapshots are those of the whole dataset, with what was held
    back.

    Returns
    -------
    dict
        ``temperatures_K`` (lowest, highest), ``volume_per_atom_bohr3`` (each once), ``cells``,
        ``kpoints`` (each mesh in words once, with its spacings per Bohr), ``closest_bohr`` (of the
        closest atoms of each pair of elements),
        ``snapshots`` (with their SHA-256), ``points``, ``data_hash``, ``seed``,
        ``rhocast_version``, and under ``validation`` ``rmse`` (e/Bohr³), ``nll`` (nats, of the
        normalised density), ``points`` and ``held_back``.
    """
    network = DensityNetwork.of(model.network, model.parameters)
    error, nll = evaluate(network, Points.of(data, parts.validation, model))
    rmse = error * float(model.normalisation.target_std)
    _log.info("validation (%s): rmse %.2e e/Bohr³, nll %.3f", parts.held_back, rmse, nll)
    return describe_data(data) | {
        "points": len(parts.training),
        "data_hash": data.sha256,
        "seed": seed,
        "rhocast_version": rhocast.__version__,
        "validation": {
            "rmse": rmse,
            "nll": nll,
            "points": len(parts.validation),
            "held_back": parts.held_back,
        },
    }


def describe_data(data: FeatureSet) -> dict[str, Any]:
    """Return those entries of `describe` that the snapshots alone determine."""
    temperatures = [record.temperature_K for record in data.records]
    return {
        "temperatures_K": [min(temperatures), max(temperatures)],
        "volume_per_atom_bohr3": sorted(
            {round(record.volume_per_atom_bohr3, 3) for record in data.records}
        ),
        "cells": sorted({record.formula for record in data.records}),
        "kpoints": _kpoints(data),
        "closest_bohr": _closest(data),
        "snapshots": {record.source: record.sha256 for record in data.records},
    }


def _kpoints(data: FeatureSet) -> list[list[Any]]:
    found = {
        (record.kpoints, tuple(round(step, 5) for step in record.kpoint_spacing_per_bohr))
        for record in data.records
        if record.kpoints
    }
    return [[words, list(spacing)] for words, spacing in sorted(found)]


def _closest(data: FeatureSet) -> dict[str, float]:
    closest: dict[str, float] = {}
    for record in data.records:
        for name, distance in record.closest_bohr.items():
            closest[name] = min(distance, closest.get(name, distance))
    return closest


def config_hash(*parts: config.Section | str) -> str:
    """SHA-256 of sections of the configuration, and of earlier such hashes."""
    plain = [part if isinstance(part, str) else part.model_dump(mode="json") for part in parts]
    text = json.dumps(plain, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
