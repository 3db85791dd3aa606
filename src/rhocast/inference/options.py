"""The options of a prediction: all that a user chooses besides model, atoms and mesh."""

from dataclasses import dataclass

from rhocast.errors import ConfigError

#: Fields that are computed and stored, for each kind of uncertainty.
FIELDS = {
    "none": ("density",),
    "fast": ("density", "epistemic_std", "aleatoric_std"),
    "sampled": ("density", "epistemic_std", "aleatoric_std"),
}


@dataclass(frozen=True, kw_only=True)
class PredictionOptions:
    """Options of a prediction.

    Attributes
    ----------
    uncertainty
        ``none``, ``fast`` (from the last layer) or ``sampled`` (over weight samples).
    samples
        N_s, number of weight samples (paper, Eq. 4), for ``sampled``.
    seed
        Seed of the weight samples, or of the sample of the field.
    sample
        Number of a sample of the field, from 0, to predict in place of the density
        (`rhocast.evaluation.samples`), without standard deviations; None for the density.
    where
        Origin of the structure in messages, usually its file.
    asked_spacing_bohr
        Spacing of the mesh on which the whole field is given, Bohr, where the model may be
        evaluated on a coarser mesh; None for the mesh of the evaluation.
    device
        GPU that computes, ``cuda`` (each rank of a machine takes the next) or ``cuda:1``, or
        ``emulated``; None for the processor.
    """

    uncertainty: str = "none"
    samples: int = 10
    seed: int = 0
    sample: int | None = None
    where: str = "structure"
    asked_spacing_bohr: float | None = None
    device: str | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the arrays that are predicted."""
        return FIELDS[self.uncertainty]

    def check(self) -> None:
        """Raise ConfigError if there is no such uncertainty, or too few samples for it."""
        if self.uncertainty not in FIELDS:
            raise ConfigError(
                f"uncertainty: expected `none`, `fast` or `sampled`, found {self.uncertainty!r}"
            )
        if self.uncertainty == "sampled" and self.samples < 2:
            raise ConfigError(f"samples: expected at least 2 for a variance, found {self.samples}")
        if self.sample is not None and self.sample < 0:
            raise ConfigError(f"sample: expected a number from 0, found {self.sample}")
        if self.sample is not None and self.uncertainty != "none":
            raise ConfigError(
                "sample: a sample of the field has no standard deviations; expected uncertainty "
                f"`none`, or none given, found `{self.uncertainty}`"
            )
