"""What is asked of a prediction, and whether it can be done: checked before any work.

A `Request` holds the atoms: one process makes it. A `Task` is what all others must know of it.
"""

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rhocast.density.formats.field import field_bytes
from rhocast.errors import ConfigError, ModelError, ParallelError, RhocastError
from rhocast.evaluation import compiled as kernels
from rhocast.evaluation import gpu
from rhocast.grid import Blocks, Mesh
from rhocast.inference.options import PredictionOptions
from rhocast.inference.outside import Outside, look_outside
from rhocast.inference.provenance import Provenance
from rhocast.inference.spacing import asked_mesh, interpolation_error
from rhocast.inference.unlike_places import UnlikePlace, find_unlike_places
from rhocast.model import DensityModel
from rhocast.parallel.blas import available_threads
from rhocast.structures import Structure

log = logging.getLogger(__name__)

#: Threads that keep a GPU busy: while one waits for it the others prepare and take in.
_GPU_THREADS = 4

#: Goes into the hash of a field: raise it when the same request gives other numbers.
FORMAT_VERSION = 5


@dataclass(frozen=True)
class Task:
    """Everything that determines the numbers of a field, except for the atoms.

    Attributes
    ----------
    mesh
        Points to predict at.
    model_hash
        Of the model that predicts.
    species
        Chemical symbols of the structure.
    options
        What is to be predicted, and where; of a rank, with the rank's own device.
    kernels
        Instruction set of the compiled kernels that all ranks use; None to do without them.
    """

    mesh: Mesh
    model_hash: str
    species: tuple[str, ...]
    options: PredictionOptions
    kernels: str | None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that are predicted."""
        return self.options.fields

    @property
    def where(self) -> str:
        """Origin of the structure in messages."""
        return self.options.where

    @property
    def threads(self) -> int:
        """How many threads compute blocks in a process; without the kernels NumPy uses them."""
        if self.options.device is not None:
            return _GPU_THREADS
        return available_threads() if self.kernels else 1

    @property
    def blocks(self) -> Blocks:
        """Division of the mesh."""
        return Blocks(self.mesh.shape)

    def at(self, place: int) -> "Task":
        """Return the task of a rank, numbered on its machine from 0: the device is its own."""
        device = self.options.device and gpu.own_device(self.options.device, place)
        return replace(self, options=replace(self.options, device=device))

    def check_model(self, model: DensityModel) -> None:
        """Check that a model, as this rank has read it, is the one that is to predict.

        Raises
        ------
        ModelError
            If it does not know an element, has no fast uncertainty to give, or there is no such
            device.
        ParallelError
            If it is another one, or this processor lacks the instruction set.
        """
        unknown = [symbol for symbol in self.species if symbol not in model.species]
        if unknown:
            raise ModelError(
                f"{self.where}: holds {', '.join(unknown)}, which the model has never seen; it "
                f"was trained on {', '.join(model.species)}: use a model of these elements"
            )
        if self.options.uncertainty == "fast" or self.options.sample is not None:
            model.check_last_layer()
        if self.options.device is not None:
            gpu.open_device(self.options.device)
        if self.kernels is not None and self.kernels not in kernels.isas():
            raise ParallelError(
                f"this rank's processor has no {self.kernels}, which rank 0 computes with; set "
                f"{kernels.VARIABLE} to one of {', '.join(kernels.isas()) or 'none'} for all ranks"
            )
        if model.hash != self.model_hash:
            raise ParallelError(
                f"this rank has read another model ({model.hash[:12]}) than rank 0 "
                f"({self.model_hash[:12]}); give all ranks the same file"
            )


@dataclass(frozen=True)
class Request:
    """One field: everything that determines its numbers.

    Attributes
    ----------
    model
        The model that predicts.
    structure
        Atoms and cell.
    mesh
        Points to predict at; its cell is that of the structure.
    options
        What is to be predicted, and where.

    Raises
    ------
    RhocastError
        If the options, the elements, the distances or the cells do not allow a prediction.
    """

    model: DensityModel
    structure: Structure
    mesh: Mesh
    options: PredictionOptions = PredictionOptions()

    def __post_init__(self) -> None:
        self.options.check()
        device = self.options.device
        if device is not None:
            _check_accelerated(self.model, self.options.uncertainty)
            if device.startswith("cuda"):
                log.warning(
                    "device: no GPU has run this version of the kernels yet; compare some blocks "
                    "with those of the processor before you rely on them"
                )
        self.task.at(0).check_model(self.model)
        if not np.allclose(self.mesh.cell, self.structure.cell, rtol=0.0, atol=1e-9):
            raise RhocastError(f"{self.where}: the mesh is that of another cell")
        self.structure.check_distances(self.where)

    @cached_property
    def task(self) -> Task:
        """All of it but the atoms."""
        return Task(
            self.mesh,
            self.model.hash,
            self.structure.species,
            self.options,
            self._kernels,
        )

    @property
    def where(self) -> str:
        """Origin of the structure in messages."""
        return self.options.where

    @property
    def _kernels(self) -> str | None:
        compiled = kernels.evaluates(self.model) and self.options.uncertainty != "sampled"
        return kernels.isa() if compiled and self.options.device is None else None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that are predicted."""
        return self.task.fields

    @property
    def blocks(self) -> Blocks:
        """Division of the mesh."""
        return self.task.blocks

    @property
    def asked_mesh(self) -> Mesh:
        """Mesh of the whole field in the end."""
        return asked_mesh(self.mesh, self.options.asked_spacing_bohr)

    @property
    def refines(self) -> bool:
        """Whether the field is interpolated in the end."""
        return self.asked_mesh.shape != self.mesh.shape

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything that determines the field."""
        options = self.options
        sampled = options.uncertainty == "sampled"
        sampling = (options.samples, options.seed) if sampled else None
        parts = [
            FORMAT_VERSION,
            self.task.model_hash,
            self.mesh.shape,
            self.asked_mesh.shape,
            self.blocks.block_shape,
            options.uncertainty,
            sampling,
        ]
        if options.sample is not None:
            parts.append((options.sample, options.seed))
        digest = hashlib.sha256(json.dumps(parts).encode())
        for array in (self.structure.cell, self.structure.positions, self.structure.numbers):
            digest.update(array.data)
        return digest.hexdigest()

    @property
    def n_electrons(self) -> float | None:
        """Valence electrons of the structure, None if the model does not know its elements'."""
        valence = self.model.metadata.get("valence", {})
        if any(symbol not in valence for symbol in self.structure.species):
            return None
        return self.structure.count_electrons(valence)

    @cached_property
    def outside(self) -> Outside | None:
        """How much lies outside the training range; None if the model does not know it."""
        return look_outside(self.model, self.structure)

    @property
    def outside_training_share(self) -> float | None:
        """Share of points outside the training range; None if the model does not know it."""
        return None if self.outside is None else self.outside.share

    @cached_property
    def unlike_places(self) -> tuple[UnlikePlace, ...] | None:
        """Single places unlike the training data; None if the model does not know them.

        To find them takes a hundredth of the time of the whole field.
        """
        return find_unlike_places(self.model, self.structure, self.outside)

    @property
    def whole_record(self) -> Provenance:
        """Where the whole field comes from: with what all atoms had to be looked at for."""
        places = self.unlike_places
        positions = None if places is None else [list(place.position_bohr) for place in places]
        return replace(self.record, unlike_places_bohr=positions)

    @property
    def record(self) -> Provenance:
        """Where a part of the field comes from."""
        return Provenance(
            field_hash=self.hash,
            model_hash=self.task.model_hash,
            config_hash=self.model.metadata.get("config_hash", ""),
            uncertainty=self.options.uncertainty,
            samples=self.options.samples,
            seed=self.options.seed,
            sample=self.options.sample,
            n_electrons=self.n_electrons,
            outside_training_share=self.outside_training_share,
            kernels=self.task.kernels,
            device=self.options.device,
            asked_mesh_spacing_bohr=self.options.asked_spacing_bohr,
            evaluated_mesh_spacing_bohr=self.mesh.spacing.tolist(),
            interpolation_error=interpolation_error(self.model, self.mesh),
        )

    def n_bytes(self, rows: int | None = None) -> int:
        """Size of all predicted arrays, or of some rows of them along x."""
        nx, ny, nz = self.mesh.shape
        return field_bytes(self.fields) * (nx if rows is None else rows) * ny * nz

    @property
    def file_bytes(self) -> int:
        """Size of the density-field file, on the mesh that was asked for."""
        return field_bytes(self.fields) * self.asked_mesh.n_points


def _check_accelerated(model: DensityModel, uncertainty: str) -> None:
    if uncertainty == "sampled" or not gpu.evaluates(model):
        raise ConfigError(
            "device: only models with the `smooth` descriptor, and no `sampled` uncertainty, are "
            "computed elsewhere than on the processor; leave the device out"
        )
