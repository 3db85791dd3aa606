"""Samples of the field: densities that are as likely as the predicted one (method.md, Eq. 42).

A standard deviation at each point does not tell how wrong an integral is: that depends on how the
errors at different points are correlated. They are where the last layer is excited alike, that is
where the directions u = L φ / |L φ| are close. A sample adds to the density one draw of a random
field with the variance σ² at every point and the correlation exp(−κ (1 − u·u')),

    ρ_k = ρ + σ √2 cos(√κ a_k·u + b_k),    a_k normal, b_k uniform in [0, 2π),

a random Fourier feature (Rahimi and Recht, NIPS 20, 2007). It is a function of the point and of
(seed, k) alone, so shards and ranks draw the same field.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from rhocast import config
from rhocast.evaluation.evaluator import BoundEvaluator, Box, Evaluator
from rhocast.grid import Neighbourhood
from rhocast.model import DensityModel

#: κ: the correlation of errors of held-back snapshots over u·u' (docs/notebook/error-bars.md).
CONCENTRATION = 2.0

#: What the predicted density needs to be told, and what the direction.
_FIELDS = ("density", "epistemic_std", "aleatoric_std")
_DIRECTION = ("density", "epistemic_std")

#: Makes an evaluator of some fields of a model.
Make = Callable[[DensityModel, tuple[str, ...]], Evaluator]


@dataclass
class SampleEvaluator:
    """A sample of a model's field as a `rhocast.evaluation.Evaluator` of the density alone.

    Attributes
    ----------
    predicted
        Evaluates the density and both standard deviations.
    direction
        Evaluates a·L φ in place of the density, and |L φ|.
    phase
        b.
    tile, whole_blocks
        Those of ``predicted``.
    """

    predicted: Evaluator
    direction: Evaluator
    phase: float
    tile: int
    whole_blocks: bool

    @classmethod
    def of(cls, model: DensityModel, number: int, seed: int, make: Make) -> "SampleEvaluator":
        """Draw a sample.

        Parameters
        ----------
        model
            With the posterior of its last layer.
        number, seed
            The draw follows from them.
        make
            Makes the evaluators.

        Raises
        ------
        ModelError
            If the model has no posterior of the last layer.
        """
        factor = model.check_last_layer().factor
        rng = np.random.default_rng(config.seed_for(seed, "sample of the field", number))
        normal, phase = rng.standard_normal(len(factor)), rng.uniform(0.0, 2.0 * np.pi)
        projected = (normal @ factor).astype(np.float32)
        predicted = make(model, _FIELDS)
        direction = make(_projecting(model, projected), _DIRECTION)
        return cls(predicted, direction, phase, predicted.tile, predicted.whole_blocks)

    def bind(self, atoms: Neighbourhood) -> "BoundSample":
        """See `rhocast.evaluation.Evaluator`."""
        return BoundSample(self.predicted.bind(atoms), self.direction.bind(atoms), self.phase)


@dataclass(frozen=True)
class BoundSample:
    """A sample with some atoms."""

    predicted: BoundEvaluator
    direction: BoundEvaluator
    phase: float

    def __call__(self, box: Box) -> np.ndarray:
        """See `rhocast.evaluation.BoundEvaluator`."""
        density, epistemic, aleatoric = self.predicted(box)
        along, length = self.direction(box)
        wave = np.cos(np.sqrt(CONCENTRATION) * along / length + self.phase)
        sample = density + np.sqrt(2.0) * np.hypot(epistemic, aleatoric) * wave
        return sample.astype(np.float32)[None]


def _projecting(model: DensityModel, projected: np.ndarray) -> DensityModel:
    """Return a model whose density is a·L φ and whose epistemic deviation is |L φ|.

    ``projected`` (w + 1,) holds a·L.
    """
    *hidden, head = model.network.layers
    head = replace(
        head,
        weight=np.stack([projected[:-1], head.weight[1]]),
        bias=np.array([projected[-1], head.bias[1]], dtype=np.float32),
    )
    zero, one = np.zeros((), np.float32), np.ones((), np.float32)
    return replace(
        model,
        network=replace(model.network, layers=(*hidden, head)),
        normalisation=replace(model.normalisation, target_mean=zero, target_std=one),
        baseline=None,
        calibrations={},
    )
