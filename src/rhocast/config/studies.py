"""Studies beside a campaign: how large descriptor and cells must be, and what data are worth."""

from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    PositiveInt,
    ValidationError,
)

from rhocast.config.learning import (
    Baseline,
    Descriptor,
    Features,
    Network,
    Training,
)
from rhocast.config.section import Element, Name, Section, Share, distinct

#: Sizes of each kind of descriptor; the order of the paper for the sorted one.
SIZES = {
    "sorted": ("distances", "angle_atoms", "angle_neighbours"),
    "smooth": ("radial_functions", "angular", "cutoff_bohr"),
}
#: What the names of the multipoles' sizes begin with: `multipoles.angular`.
MULTIPOLES = "multipoles"

Schedule = TypeVar("Schedule", bound=Training)

#: Name of the point that has the descriptor of the configuration; it belongs to every size.
OWN = "own"


class Recipe(Section):
    """What the models of a study are made with: sections of the configuration."""

    pseudopotentials: dict[Element, str]
    features: Features
    descriptor: Descriptor
    baseline: Baseline | None = None
    network: Network
    training: Training

    @property
    def sizes(self) -> dict[str, float]:
        """Sizes that can be varied, by name: of the descriptor, then of the multipoles."""
        found = {size: getattr(self.descriptor, size) for size in SIZES[self.descriptor.kind]}
        if self.baseline is not None and self.baseline.multipoles is not None:
            for size in SIZES["smooth"]:
                found[f"{MULTIPOLES}.{size}"] = getattr(self.baseline.multipoles, size)
        return found

    def resized(self, size: str, value: float) -> "Recipe | None":
        """Return the recipe with another size; None if there is no such descriptor.

        Angles are of the atoms whose distances are taken: fewer distances leave fewer of them.
        """
        data = self.model_dump()
        of_multipoles, _, key = size.rpartition(".")
        section = data["baseline"][MULTIPOLES] if of_multipoles else data["descriptor"]
        section[key] = value
        if "angle_atoms" in section:
            section["angle_atoms"] = min(section["angle_atoms"], section["distances"])
        try:
            return Recipe.model_validate(data)
        except ValidationError:
            return None


class Studies(Section):
    """Studies beside the campaign, none of which `all` waits for.

    Their trainings are short: models are compared, not used.
    """

    steps: PositiveInt = Field(
        2000, description="maximum number of optimiser steps of each training"
    )
    seeds: PositiveInt = Field(
        2, description="number of trainings of each point, each from its own seed"
    )
    descriptor_sizes: Annotated[tuple[NonNegativeFloat, ...], AfterValidator(distinct)] = Field(
        (0.25, 0.5, 0.75, 1.5),
        description="factors for the sizes of `descriptor` and `baseline.multipoles`; each "
        "size is varied while the others stay",
    )
    max_gain: Share = Field(
        0.05,
        description="tolerance: a size is large enough if no larger one lowers the error by "
        "more than this share",
    )
    larger: Name | None = Field(
        None,
        description="dataset of cells larger than those of training: the studies measure the "
        "errors on it and compare its features",
    )
    vacancy: Name | None = Field(
        None,
        description="dataset of cells with a vacancy: its first snapshot is added to training, the "
        "others are judged by",
    )

    def short(self, schedule: Schedule) -> Schedule:
        """Return a schedule with no more steps than the studies take, and all of those."""
        steps = min(schedule.steps, self.steps)
        return schedule.model_copy(update={"steps": steps, "patience": None})

    def points(self, own: Recipe) -> dict[str, tuple[str, float]]:
        """Return every point of the descriptor's study by name: the size that is varied, its value.

        The point `OWN` is not among them, nor are values that make no descriptor.
        """
        found = {}
        for size, present in own.sizes.items():
            values = {factor * present for factor in self.descriptor_sizes}
            if isinstance(present, int):
                values = {round(value) for value in values}
            for value in sorted(values - {present}):
                if own.resized(size, value) is not None:
                    found[f"{size}-{value:g}"] = (size, value)
        return found

    def series(self, size: str, own: Recipe) -> dict[float, str]:
        """Return the names of the points of one size by its value, the smallest first."""
        others = {v: name for name, (varied, v) in self.points(own).items() if varied == size}
        return dict(sorted(({own.sizes[size]: OWN} | others).items()))

    def recipe(self, point: str, own: Recipe) -> Recipe:
        """Return the recipe of a point."""
        if point == OWN:
            return own
        recipe = own.resized(*self.points(own)[point])
        assert recipe is not None  # `points` has left out what is none
        return recipe
