"""A trained model: the network with all that inference needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from rhocast import config
from rhocast.errors import ModelError
from rhocast.model.checkpoint import content_hash, read_checkpoint, write_checkpoint
from rhocast.model.network import DensityNetwork
from rhocast.model.shipped import model_path

#: Points that go through the network at a time, so that its layers stay in cache.
BATCH = 4096

#: Drawn weights and biases by parameter name.
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Normalisation:
    """Shift and scale that give features and target zero mean and unit variance.

    Attributes
    ----------
    feature_mean, feature_std : (d,) float32 tensors
    target_mean, target_std : () float32 tensors
        e/Bohr³.
    """

    feature_mean: Tensor
    feature_std: Tensor
    target_mean: Tensor
    target_std: Tensor

    @classmethod
    def of(cls, features: np.ndarray, target: np.ndarray) -> "Normalisation":
        """Measure features (p, d) and target (p,); a constant feature keeps its scale."""
        feature_std = features.std(axis=0, dtype=np.float64)
        statistics = (
            features.mean(axis=0, dtype=np.float64),
            np.where(feature_std > 1e-6, feature_std, 1.0),
            target.mean(dtype=np.float64),
            target.std(dtype=np.float64) or 1.0,
        )
        return cls(*(torch.tensor(value, dtype=torch.float32) for value in statistics))

    def features(self, values: Tensor) -> Tensor:
        """Normalise features (p, d)."""
        return (values - self.feature_mean) / self.feature_std

    def target(self, values: Tensor) -> Tensor:
        """Normalise densities (p,)."""
        return (values - self.target_mean) / self.target_std

    def density(self, values: Tensor) -> Tensor:
        """Turn the network's mean back into e/Bohr³."""
        return values * self.target_std + self.target_mean

    def to(self, device: torch.device) -> "Normalisation":
        """Return a copy on another device."""
        return Normalisation(**{name: tensor.to(device) for name, tensor in vars(self).items()})


@dataclass(frozen=True)
class Prediction:
    """Densities with their uncertainty; (p,) float32 arrays, e/Bohr³.

    Attributes
    ----------
    mean
        With the mean weights.
    aleatoric_std
        The noise that the network predicts.
    epistemic_std
        Spread over the weights' posterior; None if no weights were drawn.
    """

    mean: np.ndarray
    aleatoric_std: np.ndarray
    epistemic_std: np.ndarray | None = None

    @property
    def total_std(self) -> np.ndarray:
        """Square root of the sum of the variances (paper, Eq. 4)."""
        if self.epistemic_std is None:
            return self.aleatoric_std
        return np.hypot(self.aleatoric_std, self.epistemic_std)


@dataclass(frozen=True)
class DensityModel:
    """The network, what its inputs are, and where it comes from.

    Attributes
    ----------
    network
        In evaluation mode.
    parameters
        Shape of the network.
    descriptor
        Makes its features.
    species
        Chemical symbols, in the order of the descriptor's blocks.
    normalisation
        Of features and target.
    metadata
        What the user may want to know: training range, metrics, hashes. Anything JSON can hold.
    """

    network: DensityNetwork
    parameters: config.Network
    descriptor: config.Descriptor
    species: tuple[str, ...]
    normalisation: Normalisation
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def n_features(self) -> int:
        """Length d of the feature vector."""
        return len(self.normalisation.feature_mean)

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return self.network.head.weight.device

    @property
    def hash(self) -> str:
        """SHA-256 of tensors and metadata."""
        return content_hash(self._tensors(), self._record())

    def draw(self, samples: int, seed: int = 0) -> list[Weights]:
        """Draw sets of weights, for the epistemic part of `predict`.

        Parameters
        ----------
        samples
            N_s, how many sets; 0 gives none.
        seed
            The draws follow from it alone: every rank gets the same weights, and the epistemic
            deviation is one function of space.

        Raises
        ------
        ModelError
            If one draw is asked for, which has no spread.
        """
        if samples == 1:
            raise ModelError("samples: expected 0 or at least 2, one draw has no spread; found 1")
        return self.network.draw_weights(samples, seed)

    def predict(self, features: np.ndarray, draws: Sequence[Weights] = ()) -> Prediction:
        """Predict the density at points.

        Parameters
        ----------
        features : (p, d) float32 array
            From the model's descriptor.
        draws
            From `draw`; without them the epistemic part is left out.

        Raises
        ------
        ModelError
            If the features are of another width than the model's.
        """
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise ModelError(
                f"features: expected shape (p, {self.n_features}) for the model's descriptor "
                f"{self.descriptor}, found {features.shape}"
            )
        parts = [
            self._predict_batch(torch.from_numpy(features[start : start + BATCH]), draws)
            for start in range(0, len(features), BATCH)
        ] or [torch.empty(2 + bool(draws), 0)]
        values = torch.cat(parts, dim=1).numpy()
        return Prediction(*values)

    @torch.inference_mode()
    def _predict_batch(self, features: Tensor, draws: Sequence[Weights]) -> Tensor:
        """Mean, aleatoric and, with draws, epistemic deviation, as rows, on the CPU."""
        inputs = self.normalisation.features(features.to(self.device))
        mean, std = self.network(inputs)
        rows = [self.normalisation.density(mean), std * self.normalisation.target_std]
        if draws:
            drawn = torch.stack([functional_call(self.network, w, (inputs,))[0] for w in draws])
            rows.append(drawn.std(dim=0) * self.normalisation.target_std)
        return torch.stack(rows).cpu()

    def save(self, path: str | Path) -> None:
        """Write the model file."""
        write_checkpoint(path, self._tensors(), self._record())

    @classmethod
    def load(cls, name: str | Path, device: str | torch.device = "cpu") -> "DensityModel":
        """Read a model.

        Parameters
        ----------
        name
            A model file, else the name of a shipped model.
        device
            Where to put the network.

        Raises
        ------
        ModelError
            If there is no such model, or the file is truncated, damaged, of another format version
            or no Rhocast model.
        """
        tensors, record = read_checkpoint(model_path(name))
        normalisation = Normalisation(
            **{name: tensors.pop(f"normalisation.{name}") for name in Normalisation.__annotations__}
        )
        parameters = config.Network.model_validate(record["network"])
        with torch.device("meta"):  # no weights are drawn only to be overwritten
            network = DensityNetwork(len(normalisation.feature_mean), parameters)
        network.load_state_dict(tensors, assign=True)
        return cls(
            network=network.eval().to(device),
            parameters=parameters,
            descriptor=config.Descriptor.model_validate(record["descriptor"]),
            species=tuple(record["species"]),
            normalisation=normalisation.to(torch.device(device)),
            metadata=record["metadata"],
        )

    def _tensors(self) -> dict[str, Tensor]:
        normalisation = vars(self.normalisation).items()
        return self.network.state_dict() | {f"normalisation.{k}": v for k, v in normalisation}

    def _record(self) -> dict[str, Any]:
        return {
            "network": self.parameters.model_dump(),
            "descriptor": self.descriptor.model_dump(),
            "species": list(self.species),
            "metadata": self.metadata,
        }
