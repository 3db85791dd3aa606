"""A trained model: the network with all that inference needs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from rhocast import config, descriptors
from rhocast.descriptors import BoundDescriptor, PseudoAtoms
from rhocast.descriptors.pseudo_atoms import BoundPseudoAtoms
from rhocast.errors import ModelError
from rhocast.model.calibration import Calibration
from rhocast.model.certificate import Certificate
from rhocast.model.checkpoint import content_hash, read_checkpoint, write_checkpoint
from rhocast.model.network import DensityNetwork
from rhocast.model.normalisation import Normalisation, Prediction
from rhocast.model.record import from_record, to_record
from rhocast.model.shipped import model_path
from rhocast.model.spread import LastLayer
from rhocast.model.training_range import TrainingRange
from rhocast.structures import Structure

#: Points that go through the network at a time, so that its layers stay in cache.
BATCH = 4096

#: Drawn weights and biases by parameter name.
Weights = dict[str, Tensor]


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
    baseline
        Density that the network corrects; None if it gives all of it.
    last_layer
        Posterior of the last layer, for the fast uncertainty; None in models without it.
    training_range
        Features that were trained on; None in models without it.
    calibrations
        Of both standard deviations, by kind of uncertainty: ``fast`` and ``sampled``. Those of a
        kind that is not there are left as they are.
    certificate
        How coarse a mesh suffices; None if nobody has measured it.
    metadata
        What the user may want to know: training range, metrics, hashes. Anything JSON can hold.
    """

    network: DensityNetwork
    parameters: config.Network
    descriptor: config.Descriptor
    species: tuple[str, ...]
    normalisation: Normalisation
    baseline: PseudoAtoms | None = None
    last_layer: LastLayer | None = None
    training_range: TrainingRange | None = None
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    certificate: Certificate | None = None
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
        return content_hash(*to_record(self))

    def to(self, device: str | torch.device) -> "DensityModel":
        """Move the network to a device, in place; return the model with what belongs to it."""
        device = torch.device(device)
        return replace(
            self,
            network=self.network.to(device),
            normalisation=self.normalisation.to(device),
            last_layer=self.last_layer and self.last_layer.to(device),
            training_range=self.training_range and self.training_range.to(device),
        )

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

    def bind(
        self,
        structure: Structure,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
    ) -> "BoundModel":
        """Gather what depends on the atoms alone, for points in a box (fractional corners).

        Raises
        ------
        ModelError
            If the structure holds an element that the model has never seen.
        """
        descriptor = descriptors.make(self.descriptor, self.species)
        baseline = self.baseline.bind(structure, lower, upper) if self.baseline else None
        return BoundModel(self, descriptor.bind(structure, lower, upper), baseline)

    def predict(
        self, features: np.ndarray, draws: Sequence[Weights] = (), fast: bool = False
    ) -> Prediction:
        """Predict the density at points, less the baseline.

        Parameters
        ----------
        features : (p, d) float32 array
            From the model's descriptor.
        draws
            From `draw`, for the sampled uncertainty.
        fast
            Compute the fast uncertainty instead. Without either the epistemic part is left out.

        Raises
        ------
        ModelError
            If the features are of another width than the model's, or the model has no fast
            uncertainty.
        """
        if fast:
            self.check_last_layer()
        if features.ndim != 2 or features.shape[1] != self.n_features:
            raise ModelError(
                f"features: expected shape (p, {self.n_features}) for the model's descriptor "
                f"{self.descriptor}, found {features.shape}"
            )
        parts = [
            self._predict_batch(torch.from_numpy(features[start : start + BATCH]), draws, fast)
            for start in range(0, len(features), BATCH)
        ] or [torch.empty(2 + bool(fast or draws), 0)]
        mean, *stds = torch.cat(parts, dim=1).numpy()
        if stds[1:]:
            calibration = self.calibrations.get("fast" if fast else "sampled", Calibration())
            stds = list(calibration(*stds))
        return Prediction(mean, *stds)

    @torch.inference_mode()
    def _predict_batch(self, features: Tensor, draws: Sequence[Weights], fast: bool) -> Tensor:
        """Mean, aleatoric and, if asked for, epistemic deviation, as rows, on the CPU."""
        inputs = self.normalisation.features(features.to(self.device))
        hidden = self.network.hidden(inputs)
        mean, std = self.network.outputs(hidden)
        rows = [self.normalisation.density(mean), std * self.normalisation.target_std]
        if fast and self.last_layer is not None:
            rows.append(self.last_layer(hidden) * self.normalisation.target_std)
        elif draws:
            drawn = torch.stack([functional_call(self.network, w, (inputs,))[0] for w in draws])
            rows.append(drawn.std(dim=0) * self.normalisation.target_std)
        return torch.stack(rows).cpu()

    def check_last_layer(self) -> LastLayer:
        """Return the posterior of the last layer.

        Raises
        ------
        ModelError
            If the model has none.
        """
        if self.last_layer is None:
            raise ModelError(
                "uncertainty: this model holds no `fast` one, it comes from an earlier version; "
                "train it again, or ask for `sampled`"
            )
        return self.last_layer

    @torch.inference_mode()
    def is_outside(self, features: np.ndarray) -> np.ndarray:
        """Tell for features (p, d) which points are unlike those trained on; (p,) bool.

        See `rhocast.model.training_range`.

        Raises
        ------
        ModelError
            If the model does not know its training range.
        """
        if self.training_range is None:
            raise ModelError(
                "this model does not know its training range, it comes from an earlier version; "
                "train it again"
            )
        inputs = self.normalisation.features(torch.from_numpy(features).to(self.device))
        distance = self.training_range.distance(inputs)
        return (distance > self.training_range.limit).numpy(force=True)

    def save(self, path: str | Path) -> None:
        """Write the model file."""
        write_checkpoint(path, *to_record(self))

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
            If there is no such model, or the file is truncated, damaged, of another version or no
            Rhocast model.
        """
        return cls(**from_record(*read_checkpoint(model_path(name)), name, torch.device(device)))


@dataclass(frozen=True)
class BoundModel:
    """A model of one structure, ready for points.

    Attributes
    ----------
    model
        The network and its normalisation.
    descriptor
        Makes its features.
    baseline
        What is added to its mean; None for nothing.
    """

    model: DensityModel
    descriptor: BoundDescriptor
    baseline: BoundPseudoAtoms | None

    def __call__(
        self, points: np.ndarray, draws: Sequence[Weights] = (), fast: bool = False
    ) -> Prediction:
        """Predict at points (p, 3), Bohr; ``draws`` and ``fast`` as in `DensityModel.predict`."""
        prediction = self.model.predict(self.descriptor(points), draws, fast)
        if self.baseline is None:
            return prediction
        mean = (self.baseline(points) + prediction.mean).astype(np.float32)
        return replace(prediction, mean=mean)
