"""The record of a field: what was asked for, of which model, and what computed it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a field comes from, as shards and density files hold it.

    An entry that an older file lacks is None.

    Attributes
    ----------
    field_hash, model_hash, config_hash
        SHA-256 of all that determines the field, of the model, and of the configuration that the
        model was trained with.
    uncertainty, samples, seed, sample
        As in `rhocast.inference.options.PredictionOptions`.
    n_electrons
        Valence electrons of the structure; None if the model does not know them.
    outside_training_share
        Share of points unlike those of the training data; None if the model does not know.
    unlike_places_bohr
        Positions (p, 3) of single places unlike the training data and the rest of the cell, Bohr,
        the most uneven first; None if the model does not know.
    kernels, device
        Instruction sets and devices of all runs that took part, since one run may go on where
        another stopped; several are separated by commas: ``avx2, avx512``.
    asked_mesh_spacing_bohr, evaluated_mesh_spacing_bohr
        Spacing of the mesh that was asked for, and the three of the mesh that the model was
        evaluated on, Bohr.
    interpolation_error
        NMAE of the interpolation between the two, by the model's certificate.
    """

    field_hash: str | None = None
    model_hash: str | None = None
    config_hash: str | None = None
    uncertainty: str | None = None
    samples: int | None = None
    seed: int | None = None
    sample: int | None = None
    n_electrons: float | None = None
    outside_training_share: float | None = None
    unlike_places_bohr: list[list[float]] | None = None
    kernels: str | None = None
    device: str | None = None
    asked_mesh_spacing_bohr: float | None = None
    evaluated_mesh_spacing_bohr: list[float] | None = None
    interpolation_error: float | None = None

    @classmethod
    def read(cls, entries: Mapping[str, Any]) -> "Provenance":
        """Take the entries of a file; those that this version does not know are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in entries.items() if name in known})

    @property
    def attributes(self) -> dict[str, Any]:
        """The entries, for the attributes of files."""
        return asdict(self)

    def joined(self, others: "Iterable[Provenance]") -> "Provenance":
        """Add the instruction sets and devices of other runs on the same field.

        A run with neither was computed by NumPy, which is called ``none`` beside the others.
        """
        runs = [self, *others]
        kernels, device = (
            {name for entry in entries if entry for name in entry.split(", ")}
            for entries in ([run.kernels for run in runs], [run.device for run in runs])
        )
        if (kernels or device) and any(not (run.kernels or run.device) for run in runs):
            kernels.add("none")
        return replace(
            self,
            kernels=", ".join(sorted(kernels)) or None,
            device=", ".join(sorted(device)) or None,
        )
