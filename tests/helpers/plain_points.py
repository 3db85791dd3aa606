"""Points that are normalised already, for tests of what is done with them."""

from pathlib import Path

import numpy as np
import torch
from known_density import DESCRIPTOR, VALENCE

from rhocast.learning.feature_file import FeatureSet, SnapshotRecord
from rhocast.learning.points import Points
from rhocast.model import Normalisation


def make_set(features, target, groups) -> FeatureSet:
    """Spread points evenly over one snapshot of each of the groups."""
    snapshot = (np.arange(len(target)) * len(groups) // len(target)).astype(np.int32)
    records = tuple(
        SnapshotRecord(f"{group}/{i}.h5", group, 300.0, "Al4", 4, 112.0, "")
        for i, group in enumerate(groups)
    )
    path = Path("made.h5")
    return FeatureSet(features, target, snapshot, records, DESCRIPTOR, VALENCE, {}, "", path)


def plain_points(features: torch.Tensor, target: torch.Tensor, groups=("a", "b")) -> Points:
    """Take features (p, d) and targets (p,) as they are."""
    width = features.shape[1]
    same = Normalisation(
        np.zeros(width, np.float32), np.ones(width, np.float32), np.float32(0), np.float32(1)
    )
    data = make_set(features.numpy(), target.numpy(), groups)
    return Points(data, np.arange(len(target)), data.target, same)
