"""What every back end is: a model that answers with fields at the mesh points of a box."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from rhocast.grid import Neighbourhood
from rhocast.model import Calibration, DensityModel
from rhocast.model.fading import faded_stds

Box = Sequence[slice]


class BoundEvaluator(Protocol):
    """A model with the atoms around a part of the mesh."""

    def __call__(self, box: Box, /) -> np.ndarray:
        """Evaluate the model at the mesh points of a box; other threads may do so meanwhile.

        Parameters
        ----------
        box : three slices
            Mesh indices, counted from the lower corner of what the atoms lie around.

        Returns
        -------
        (f, bx, by, bz) float32 array
            The fields, calibrated, e/Bohr³.
        """


class Evaluator(Protocol):
    """A model, ready for the points of one mesh and for some fields.

    It is made of a model, a `rhocast.grid.Mesh` and the names of the fields: ``density``,
    ``epistemic_std``, ``aleatoric_std``; the last two are calibrated where both are wanted.
    A model that lacks what a field needs raises ModelError.

    Attributes
    ----------
    tile
        Points along each side of the boxes that it is best asked for.
    whole_blocks
        Whether it may as well be asked for a whole block where none of it is empty.
    """

    tile: int
    whole_blocks: bool

    def bind(self, atoms: Neighbourhood) -> BoundEvaluator:
        """Take the atoms around a part of the mesh, all that are within the model's reach of it.

        Raises
        ------
        ModelError
            If one is of an element that is not among the model's species.
        """


def calibration_of(
    model: DensityModel, fields: Sequence[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """Return what calibrates the fast uncertainty among fields (f, ...), in place.

    Where the correction fades, so do the deviations, if the density is among the fields.
    """
    if not {"aleatoric_std", "epistemic_std"} <= set(fields):
        return lambda values: values
    calibration = model.calibrations.get("fast", Calibration())
    which = [fields.index(name) for name in ("aleatoric_std", "epistemic_std")]

    def calibrated(values: np.ndarray) -> np.ndarray:
        stds = calibration(*values[which])
        if "density" in fields:
            density = values[fields.index("density")]
            stds = faded_stds(density, *stds, model.fading_density)
        values[which] = stds
        return values

    return calibrated


def shape_of(box: Box) -> tuple[int, ...]:
    """Return the number of points along the sides of a box."""
    return tuple(side.stop - side.start for side in box)
