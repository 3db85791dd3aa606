"""Points as the network takes them: normalised, batch by batch, from where they lie.

The features of a large dataset stay in its file. What is held of each point is its target, the
number of its snapshot and its place in the order of the batches, some 20 bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rhocast.descriptors import PseudoAtoms
from rhocast.learning.feature_file import FeatureSet
from rhocast.model import DensityModel, Normalisation

#: Points that are gone through at a time.
BLOCK = 8192


@dataclass(frozen=True)
class Points:
    """Some points of a dataset, normalised as they are taken.

    Attributes
    ----------
    data
        The dataset.
    rows : (p,) int array
        Which of its points.
    target : (p,) float32 array
        What the network has to learn there, e/Bohr³.
    normalisation
        Of features and target.
    device
        Where what is taken lies; None for the processor.
    """

    data: FeatureSet
    rows: np.ndarray
    target: np.ndarray
    normalisation: Normalisation
    device: torch.device | None = None

    @classmethod
    def of(
        cls,
        data: FeatureSet,
        rows: np.ndarray,
        model: DensityModel,
        device: torch.device | None = None,
    ) -> "Points":
        """Return points of a dataset as the network of a model takes them."""
        return cls(data, rows, remainder(data, rows, model.baseline), model.normalisation, device)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: np.ndarray | slice) -> tuple[Tensor, Tensor]:
        """Return the features (b, d) and targets (b,) of some of the points, normalised."""
        features = self.normalisation.features(np.asarray(self.data.features[self.rows[which]]))
        target = self.normalisation.target(self.target[which])
        device = self.device or torch.device("cpu")
        return torch.from_numpy(features).to(device), torch.from_numpy(target).to(device)

    def batches(self, size: int = 4096) -> Iterator[tuple[Tensor, Tensor]]:
        """Go through all points in order."""
        return (self.take(part) for part in _parts(len(self), size))

    def extreme(self, which: np.ndarray) -> tuple[float, str]:
        """Return the target that is furthest from zero, and the snapshot that it comes from."""
        target = np.nan_to_num(np.abs(self.target[which]), nan=np.inf)
        worst = which[target.argmax()]
        return float(self.target[worst]), self.data.source(self.rows[worst])


def lowest_density(data: FeatureSet, rows: np.ndarray) -> float:
    """Return the lowest density at some points, e/Bohr³; 0 if any is negative."""
    return max(float(data.target[rows].min()), 0.0)


def remainder(data: FeatureSet, rows: np.ndarray, baseline: PseudoAtoms | None) -> np.ndarray:
    """Compute what the network has to learn: density less baseline, (p,) float32, e/Bohr³."""
    target = data.target[rows]
    if data.baseline is not None and baseline is not None:
        for part in _parts(len(rows), BLOCK):
            target[part] -= data.baseline.sums[rows[part]] @ baseline.fitted
    return target


def normalisation_of(data: FeatureSet, rows: np.ndarray, target: np.ndarray) -> Normalisation:
    """Measure features and target (p,) of some points, a block at a time."""
    shift = data.features[rows[:BLOCK]].mean(axis=0, dtype=np.float64)
    total, squares = np.zeros_like(shift), np.zeros_like(shift)
    for part in _parts(len(rows), BLOCK):
        features = data.features[rows[part]] - shift
        total += features.sum(axis=0)
        squares += (features**2).sum(axis=0)
    mean = total / len(rows)
    variance = np.maximum(squares / len(rows) - mean**2, 0.0)
    return Normalisation.from_moments(
        shift + mean, variance, target.mean(dtype=np.float64), target.var(dtype=np.float64)
    )


def _parts(count: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, count, size))
