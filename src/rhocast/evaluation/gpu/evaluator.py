"""A model on a GPU as a `rhocast.evaluation.Evaluator`."""

from collections.abc import Sequence

import numpy as np

from rhocast import config
from rhocast.descriptors.tiles import check_species, kinds_of
from rhocast.evaluation.evaluator import calibration_of
from rhocast.evaluation.gpu.bound import BoundGpu
from rhocast.evaluation.gpu.device import Device
from rhocast.evaluation.gpu.loaded import LoadedModel
from rhocast.grid import Mesh, Neighbourhood
from rhocast.grid.binned_atoms import between
from rhocast.model import DensityModel


def evaluates(model: DensityModel) -> bool:
    """Tell whether such a model can be evaluated here: one with the smooth descriptor."""
    return isinstance(model.descriptor, config.SmoothDescriptor)


class GpuEvaluator:
    """The kernels of a GPU.

    Parameters
    ----------
    model, mesh, fields
        As all evaluators have them.
    device
        What computes.

    Raises
    ------
    ModelError
        If the model has another descriptor, or no fast uncertainty that is wanted.
    """

    #: Whole blocks, so that the GPU has enough to do; it bounds its memory itself.
    tile = 64
    whole_blocks = True

    def __init__(
        self,
        model: DensityModel,
        mesh: Mesh,
        fields: Sequence[str],
        device: Device,
    ) -> None:
        self._species, self._fields = model.species, tuple(fields)
        self._calibrated = calibration_of(model, fields)
        self._loaded = LoadedModel(model, mesh, device, fast="epistemic_std" in fields)

    def bind(self, atoms: Neighbourhood) -> BoundGpu:
        """See `rhocast.evaluation.Evaluator`; atoms that no point sees only surround others."""
        loaded, structure = self._loaded, atoms.structure
        check_species(structure, self._species)
        inverse = np.linalg.inv(structure.cell)
        margin = loaded.cutoff_bohr * np.linalg.norm(inverse, axis=0)
        seen = between(structure.positions @ inverse, atoms.lower - margin, atoms.upper + margin)
        kinds = kinds_of(structure.numbers, self._species)
        order = np.argsort(kinds, kind="stable")
        positions = (structure.positions - atoms.corner)[order] @ loaded.frame.T
        with loaded.device.using():
            return BoundGpu(
                loaded,
                positions,
                kinds[order],
                np.flatnonzero(seen[order]),
                self._fields,
                self._calibrated,
            )
