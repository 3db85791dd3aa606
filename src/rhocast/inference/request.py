"""What is asked of a prediction, and whether it can be done: checked before any work."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from rhocast.errors import ConfigError, ModelError, RhocastError
from rhocast.grid import Blocks, Mesh
from rhocast.model import DensityModel
from rhocast.structures import Structure

#: Fields that are computed and stored, for each kind of uncertainty.
FIELDS = {
    "none": ("density",),
    "sampled": ("density", "epistemic_std", "aleatoric_std"),
}

#: Goes into the hash of a field: raise it when the same request gives other numbers.
FORMAT_VERSION = 1


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
        ``none`` or ``sampled``.
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
        unknown = [s for s in self.structure.species if s not in self.model.species]
        if unknown:
            raise ModelError(
                f"{self.where}: holds {', '.join(unknown)}, which the model has never seen; it "
                f"was trained on {', '.join(self.model.species)}: use a model of these elements"
            )
        if not np.allclose(self.mesh.cell, self.structure.cell, rtol=0.0, atol=1e-9):
            raise RhocastError(f"{self.where}: the mesh is that of another cell")
        self.structure.check_distances(self.where)

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that are predicted."""
        return FIELDS[self.uncertainty]

    @property
    def blocks(self) -> Blocks:
        """Division of the mesh."""
        return Blocks(self.mesh.shape)

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
            digest.update(array.tobytes())
        return digest.hexdigest()

    @property
    def n_electrons(self) -> float | None:
        """Valence electrons of the structure, None if the model does not know its elements'."""
        valence = self.model.metadata.get("valence", {})
        if any(symbol not in valence for symbol in self.structure.species):
            return None
        return self.structure.count_electrons(valence)

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
        }

    def n_bytes(self, rows: int | None = None) -> int:
        """Size of all predicted arrays, or of some rows of them along x."""
        nx, ny, nz = self.mesh.shape
        return 4 * len(self.fields) * (nx if rows is None else rows) * ny * nz


def _check_uncertainty(uncertainty: str, samples: int) -> None:
    if uncertainty == "fast":
        raise ConfigError(
            "uncertainty: `fast` is not available yet, expected `none` or `sampled` (the variance "
            "over weight samples)"
        )
    if uncertainty not in FIELDS:
        raise ConfigError(f"uncertainty: expected `none` or `sampled`, found {uncertainty!r}")
    if uncertainty == "sampled" and samples < 2:
        raise ConfigError(f"samples: expected at least 2 for a variance, found {samples}")
