"""Datasets that are published."""

from typing import Annotated

from pydantic import AfterValidator, Field

from rhocast.config.section import Name, Section, distinct


class Package(Section):
    """A folder of `data/` that datasets are published in, with a manifest and a card."""

    datasets: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="keys of `datasets`"
    )
    title: str = Field(min_length=1, description="heading of the card")
    description: str = Field(
        min_length=1,
        description="for the card, Markdown: how the configurations were made, how far the "
        "densities are converged",
    )
    licence: str = Field("CC-BY-4.0", min_length=1, description="licence of the data")
