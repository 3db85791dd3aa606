"""The reference: descriptor, baseline and network one after the other, in NumPy.

It takes any descriptor and any uncertainty; the kernels are tested against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rhocast.evaluation.evaluator import Box, shape_of
from rhocast.grid import Mesh, Neighbourhood
from rhocast.model import BoundModel, DensityModel, Network


@dataclass(frozen=True)
class ReferenceEvaluator:
    """A model as a `rhocast.evaluation.Evaluator`.

    Attributes
    ----------
    model, mesh, fields
        As all evaluators have them.
    draws
        From `DensityModel.draw`, for the sampled uncertainty; none for the fast one.
    """

    model: DensityModel
    mesh: Mesh
    fields: Sequence[str] = ("density",)
    draws: Sequence[Network] = ()

    #: Points along a side: it bounds the memory, and leaves out what has no atom within range.
    tile = 16
    whole_blocks = False

    def __post_init__(self) -> None:
        if self.fast:
            self.model.check_last_layer()

    @property
    def fast(self) -> bool:
        """Whether the fast uncertainty is wanted."""
        return "epistemic_std" in self.fields and not self.draws

    def bind(self, atoms: Neighbourhood) -> "BoundReference":
        """See `rhocast.evaluation.Evaluator`."""
        model = self.model.bind(atoms.structure, atoms.lower, atoms.upper)
        return BoundReference(self, model, atoms.corner)


@dataclass(frozen=True)
class BoundReference:
    """A model with some atoms; ``corner`` is the place of mesh point (0, 0, 0), Bohr."""

    evaluator: ReferenceEvaluator
    model: BoundModel
    corner: np.ndarray

    def __call__(self, box: Box) -> np.ndarray:
        """See `rhocast.evaluation.BoundEvaluator`."""
        asked = self.evaluator
        found = vars(self.model(self._points(box), asked.draws, fast=asked.fast))
        found["density"] = found["mean"]
        rows = np.stack([found[name] for name in asked.fields])
        return rows.astype(np.float32, copy=False).reshape(-1, *shape_of(box))

    def features(self, box: Box) -> np.ndarray:
        """Compute what the network reads: normalised features (bx, by, bz, d), float32."""
        features = self.model.descriptor(self._points(box))
        normalised = self.evaluator.model.normalisation.features(features)
        return normalised.reshape(*shape_of(box), -1)

    def _points(self, box: Box) -> np.ndarray:
        return self.corner + self.evaluator.mesh.offsets(box)
