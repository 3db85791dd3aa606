"""The parts of a model, from the arrays and the record of its file."""

from pathlib import Path
from typing import Any

import numpy as np

from rhocast import config
from rhocast.descriptors import PseudoAtoms
from rhocast.errors import ModelError
from rhocast.model.calibration import Calibration
from rhocast.model.certificate import Certificate
from rhocast.model.network import Network
from rhocast.model.normalisation import Normalisation
from rhocast.model.spread import LastLayer
from rhocast.model.training_range import TrainingRange


def parts_of(
    arrays: dict[str, np.ndarray], record: dict[str, Any], name: str | Path
) -> dict[str, Any]:
    """Return what a `DensityModel` is made of, by the names of its attributes.

    Parameters
    ----------
    arrays, record
        As `DensityModel.arrays` and `DensityModel.record` give them.
    name
        Of the file, for messages.

    Raises
    ------
    ModelError
        If there is no such descriptor.
    """
    parameters = config.Network.model_validate(record["network"])
    statistics = {part: arrays[f"normalisation.{part}"] for part in Normalisation.__annotations__}
    calibrations = record.get("calibrations", {})
    return {
        "network": Network.of(arrays, parameters),
        "parameters": parameters,
        "descriptor": _descriptor(record["descriptor"], name),
        "species": tuple(record["species"]),
        "normalisation": Normalisation(**statistics),
        "baseline": _baseline(arrays, record),
        "fading_density": record.get("fading_density", 0.0),
        "last_layer": _last_layer(arrays),
        "training_range": _training_range(arrays, record),
        "calibrations": {kind: Calibration(**values) for kind, values in calibrations.items()},
        "certificate": _certificate(record),
        "metadata": record["metadata"],
    }


def _descriptor(values: dict[str, Any], name: str | Path) -> config.Descriptor:
    try:
        return config.parse_descriptor(values)
    except ValueError as error:
        raise ModelError(
            f"{name}: this program has no such descriptor as {values}; use the version of rhocast "
            "that wrote the model, or train it again"
        ) from error


def _baseline(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> PseudoAtoms | None:
    if "baseline" not in record:
        return None
    return PseudoAtoms(
        config.Baseline.model_validate(record["baseline"]),
        tuple(record["species"]),
        arrays["baseline.tables"],
        arrays.get("baseline.multipoles"),
        arrays.get("baseline.products"),
    )


def _last_layer(arrays: dict[str, np.ndarray]) -> LastLayer | None:
    factor = arrays.get("last_layer.factor")
    return None if factor is None else LastLayer(factor)


def _training_range(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> TrainingRange | None:
    if "training_range" not in record:
        return None
    known = arrays["training_range.factor"], arrays.get("training_range.anchors")
    return TrainingRange(factor=known[0], anchors=known[1], **record["training_range"])


def _certificate(record: dict[str, Any]) -> Certificate | None:
    if "certificate" not in record:
        return None
    values = record["certificate"]
    return Certificate(**values | {"densities": tuple(values["densities"])})
