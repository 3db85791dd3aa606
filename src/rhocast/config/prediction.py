"""What is predicted, on which mesh, and with which uncertainty."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt

from rhocast.config.section import Name, Section, distinct


class Prediction(Section):
    """Prediction of cells too large for DFT."""

    cells: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="keys of `systems`"
    )
    mesh_spacing_bohr: PositiveFloat | None = Field(
        None,
        description="maximum mesh spacing of the field, Bohr (default: what the model is "
        "certified for, else 0.4); if the model is certified for a coarser mesh, it is "
        "evaluated there and the field is interpolated",
    )
    shards: PositiveInt = Field(
        1,
        description="number of jobs that predict one cell, each with a file of its own; "
        "another number predicts the cell again, with the same result",
    )
    uncertainty: Literal["none", "fast", "sampled"] = Field(
        "fast",
        description="kind of the standard deviations: `fast` from the last layer, `sampled` "
        "over weight samples (paper, Eq. 4)",
    )
    samples: PositiveInt = Field(10, ge=2, description="number of weight samples (N_s)")

    @property
    def evaluated_uncertainty(self) -> Literal["fast", "sampled"]:
        """Uncertainty with which errors are measured: they always come with one."""
        return "fast" if self.uncertainty == "fast" else "sampled"
