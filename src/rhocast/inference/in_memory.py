"""Whole densities in memory, for notebooks and scripts."""

from dataclasses import dataclass
from pathlib import Path

from ase import Atoms

from rhocast.density.density import Density
from rhocast.evaluation.gpu import gpu_named
from rhocast.inference.options import PredictionOptions
from rhocast.inference.prediction import predict_density
from rhocast.model import DensityModel
from rhocast.structures import Structure


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
        atoms: Atoms | Structure,
        mesh_spacing_bohr: float | None = None,
        uncertainty: str | None = None,
        samples: int = 10,
        seed: int = 0,
        scale_to_electrons: bool = True,
        direct: bool = False,
        device: str = "cpu",
    ) -> Density:
        """Predict the density of some atoms.

        Parameters
        ----------
        atoms
            ASE's atoms (Å) or a structure (Bohr); periodic in all directions.
        mesh_spacing_bohr
            At most, Bohr; by default what the model is certified for, else 0.4. Of a certified
            model, a finer density is interpolated.
        uncertainty
            ``fast`` or ``sampled`` for standard deviations, ``none`` to leave them out; by
            default ``fast`` where the model has them.
        samples, seed
            Weight samples and their seed, for ``sampled``.
        scale_to_electrons
            Scale to the valence electrons of the atoms.
        direct
            Evaluate the model at every point of the mesh, whatever it is certified for.
        device
            Where to compute: ``cpu``, ``cuda``, ``cuda:1``.

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
        structure = Structure.from_ase(atoms) if isinstance(atoms, Atoms) else atoms
        options = PredictionOptions(
            uncertainty=uncertainty or self.model.default_uncertainty,
            samples=samples,
            seed=seed,
            asked_spacing_bohr=mesh_spacing_bohr,
            device=gpu_named(device),
        )
        return predict_density(
            self.model, structure, options, scale_to_electrons=scale_to_electrons, direct=direct
        )
