"""A model in the form that the compiled kernels compute with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rhocast import config, descriptors
from rhocast.descriptors import SmoothDescriptor
from rhocast.descriptors.tiles import check_species, kinds_of
from rhocast.errors import ModelError
from rhocast.evaluation.compiled.arrays import (
    descriptor_arrays,
    multipole_arrays,
    network_arrays,
    spline_arrays,
)
from rhocast.evaluation.compiled.instructions import available, isa, native
from rhocast.grid import Mesh
from rhocast.model import DensityModel
from rhocast.structures import Structure, periodic_images

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


class Evaluator:
    """A model, its weights in the order in which the kernels read them.

    Parameters
    ----------
    model
        With the smooth descriptor.
    spread : (r, w + 1) float array
        L of a form |L φ|², φ the w outputs of the last hidden layer and 1: the variance of the
        normalised mean that the field ``epistemic_std`` is made of. None if it is not wanted.
    name
        The instruction set, as in `rhocast.evaluation.compiled.isa`. ``amx_bf16`` and
        ``avx512_bf16`` round what enters and leaves the hidden layers to bfloat16; the others
        compute in float32.

    Raises
    ------
    ModelError
        If the model has another descriptor, or more species or radial functions than are compiled
        in.
    ConfigError
        If there are no such kernels.
    """

    def __init__(
        self, model: DensityModel, spread: np.ndarray | None = None, name: str | None = None
    ) -> None:
        self.isa = isa(name)
        descriptor = descriptors.make(model.descriptor, model.species)
        if not isinstance(descriptor, SmoothDescriptor) or not evaluates(model):
            raise ModelError(
                f"no compiled kernels for the descriptor {model.descriptor} and the species "
                f"{', '.join(model.species)}; expected the smooth one, at most {MAX_RADIAL} "
                f"radial functions and {MAX_SPECIES} species"
            )
        self.model = model
        self.has_spread = spread is not None
        self._engine = native().Evaluator(
            isa=self.isa,
            **descriptor_arrays(descriptor, model.normalisation),
            **network_arrays(model, spread),
            **spline_arrays(model.baseline, len(model.species)),
            **multipole_arrays(model.baseline, model.species),
        )

    def bind(
        self,
        structure: Structure,
        lower: np.ndarray | None = None,
        upper: np.ndarray | None = None,
    ) -> "BoundEvaluator":
        """Gather the atoms around a part of the cell (fractional corners), the cell by default.

        What is computed later at a point of that part does not depend on how large the part is.
        """
        check_species(structure, self.model.species)
        positions, indices = periodic_images(structure, self.model.reach_bohr, lower, upper)
        return self.bind_atoms(positions, structure.numbers[indices])

    def bind_atoms(self, positions: np.ndarray, numbers: np.ndarray) -> "BoundEvaluator":
        """Take atoms as they are, all images within reach of the points among them.

        What is to be within reach: `rhocast.descriptors.Descriptor.reach_bohr` and
        `rhocast.descriptors.PseudoAtoms.reach_bohr` tell.

        Parameters
        ----------
        positions : (n, 3) float64 array
            From mesh point (0, 0, 0), Bohr.
        numbers : (n,) int array
            Atomic numbers, of the model's species.
        """
        species = self.model.species
        atoms = native().Atoms(
            np.ascontiguousarray(positions), kinds_of(numbers, species), n_species=len(species)
        )
        return BoundEvaluator(self, self._engine, atoms)


@dataclass(frozen=True)
class BoundEvaluator:
    """A model of one structure, ready for blocks of mesh points.

    Attributes
    ----------
    evaluator
        The model.
    engine, atoms
        What the extension holds of them.
    """

    evaluator: Evaluator
    engine: Any
    atoms: Any

    def __call__(
        self,
        mesh: Mesh,
        box: Sequence[slice],
        fields: Sequence[str] = ("density",),
        seconds: np.ndarray | None = None,
    ) -> np.ndarray:
        """Evaluate the model at a block of mesh points; other threads run meanwhile.

        Parameters
        ----------
        mesh
            The mesh.
        box : three slices
            Mesh indices of the block, of any size, as from `rhocast.grid.Blocks.box`.
        fields
            ``density``, ``epistemic_std``, ``aleatoric_std``; and, for those who look inside,
            ``baseline``.
        seconds : (6,) float64 array
            CPU time is added to it: gathering, sums, invariants, network, baseline, multipoles.

        Returns
        -------
        (f, bx, by, bz) float32 array
            e/Bohr³.

        Raises
        ------
        ModelError
            If ``epistemic_std`` is asked of an evaluator without a form.
        """
        if "epistemic_std" in fields and not self.evaluator.has_spread:
            raise ModelError("epistemic_std: the model holds no fast uncertainty")
        values = np.empty((len(fields), *_shape(box)), dtype=np.float32)
        outputs = {_OUTPUTS[field]: values[i] for i, field in enumerate(fields)}
        self._run(mesh, box, seconds=seconds, **outputs)
        return values

    def features(self, mesh: Mesh, box: Sequence[slice]) -> np.ndarray:
        """Compute what the network reads: normalised features (bx, by, bz, d), float32."""
        values = np.empty((*_shape(box), self.evaluator.model.n_features), dtype=np.float32)
        self._run(mesh, box, features=values)
        return values

    def _run(self, mesh: Mesh, box: Sequence[slice], **outputs: np.ndarray | None) -> None:
        self.engine.evaluate(
            self.atoms,
            steps=np.ascontiguousarray(mesh.cell / np.array(mesh.shape)[:, None]),
            start=[side.start for side in box],
            shape=_shape(box),
            **outputs,
        )


#: Names of fields, and what the extension calls them.
_OUTPUTS = {
    "density": "mean",
    "aleatoric_std": "aleatoric",
    "epistemic_std": "epistemic",
    "baseline": "baseline",
}


def _shape(box: Sequence[slice]) -> tuple[int, ...]:
    return tuple(side.stop - side.start for side in box)
