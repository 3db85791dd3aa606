"""Whole densities in memory, for notebooks and scripts."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from rhocast.density.density import Density
from rhocast.density.refine import refined
from rhocast.density.zero_bound import Bound
from rhocast.errors import StructureError
from rhocast.evaluation.gpu import gpu_named
from rhocast.grid import Mesh
from rhocast.inference import outside, unlike_places
from rhocast.inference.limits import check_memory_for_field
from rhocast.inference.options import PredictionOptions
from rhocast.inference.prediction import Item, items
from rhocast.inference.predictor import BlockPredictor
from rhocast.inference.request import Request
from rhocast.inference.spacing import evaluation_spacing
from rhocast.model import DensityModel
from rhocast.parallel.progress import Progress
from rhocast.parallel.sharing import lead
from rhocast.structures import Structure, read_structure

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Predictor:
    """A model that is asked for densities.

    Attributes
    ----------
    model
        The model.
    """

    model: DensityModel

    @classmethod
    def load(cls, model: str | Path) -> "Predictor":
        """Read a model file, or a shipped model by its name.

        Raises
        ------
        ModelError
            If there is no such model, or the file is damaged.
        """
        return cls(DensityModel.load(model))

    def predict(
        self,
        atoms: Atoms | Structure | str | Path,
        mesh_spacing_bohr: float | None = None,
        uncertainty: str | None = None,
        samples: int = 10,
        seed: int = 0,
        sample: int | None = None,
        scale_to_electrons: bool = True,
        direct: bool = False,
        device: str = "cpu",
        where: str = "",
    ) -> Density:
        """Predict the density of some atoms.

        Parameters
        ----------
        atoms
            ASE's atoms (Å), a structure (Bohr), or a file that ASE reads; periodic in all
            directions.
        mesh_spacing_bohr
            At most, Bohr; by default what the model is certified for, else 0.4. Of a certified
            model, a finer density is interpolated.
        uncertainty
            ``fast`` or ``sampled`` for standard deviations, ``none`` to leave them out; by
            default ``fast`` where the model has them.
        samples, seed
            Weight samples and their seed, for ``sampled``.
        sample
            Number of a sample of the field, from 0, to return in place of the density; it follows
            from ``seed``. The spread of whatever is computed from samples is its error bar.
        scale_to_electrons
            Scale to the valence electrons of the atoms.
        direct
            Evaluate the model at every point of the mesh, whatever it is certified for.
        device
            Where to compute: ``cpu``, ``cuda``, ``cuda:1``.
        where
            What messages call the atoms; by default the name of the file, else ``structure``.

        Returns
        -------
        Density
            Arrays with their mesh, cell and atoms; its `write` writes it in any
            format.

        Raises
        ------
        RhocastError
            If options, elements, distances or memory do not allow the prediction.
        """
        structure = _structure_of(atoms)
        options = PredictionOptions(
            uncertainty=uncertainty
            or ("none" if sample is not None else self.model.default_uncertainty),
            samples=samples,
            seed=seed,
            sample=sample,
            asked_spacing_bohr=mesh_spacing_bohr,
            device=gpu_named(device),
            where=where or (str(atoms) if isinstance(atoms, str | Path) else "structure"),
        )
        return predict_density(
            self.model, structure, options, scale_to_electrons=scale_to_electrons, direct=direct
        )


def _structure_of(atoms: Atoms | Structure | str | Path) -> Structure:
    if isinstance(atoms, str | Path):
        return read_structure(atoms)
    if isinstance(atoms, Atoms):
        return Structure.from_ase(atoms)
    if isinstance(atoms, Structure):
        return atoms
    raise StructureError(
        f"expected ASE's Atoms, a Structure or the name of a file, found {type(atoms).__name__}"
    )


def predict_on_mesh(
    model: DensityModel,
    structure: Structure,
    mesh: Mesh,
    options: PredictionOptions = PredictionOptions(),
) -> Density:
    """Predict a whole field in memory, in this process, as the model gives it (not scaled).

    Raises
    ------
    RhocastError
        If options, elements, distances or memory do not allow the prediction.
    """
    return _in_memory(Request(model, structure, mesh, options))


def _in_memory(request: Request) -> Density:
    """Evaluate the model at the points of the request's mesh."""
    check_memory_for_field(request)
    mesh, blocks = request.mesh, request.blocks
    arrays = {name: np.empty(mesh.shape, dtype=np.float32) for name in request.fields}
    predictor = BlockPredictor(request.model, request.task.at(0))
    progress = Progress(request.where, mesh.n_points)
    bounds: list[Bound] = []

    def compute(item: Item) -> np.ndarray:
        return predictor(*item)

    def keep(item: Item, values: np.ndarray) -> None:
        block, _ = item
        bounds.append(Bound.put_on(values[0]))
        for name, array in zip(request.fields, values, strict=True):
            arrays[name][blocks.box(block)] = array
        progress.add(int(np.prod(blocks.shape(block))))

    lead(None, items(request, range(len(blocks))), compute, keep, request.task.threads)
    bound = Bound.of_all(bounds)
    if bound.points_below_zero:
        log.info("%s: %s", request.where, bound)
    record = (
        request.whole_record.attributes
        | bound.attributes
        | {
            "mesh_spacing_bohr": mesh.spacing.tolist(),
            "electron_count_before_scaling": mesh.integral(arrays["density"]),
            "scale": 1.0,
        }
    )
    return Density.of(request.structure, arrays, record)


def predict_density(
    model: DensityModel,
    structure: Structure,
    options: PredictionOptions = PredictionOptions(),
    *,
    scale_to_electrons: bool = True,
    direct: bool = False,
) -> Density:
    """Predict a whole field in memory on a mesh of at most the spacing of the options.

    A model with a certificate is evaluated on a mesh no finer than the certified one, which
    stands for no spacing, too; to a finer mesh it is interpolated. ``direct`` evaluates it there.

    Raises
    ------
    RhocastError
        As `predict_on_mesh`, and if the valence electrons to scale to are not known.
    """
    evaluated = evaluation_spacing(model, options.asked_spacing_bohr, direct)
    mesh = Mesh.with_spacing(structure.cell, evaluated)
    request = Request(model, structure, mesh, options)
    outside.tell(model, structure, request.outside, request.where)
    unlike_places.tell(request.unlike_places, request.where)
    predicted = _in_memory(request)
    if request.refines:
        predicted = refined(predicted, request.asked_mesh)
    return predicted.scaled_to_electrons() if scale_to_electrons else predicted
