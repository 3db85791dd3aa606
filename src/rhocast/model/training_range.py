"""Training range: how far the features of a point lie from those that were trained on.

method.md, Eq. 34.

The measure is the Mahalanobis distance |L x| of the normalised features x, with Lᵀ L the inverse of
their covariance. It grows without bound in every direction, which the values of a hidden layer need
not do. Points beyond the distance that 99 % of the points trained on keep to lie outside. In
crystals near melting more of them do than in cold ones; `usual_share` is the largest share that a
snapshot trained on has shown. `rhocast.learning.uncertainty` fits it.

A vacancy lies inside: between crystals and liquids, where the training has no point either. The
distance to the nearest of some points trained on, the anchors, tells it, but liquids have larger
distances everywhere than a vacancy has. So a cell is compared with itself: its *spread* is the
distance that 1 % of its points exceed, in units of the median. `rhocast.learning.anchors` measures
the largest spread of a snapshot trained on, against the anchors of all others.
"""

from dataclasses import dataclass

import numpy as np

#: Share of the points trained on that count as inside the training range.
INSIDE = 0.99
#: Share of the points of a cell that its spread leaves out.
_SPREAD = 0.99
#: Distance that counts as none: where the features of a cell are those of an anchor.
CLOSE = 1e-2
#: Points whose distances from all anchors are held at a time.
_BLOCK = 128

#: Multiplications that OpenBLAS does in the calling thread. Those of larger products go to all its
#: threads, which then wait for more work at full speed: 108 atoms took twice the CPU time.
_SMALL_PRODUCT = 2**17


@dataclass(frozen=True)
class TrainingRange:
    """What counts as inside.

    Attributes
    ----------
    factor : (d, d) float32 array
        L.
    limit
        |L x| beyond which a point is outside.
    usual_share
        Largest share of points outside in a snapshot that was trained on.
    anchors : (m, d) float16 array
        Normalised features of points trained on, as many of every snapshot; None in models of
        earlier versions and of a single snapshot.
    usual_spread
        Largest spread of a snapshot that was trained on; None without anchors.
    """

    factor: np.ndarray
    limit: float
    usual_share: float
    anchors: np.ndarray | None = None
    usual_spread: float | None = None

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Compute |L x| (p,) of normalised features (p, d)."""
        rows = max(_SMALL_PRODUCT // self.factor.size, 1)
        parts = np.split(features, range(rows, len(features), rows))
        return np.concatenate([np.linalg.norm(part @ self.factor.T, axis=1) for part in parts])


def nearest(features: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Compute the distance (p,) of normalised features (p, d) to the nearest anchor (m, d)."""
    anchors = anchors.astype(np.float32)
    lengths = np.square(anchors).sum(axis=1)
    product = np.concatenate([-2.0 * anchors.T, lengths[None]])
    inputs = np.concatenate([features, np.ones((len(features), 1), np.float32)], axis=1)
    parts = np.split(inputs, range(_BLOCK, len(features), _BLOCK))
    squares = np.concatenate([(part @ product).min(axis=1) for part in parts])
    return np.sqrt(np.maximum(squares + np.square(features).sum(axis=1), 0.0))


def spread(distances: np.ndarray) -> float:
    """Compute the spread of the points of one cell from their `nearest` distances (p,)."""
    median = max(float(np.median(distances)), CLOSE)
    return float(np.quantile(distances, _SPREAD)) / median
