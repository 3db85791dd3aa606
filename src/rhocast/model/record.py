"""A model as tensors and a record of all else, and back."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rhocast import config
from rhocast.descriptors import PseudoAtoms
from rhocast.errors import ModelError
from rhocast.model.calibration import Calibration
from rhocast.model.certificate import Certificate
from rhocast.model.network import DensityNetwork
from rhocast.model.normalisation import Normalisation
from rhocast.model.spread import LastLayer
from rhocast.model.training_range import TrainingRange

if TYPE_CHECKING:
    from rhocast.model.density_model import DensityModel


def to_record(model: "DensityModel") -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a model and what JSON can hold; what it has not got is left out."""
    tensors = model.network.state_dict()
    tensors |= {f"normalisation.{k}": v for k, v in vars(model.normalisation).items()}
    record: dict[str, Any] = {
        "network": model.parameters.model_dump(),
        "descriptor": model.descriptor.model_dump(),
        "species": list(model.species),
        "metadata": model.metadata,
    }
    if model.baseline is not None:
        record["baseline"] = model.baseline.parameters.model_dump(exclude_none=True)
        tensors["baseline.tables"] = torch.from_numpy(model.baseline.tables)
        if model.baseline.multipoles is not None:
            tensors["baseline.multipoles"] = torch.from_numpy(model.baseline.multipoles)
    if model.last_layer is not None:
        tensors["last_layer.factor"] = model.last_layer.factor
    if model.training_range is not None:
        tensors["training_range.factor"] = model.training_range.factor
        record["training_range"] = {
            "limit": model.training_range.limit,
            "usual_share": model.training_range.usual_share,
        }
    if model.calibrations:
        record["calibrations"] = {kind: asdict(c) for kind, c in model.calibrations.items()}
    if model.certificate is not None:
        record["certificate"] = asdict(model.certificate)
    return tensors, record


def from_record(
    tensors: dict[str, Tensor], record: dict[str, Any], name: str | Path, device: torch.device
) -> dict[str, Any]:
    """Return the attributes of a model, which ``name`` stands for in messages.

    Parameters
    ----------
    tensors
        Used up.
    record
        What `to_record` returns beside them.
    name
        Of the file.
    device
        Where to put the network.

    Raises
    ------
    ModelError
        If there is no such descriptor.
    """
    try:
        descriptor = config.parse_descriptor(record["descriptor"])
    except ValueError as error:
        raise ModelError(
            f"{name}: this program has no such descriptor as {record['descriptor']}; use the "
            "version of rhocast that wrote the model, or train it again"
        ) from error
    normalisation = Normalisation(
        **{key: tensors.pop(f"normalisation.{key}") for key in Normalisation.__annotations__}
    )
    last_layer = training_range = certificate = None
    if "last_layer.factor" in tensors:
        last_layer = LastLayer(tensors.pop("last_layer.factor").to(device))
    if "training_range" in record:
        factor = tensors.pop("training_range.factor").to(device)
        training_range = TrainingRange(factor, **record["training_range"])
    if "certificate" in record:
        values = record["certificate"]
        certificate = Certificate(**values | {"densities": tuple(values["densities"])})
    baseline = _baseline(tensors, record)
    parameters = config.Network.model_validate(record["network"])
    with torch.random.fork_rng(devices=[]):  # what is drawn here is overwritten at once
        network = DensityNetwork(len(normalisation.feature_mean), parameters)
    network.load_state_dict(tensors, assign=True)  # all that is left
    return {
        "network": network.eval().to(device),
        "parameters": parameters,
        "descriptor": descriptor,
        "species": tuple(record["species"]),
        "normalisation": normalisation.to(device),
        "baseline": baseline,
        "last_layer": last_layer,
        "training_range": training_range,
        "calibrations": {
            kind: Calibration(**values) for kind, values in record.get("calibrations", {}).items()
        },
        "certificate": certificate,
        "metadata": record["metadata"],
    }


def _baseline(tensors: dict[str, Tensor], record: dict[str, Any]) -> PseudoAtoms | None:
    if "baseline" not in record:
        return None
    multipoles = tensors.pop("baseline.multipoles", None)
    return PseudoAtoms(
        config.Baseline.model_validate(record["baseline"]),
        tuple(record["species"]),
        tensors.pop("baseline.tables").numpy(),
        None if multipoles is None else multipoles.numpy(),
    )
