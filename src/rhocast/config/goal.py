"""When a campaign has enough data: rounds of training until the error is small enough."""

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat

from rhocast.config.section import Name, Section, Share, distinct


class Goal(Section):
    """Rounds of training, each on more data, until the held-out error is small enough."""

    nmae: Share = Field(
        0.01,
        description="largest NMAE on the datasets of `evaluation` with which the campaign stops",
    )
    rounds: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        min_length=1,
        description="keys of `datasets` that take the place of `training.dataset`, one in each "
        "round; each holds the snapshots of the one before it, the last is `training.dataset`",
    )
    core_hours: PositiveFloat | None = Field(
        None,
        description="core hours (wall time × cores) of dynamics and single points after which no "
        "further round begins",
    )
