"""What is asked of a prediction, and whether it can be done: checked before any work.

A `Request` holds the atoms: one process makes it. A `Task` is what all others must know of it.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rhocast import descriptors
from rhocast.errors import ConfigError, ModelError, ParallelError, RhocastError
from rhocast.grid import Blocks, Mesh
from rhocast.inference.storage import field_bytes
from rhocast.inference.training_range import share_outside
from rhocast.model import DensityModel
from rhocast.structures import Structure

#: Fields that are computed and stored, for each kind of uncertainty.
FIELDS = {
    "none": ("density",),
    "fast": ("density", "epistemic_std", "aleatoric_std"),
    "sampled": ("density", "epistemic_std", "aleatoric_std"),
}

#: Goes into the hash of a field: raise it when the same request gives other numbers.
FORMAT_VERSION = 2


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
    uncertainty, samples, seed, where
        As in `Request`.
    """

    mesh: Mesh
    model_hash: str
    species: tuple[str, ...]
    uncertainty: str
    samples: int
    seed: int
    where: str

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that are predicted."""
        return FIELDS[self.uncertainty]

    @property
    def blocks(self) -> Blocks:
        """Division of the mesh."""
        return Blocks(self.mesh.shape)

    def check_model(self, model: DensityModel) -> None:
        """Check that a model, as this rank has read it, is the one that is to predict.

        Raises
        ------
        ModelError
            If it does not know an element, or has no fast uncertainty to give.
        ParallelError
            If it is another one.
        """
        unknown = [symbol for symbol in self.species if symbol not in model.species]
        if unknown:
            raise ModelError(
                f"{self.where}: holds {', '.join(unknown)}, which the model has never seen; it "
                f"was trained on {', '.join(model.species)}: use a model of these elements"
            )
        if self.uncertainty == "fast":
            model.check_last_layer()
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
    uncertainty
        ``none``, ``fast`` or ``sampled``.
    samples
        N_s, weight samples (paper, Eq. 4).
    seed
        Of the weight samples.
    where
        What messages name as the origin of the structure, usually its file.

    Raises
    ------
    RhocastError
        If the options, the elements, the distances or the cells do not allow a prediction.
    """

    model: DensityModel
    structure: Structure
    mesh: Mesh
    uncertainty: str = "none"
    samples: int = 10
    seed: int = 0
    where: str = "structure"

    def __post_init__(self) -> None:
        _check_uncertainty(self.uncertainty, self.samples)
        self.task.check_model(self.model)
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
            self.uncertainty,
            self.samples,
            self.seed,
            self.where,
        )

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that are predicted."""
        return self.task.fields

    @property
    def blocks(self) -> Blocks:
        """Division of the mesh."""
        return self.task.blocks

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything that determines the field."""
        sampling = (self.samples, self.seed) if self.uncertainty == "sampled" else None
        parts = [
            FORMAT_VERSION,
            self.model.hash,
            self.mesh.shape,
            self.blocks.block_shape,
            self.uncertainty,
            sampling,
        ]
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
    def outside_training_share(self) -> float | None:
        """Share of points unlike those that the model was trained on; None if it cannot tell."""
        return share_outside(self.model, self.structure, reach_bohr(self.model))

    @property
    def record(self) -> dict[str, Any]:
        """Where the field comes from, for the attributes of files."""
        return {
            "field_hash": self.hash,
            "model_hash": self.model.hash,
            "config_hash": self.model.metadata.get("config_hash", ""),
            "uncertainty": self.uncertainty,
            "samples": self.samples,
            "seed": self.seed,
            "n_electrons": self.n_electrons,
            "outside_training_share": self.outside_training_share,
        }

    def n_bytes(self, rows: int | None = None) -> int:
        """Size of all predicted arrays, or of some rows of them along x."""
        nx, ny, nz = self.mesh.shape
        return field_bytes(self.fields) * (nx if rows is None else rows) * ny * nz


def range_bohr(model: DensityModel) -> float:
    """Return the distance beyond which atoms do not matter to the density at a point, Bohr."""
    baseline = 0.0 if model.baseline is None else model.baseline.parameters.cutoff_bohr
    return max(descriptors.make(model.descriptor, model.species).cutoff_bohr, baseline)


def reach_bohr(model: DensityModel) -> float:
    """Return how far around its points a model must be given the atoms, Bohr."""
    return max(descriptors.make(model.descriptor, model.species).reach_bohr, range_bohr(model))


def _check_uncertainty(uncertainty: str, samples: int) -> None:
    if uncertainty not in FIELDS:
        raise ConfigError(
            f"uncertainty: expected `none`, `fast` or `sampled`, found {uncertainty!r}"
        )
    if uncertainty == "sampled" and samples < 2:
        raise ConfigError(f"samples: expected at least 2 for a variance, found {samples}")
