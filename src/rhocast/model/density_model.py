"""A trained model as plain arrays: the network with all that prediction needs, and its file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rhocast import config, descriptors
from rhocast.descriptors import BoundDescriptor, PseudoAtoms
from rhocast.descriptors.pseudo_atoms import BoundPseudoAtoms
from rhocast.descriptors.tiles import check_species
from rhocast.errors import ModelError
from rhocast.model.assembly import parts_of
from rhocast.model.calibration import Calibration
from rhocast.model.certificate import Certificate
from rhocast.model.checkpoint import content_hash, read_checkpoint, write_checkpoint
from rhocast.model.fading import faded, faded_stds
from rhocast.model.network import Network
from rhocast.model.normalisation import Normalisation, Prediction
from rhocast.model.shipped import model_path
from rhocast.model.spread import LastLayer
from rhocast.model.training_range import TrainingRange
from rhocast.structures import Structure

#: Points that go through the network at a time, so that its layers stay in cache.
BATCH = 4096


@dataclass(frozen=True)
class DensityModel:
    """The network, what its inputs are, and where it comes from.

    Attributes
    ----------
    network
        Its weights.
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
    fading_density
        The correction fades where the baseline is lower, e/Bohr³: the lowest density trained on; 0
        in models without a baseline and of earlier versions, whose correction fades nowhere.
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

    network: Network
    parameters: config.Network
    descriptor: config.Descriptor
    species: tuple[str, ...]
    normalisation: Normalisation
    baseline: PseudoAtoms | None = None
    fading_density: float = 0.0
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
    def cutoff_bohr(self) -> float:
        """Distance beyond which atoms do not matter to the density at a point, Bohr."""
        baseline = 0.0 if self.baseline is None else self.baseline.cutoff_bohr
        return max(descriptors.make(self.descriptor, self.species).cutoff_bohr, baseline)

    @property
    def reach_bohr(self) -> float:
        """Distance from its points within which the model must be given all atoms, Bohr."""
        baseline = None if self.baseline is None else self.baseline.parameters
        return descriptors.reach_bohr(self.descriptor, baseline, self.species)

    @property
    def hash(self) -> str:
        """SHA-256 of arrays and metadata."""
        return content_hash(self.arrays(), self.record())

    def draw(self, samples: int, seed: int = 0) -> list[Network]:
        """Draw networks, for the epistemic part of `predict`.

        Parameters
        ----------
        samples
            N_s, how many; 0 gives none.
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
        return self.network.draw(samples, seed)

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
        check_species(structure, self.species)
        return BoundModel(self, structure, lower, upper)

    def predict(
        self, features: np.ndarray, draws: Sequence[Network] = (), fast: bool = False
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
            self._predict_batch(features[start : start + BATCH], draws, fast)
            for start in range(0, len(features), BATCH)
        ] or [np.empty((2 + bool(fast or draws), 0), dtype=np.float32)]
        mean, *stds = np.concatenate(parts, axis=1)
        if stds[1:]:
            calibration = self.calibrations.get("fast" if fast else "sampled", Calibration())
            stds = list(calibration(*stds))
        return Prediction(mean, *stds)

    def _predict_batch(
        self, features: np.ndarray, draws: Sequence[Network], fast: bool
    ) -> np.ndarray:
        """Mean, aleatoric and, if asked for, epistemic deviation, as rows; float32."""
        inputs = self.normalisation.features(features)
        hidden = self.network.hidden(inputs)
        mean, std = self.network.outputs(hidden)
        unit = self.normalisation.target_std
        rows = [self.normalisation.density(mean), std * unit]
        if fast and self.last_layer is not None:
            rows.append(self.last_layer(hidden) * unit)
        elif draws:
            # method.md, Eq. 32
            drawn = np.stack([network(inputs)[0] for network in draws])
            rows.append(drawn.std(axis=0, ddof=1) * unit)
        return np.stack(rows)

    @property
    def default_uncertainty(self) -> str:
        """Kind of standard deviations that cost next to nothing: ``fast``, else ``none``."""
        return "none" if self.last_layer is None else "fast"

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

    def without_reference(self) -> "DensityModel":
        """Return the model with σ_r, the error of other cells' k-points, left out of its σ."""
        calibrations = {kind: replace(c, reference=0.0) for kind, c in self.calibrations.items()}
        return replace(self, calibrations=calibrations)

    def is_outside(self, inputs: np.ndarray) -> np.ndarray:
        """Tell for normalised features (p, d) which points are unlike those trained on; (p,) bool.

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
        return self.training_range.distance(inputs) > self.training_range.limit

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays, by the names that they have in the file."""
        arrays = self.network.arrays()
        arrays |= {
            f"normalisation.{name}": array for name, array in vars(self.normalisation).items()
        }
        if self.baseline is not None:
            arrays["baseline.tables"] = self.baseline.tables
            if self.baseline.multipoles is not None:
                arrays["baseline.multipoles"] = self.baseline.multipoles
            if self.baseline.products is not None:
                arrays["baseline.products"] = self.baseline.products
        if self.last_layer is not None:
            arrays["last_layer.factor"] = self.last_layer.factor
        if self.training_range is not None:
            arrays["training_range.factor"] = self.training_range.factor
            if self.training_range.anchors is not None:
                arrays["training_range.anchors"] = self.training_range.anchors
        return arrays

    def record(self) -> dict[str, Any]:
        """Return all else, as JSON can hold it; what the model has not got is left out."""
        record: dict[str, Any] = {
            "network": self.parameters.model_dump(),
            "descriptor": self.descriptor.model_dump(),
            "species": list(self.species),
            "metadata": self.metadata,
        }
        if self.baseline is not None:
            record["baseline"] = self.baseline.parameters.model_dump(exclude_none=True)
        if self.fading_density:
            record["fading_density"] = self.fading_density
        if self.training_range is not None:
            record["training_range"] = {
                "limit": self.training_range.limit,
                "usual_share": self.training_range.usual_share,
            }
            if self.training_range.usual_spread is not None:
                record["training_range"]["usual_spread"] = self.training_range.usual_spread
        if self.calibrations:
            record["calibrations"] = {
                kind: {name: value for name, value in asdict(c).items() if value}
                for kind, c in self.calibrations.items()
            }
        if self.certificate is not None:
            record["certificate"] = asdict(self.certificate)
        return record

    def save(self, path: str | Path) -> None:
        """Write the model file."""
        write_checkpoint(path, self.arrays(), self.record())

    @classmethod
    def load(cls, name: str | Path) -> "DensityModel":
        """Read a model.

        Parameters
        ----------
        name
            A model file, else the name of a shipped model.

        Raises
        ------
        ModelError
            If there is no such model, or the file is truncated, damaged, of another version or no
            Rhocast model.
        """
        arrays, record = read_checkpoint(model_path(name))
        return cls(**parts_of(arrays, record, name))


@dataclass(frozen=True)
class BoundModel:
    """A model of one structure, ready for points.

    Attributes
    ----------
    model
        The network and its normalisation.
    structure
        Atoms and cell.
    lower, upper : (3,) arrays
        Fractional corners of the box that the points lie in; None for the whole cell.
    """

    model: DensityModel
    structure: Structure
    lower: np.ndarray | None
    upper: np.ndarray | None

    @cached_property
    def descriptor(self) -> BoundDescriptor:
        """Makes the features."""
        made = descriptors.make(self.model.descriptor, self.model.species)
        return made.bind(self.structure, self.lower, self.upper)

    @cached_property
    def baseline(self) -> BoundPseudoAtoms | None:
        """What is added to the network's mean; None for nothing."""
        baseline = self.model.baseline
        return None if baseline is None else baseline.bind(self.structure, self.lower, self.upper)

    def __call__(
        self, points: np.ndarray, draws: Sequence[Network] = (), fast: bool = False
    ) -> Prediction:
        """Predict at points (p, 3), Bohr; ``draws`` and ``fast`` as in `DensityModel.predict`."""
        prediction = self.model.predict(self.descriptor(points), draws, fast)
        if self.baseline is None:
            return prediction
        baseline = self.baseline(points)
        lowest = self.model.fading_density
        mean = (baseline + faded(prediction.mean, baseline, lowest)).astype(np.float32)
        if prediction.epistemic_std is None:
            return replace(prediction, mean=mean)
        stds = faded_stds(mean, prediction.aleatoric_std, prediction.epistemic_std, lowest)
        return Prediction(mean, *stds)
