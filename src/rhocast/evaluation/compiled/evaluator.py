"""A model in the form that the compiled kernels compute with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rhocast import config
from rhocast.descriptors.tiles import check_species, kinds_of
from rhocast.errors import ModelError
from rhocast.evaluation.arrays import KernelArrays
from rhocast.evaluation.compiled.instructions import available, isa, native
from rhocast.evaluation.evaluator import Box, calibration_of, shape_of
from rhocast.grid import Mesh, Neighbourhood
from rhocast.model import DensityModel

#: Limits that are compiled in.
MAX_SPECIES, MAX_RADIAL = 8, 16


def evaluates(model: DensityModel) -> bool:
    """Tell whether there are compiled kernels for such a model."""
    multipoles = None if model.baseline is None else model.baseline.parameters.multipoles
    return (
        available()
        and isinstance(model.descriptor, config.SmoothDescriptor)
        and model.descriptor.radial_functions <= MAX_RADIAL
        and len(model.species) <= MAX_SPECIES
        and (multipoles is None or multipoles.radial_functions <= MAX_RADIAL)
    )


class CompiledEvaluator:
    """A model as a `rhocast.evaluation.Evaluator`, its weights in the order the kernels read them.

    Parameters
    ----------
    model, mesh, fields
        As all evaluators have them. The field ``baseline`` is there for those who look inside.
    name
        The instruction set, as in `rhocast.evaluation.compiled.isa`. ``amx_bf16`` and
        ``avx512_bf16`` round what enters and leaves the hidden layers to bfloat16; the others
        compute in float32.

    Raises
    ------
    ModelError
        If the model has another descriptor, more species or radial functions than are compiled in,
        or no fast uncertainty that is wanted.
    ConfigError
        If there are no such kernels.
    """

    #: The kernels need little memory, but a call costs 0.1 ms.
    tile = 32
    whole_blocks = True

    def __init__(
        self,
        model: DensityModel,
        mesh: Mesh,
        fields: Sequence[str] = ("density",),
        name: str | None = None,
    ) -> None:
        self.isa = isa(name)
        if not evaluates(model):
            raise ModelError(
                f"no compiled kernels for the descriptor {model.descriptor} and the species "
                f"{', '.join(model.species)}; expected the smooth one, at most {MAX_RADIAL} "
                f"radial functions and {MAX_SPECIES} species"
            )
        self.model, self.fields = model, tuple(fields)
        self.calibrated = calibration_of(model, self.fields)
        self.steps = np.ascontiguousarray(mesh.cell / np.array(mesh.shape)[:, None])
        arrays = KernelArrays.of(model, fast="epistemic_std" in fields)
        self.engine = native().Evaluator(isa=self.isa, **vars(arrays))

    def bind(self, atoms: Neighbourhood) -> "BoundCompiled":
        """See `rhocast.evaluation.Evaluator`."""
        structure, species = atoms.structure, self.model.species
        check_species(structure, species)
        positions = np.ascontiguousarray(structure.positions - atoms.corner)
        kinds = kinds_of(structure.numbers, species)
        return BoundCompiled(self, native().Atoms(positions, kinds, n_species=len(species)))


@dataclass(frozen=True)
class BoundCompiled:
    """A model with some atoms; ``atoms`` is what the extension holds of them."""

    evaluator: CompiledEvaluator
    atoms: Any

    def __call__(self, box: Box, seconds: np.ndarray | None = None) -> np.ndarray:
        """See `rhocast.evaluation.BoundEvaluator`.

        To ``seconds``, a (6,) float64 array, CPU time is added: gathering, sums, invariants,
        network, baseline, multipoles.
        """
        fields = self.evaluator.fields
        values = np.empty((len(fields), *shape_of(box)), dtype=np.float32)
        outputs = {_OUTPUTS[field]: values[i] for i, field in enumerate(fields)}
        self._run(box, seconds=seconds, **outputs)
        return self.evaluator.calibrated(values)

    def features(self, box: Box) -> np.ndarray:
        """Compute what the network reads: normalised features (bx, by, bz, d), float32."""
        values = np.empty((*shape_of(box), self.evaluator.model.n_features), dtype=np.float32)
        self._run(box, features=values)
        return values

    def _run(self, box: Box, **outputs: np.ndarray | None) -> None:
        self.evaluator.engine.evaluate(
            self.atoms,
            steps=self.evaluator.steps,
            start=[side.start for side in box],
            shape=shape_of(box),
            **outputs,
        )


#: Names of fields, and what the extension calls them.
_OUTPUTS = {
    "density": "mean",
    "aleatoric_std": "aleatoric",
    "epistemic_std": "epistemic",
    "baseline": "baseline",
}
