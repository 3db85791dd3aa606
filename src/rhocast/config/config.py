"""The whole configuration: what holds between its sections."""

from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import (
    ValidationError,
    model_validator,
)

from rhocast.config.sections import Sections


class Config(Sections):
    """The whole configuration."""

    @model_validator(mode="after")
    def _names_exist(self) -> "Config":
        for dataset, sources in self.datasets.items():
            for number, source in enumerate(sources):
                _expect(f"datasets.{dataset}[{number}].system", source.system, self.systems)
        _expect("training.dataset", self.training.dataset, self.datasets)
        _expect("transfer.dataset", self.transfer.dataset, self.datasets)
        for package, section in self.packages.items():
            for name in section.datasets:
                _expect(f"packages.{package}.datasets", name, self.datasets)
        for name in self.evaluation:
            _expect("evaluation", name, self.datasets)
        for name in self.prediction.cells:
            _expect("prediction.cells", name, self.systems)
        for name in self.energies.datasets if self.energies else ():
            _expect("energies.datasets", name, self.datasets)
        for name in self.equation_of_state.systems if self.equation_of_state else ():
            _expect("equation_of_state.systems", name, self.systems)
        for name in self.bands.systems if self.bands else ():
            _expect("bands.systems", name, self.systems)
        for key in ("larger", "vacancy"):
            if (chosen := getattr(self.studies, key)) is not None:
                _expect(f"studies.{key}", chosen, self.datasets)
        for name, system in self.systems.items():
            for element in system.composition or ():
                _expect(f"systems.{name}.composition", element, self.material.pseudopotentials)
        return self

    @model_validator(mode="after")
    def _samplers_agree(self) -> "Config":
        for dataset, sources in self.datasets.items():
            for number, source in enumerate(sources):
                key = f"datasets.{dataset}[{number}].sampler"
                sections = {"aimd": self.aimd, "classical": self.classical}
                if sections.get(source.sampler, self.dft) is None:
                    raise ValueError(f"{key}: `{source.sampler}` needs a section of that name")
                if source.sampler == "springs" and self.systems[source.system].temperature_K:
                    raise ValueError(
                        f"{key}: `springs` displaces atoms at rest, but systems.{source.system} "
                        "has a temperature_K; take that out"
                    )
                for temperature in source.temperatures_K:
                    sampler = self.sampler(source.system, temperature)
                    if sampler != source.sampler:
                        raise ValueError(
                            f"{key}: another dataset takes {source.system} at {temperature} K from "
                            f"`{sampler}`; one trajectory has one sampler"
                        )
        return self

    @model_validator(mode="after")
    def _choices_are_possible(self) -> "Config":
        judged = [("evaluation", name) for name in self.evaluation]
        for key, name in [("training.dataset", self.training.dataset), *judged]:
            if self.pools(name):
                raise ValueError(
                    f"{key}: the base model chooses the frames of {name!r} (`pool`), so they can "
                    "be neither what it is trained on nor what it is judged by"
                )
        for dataset in self.datasets:
            for system, temperature in self.pools(dataset):
                if len(self._sources(system, temperature)) > 1:
                    raise ValueError(
                        f"datasets.{dataset}: {system} at {temperature} K has a `pool` and is used "
                        "more than once; give the system a second name for another trajectory"
                    )
        return self

    @model_validator(mode="after")
    def _study_is_possible(self) -> "Config":
        if self.convergence is not None:
            _expect("convergence.system", self.convergence.system, self.systems)
            for point in self.convergence.points():
                try:
                    self.convergence.settings(point, self.dft)
                except ValidationError as error:
                    fault = error.errors()[0]
                    raise ValueError(
                        f"convergence: {point} makes dft.{fault['loc'][0]} {fault['input']:g}; "
                        f"{fault['msg']}"
                    ) from None
        return self

    @model_validator(mode="after")
    def _rounds_grow(self) -> "Config":
        rounds = self.goal.rounds if self.goal else ()
        for name in rounds:
            _expect("goal.rounds", name, self.datasets)
            if self.pools(name) or self.pools(self.transfer.dataset):
                raise ValueError(
                    "goal.rounds: expected data without `pool`, for each round has a base model of "
                    f"its own; found one in {name!r} or {self.transfer.dataset!r}"
                )
        for before, after in pairwise(rounds):
            if missing := sorted(set(self.snapshots(before)) - set(self.snapshots(after))):
                raise ValueError(
                    f"goal.rounds: dataset {after!r} must hold the snapshots of {before!r}, of "
                    f"which it lacks {', '.join(missing)}"
                )
        if rounds and rounds[-1] != self.training.dataset:
            raise ValueError(
                f"goal.rounds: expected the last to be training.dataset = "
                f"{self.training.dataset!r}, found {rounds[-1]!r}"
            )
        return self

    @model_validator(mode="after")
    def _no_leakage(self) -> "Config":
        seen = self.trajectories(self.training.dataset) | self.trajectories(self.transfer.dataset)
        judged = [("evaluation", name) for name in self.evaluation]
        judged += [("energies", name) for name in (self.energies.datasets if self.energies else ())]
        for key, name in judged:
            if leaked := sorted(seen & self.trajectories(name)):
                raise ValueError(
                    f"{key}: dataset {name!r} holds trajectories that are trained on, "
                    f"{leaked}; expected other systems or temperatures"
                )
        return self

    @model_validator(mode="after")
    def _studies_judge_unseen(self) -> "Config":
        larger, vacancy = self.studies.larger, self.studies.vacancy
        seen = self.trajectories(self.training.dataset) | self.trajectories(self.transfer.dataset)
        if larger and (leaked := sorted(seen & self.trajectories(larger))):
            raise ValueError(
                f"studies.larger: dataset {larger!r} holds trajectories that are trained on, "
                f"{leaked}; expected others"
            )
        if vacancy and len(self.snapshots(vacancy)) < 2:
            raise ValueError(
                f"studies.vacancy: expected two snapshots or more, one to add and others to judge "
                f"by, found one in dataset {vacancy!r}"
            )
        return self

    @model_validator(mode="after")
    def _files_exist(self) -> "Config":
        files = {f"systems.{name}.file": s.file for name, s in self.systems.items() if s.file}
        for element, entry in self.material.pseudopotentials.items():
            if entry != "spms":
                files[f"material.pseudopotentials.{element}"] = entry
        for key, path in files.items():
            if not Path(path).is_file():
                raise ValueError(f"{key}: expected a file, found none at {path!r}")
        return self

    def of_round(self, number: int) -> "Config":
        """Return the campaign of one round, counted from 1: its datasets, without a goal."""
        assert self.goal is not None  # there are no rounds without it
        name = self.goal.rounds[number - 1]
        training = self.training.model_copy(update={"dataset": name})
        transfer = self.transfer
        if transfer.dataset == self.training.dataset:  # no larger cells
            transfer = transfer.model_copy(update={"dataset": name})
        used = {name, transfer.dataset, *self.evaluation}
        datasets = {key: sources for key, sources in self.datasets.items() if key in used}
        changed = {"goal": None, "training": training, "transfer": transfer, "datasets": datasets}
        return self.model_copy(update=changed)


def _expect(key: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{key}: expected one of {sorted(known)}, found {name!r}")
