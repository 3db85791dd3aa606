"""The whole configuration: its sections, and what holds between them."""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from rhocast.config.cells import Material, System
from rhocast.config.convergence import Convergence
from rhocast.config.data import Aimd, Classical, Dft, Source, Sources
from rhocast.config.goal import Goal
from rhocast.config.learning import (
    Baseline,
    Descriptor,
    Features,
    Network,
    Training,
    Transfer,
)
from rhocast.config.package import Package
from rhocast.config.physics import Energies, EquationOfState
from rhocast.config.section import Name, Section, distinct
from rhocast.config.seeds import seed_for
from rhocast.config.studies import Recipe, Studies
from rhocast.errors import ConfigError


class Prediction(Section):
    """Prediction of cells too large for DFT."""

    cells: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="keys of `systems`"
    )
    mesh_spacing_bohr: PositiveFloat | None = Field(
        None,
        description="of the field, at most, Bohr (default: what the model is certified for, else "
        "0.4); where a coarser mesh is certified to suffice, the model is evaluated there and the "
        "field interpolated",
    )
    shards: PositiveInt = Field(
        1,
        description="number of files, and jobs, of one cell; another number predicts again, with "
        "the same result",
    )
    uncertainty: Literal["none", "fast", "sampled"] = Field(
        "fast",
        description="`fast`: from the last layer; `sampled`: over weight samples (paper, Eq. 4)",
    )
    samples: PositiveInt = Field(10, ge=2, description="N_s: weight samples")

    @property
    def evaluated_uncertainty(self) -> Literal["fast", "sampled"]:
        """Uncertainty with which errors are measured: they always come with one."""
        return "fast" if self.uncertainty == "fast" else "sampled"


def _usable_folder(path: str) -> str:
    if strange := sorted({c for c in path if c in "{}*?[]:" or not c.isprintable()}):
        raise ValueError(f"expected a path without {' '.join(strange)!r}, found {path!r}")
    return path


class Config(Section):
    """The whole configuration."""

    name: Name = Field(description="of the model: `models/{name}/`")
    seed: int = Field(0, ge=0, description="everything random follows from it")
    results: Annotated[str, AfterValidator(_usable_folder)] = Field(
        "results", min_length=1, description="folder for all that the workflow writes"
    )
    material: Material
    systems: dict[Name, System] = Field(min_length=1, description="cells by name")
    dft: Dft
    aimd: Aimd | None = Field(None, description="needed where a dataset's `sampler` is `aimd`")
    classical: Classical | None = Field(
        None, description="needed where a dataset's `sampler` is `classical`"
    )
    convergence: Convergence | None = Field(
        None, description="how far the settings of `dft` are converged, on one cell"
    )
    datasets: dict[Name, Sources] = Field(min_length=1, description="snapshots by name")
    packages: dict[Name, Package] = Field(
        default_factory=dict, description="datasets to publish, by folder of `data/`"
    )
    features: Features = Field(default_factory=lambda: Features.model_validate({}))
    descriptor: Descriptor = Field(
        description="what the network is told of the atoms around a point"
    )
    baseline: Baseline | None = Field(
        None, description="the density that the network corrects; without it, zero"
    )
    network: Network = Field(default_factory=lambda: Network.model_validate({}))
    training: Training
    transfer: Transfer
    evaluation: tuple[Name, ...] = Field(
        min_length=1, description="datasets that the errors are measured on"
    )
    prediction: Prediction
    goal: Goal | None = Field(
        None, description="rounds until the error is small enough; without it, one training"
    )
    energies: Energies | None = Field(
        None, description="energies at predicted densities; asked for by `snakemake physics`"
    )
    equation_of_state: EquationOfState | None = Field(
        None, description="energy against volume; asked for by `snakemake physics`"
    )
    studies: Studies = Field(
        default_factory=lambda: Studies.model_validate({}),
        description="studies beside the campaign, asked for by name",
    )

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
                sections = {"aimd": self.aimd, "classical": self.classical, "imported": self.dft}
                if sections[source.sampler] is None:
                    raise ValueError(f"{key}: `{source.sampler}` needs a section of that name")
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
        used = {name, self.transfer.dataset, *self.evaluation}
        datasets = {key: sources for key, sources in self.datasets.items() if key in used}
        return self.model_copy(update={"goal": None, "training": training, "datasets": datasets})

    @property
    def recipe(self) -> Recipe:
        """What the models of the studies are made with."""
        return Recipe(
            pseudopotentials=self.material.pseudopotentials,
            features=self.features,
            descriptor=self.descriptor,
            baseline=self.baseline,
            network=self.network,
            training=self.studies.short(self.training),
        )

    @property
    def training_cell(self) -> System:
        """The first cell of training, its atoms displaced as at its lowest temperature."""
        source = self.datasets[self.training.dataset][0]
        temperature = float(min(source.temperatures_K))
        return self.systems[source.system].model_copy(update={"temperature_K": temperature})

    def trajectories(self, dataset: str) -> set[tuple[str, int]]:
        """Return the (system, temperature in K) of every trajectory of a dataset."""
        return {(s.system, t) for s in self.datasets[dataset] for t in s.temperatures_K}

    def snapshots(self, dataset: str) -> list[str]:
        """Return the name ``{system}/{T}K/{i}`` of every snapshot of a dataset, in fixed order."""
        return [
            f"{source.system}/{temperature}K/{frame}"
            for source in self.datasets[dataset]
            for temperature in source.temperatures_K
            for frame in range(source.frames)
        ]

    def kpoint_seed(self, snapshot: str) -> int | None:
        """Return the seed of a snapshot's shift of the k-mesh; None where none is drawn.

        Parameters
        ----------
        snapshot
            Its name, ``{system}/{T}K/{i}``.
        """
        return seed_for(self.seed, "kpoints", snapshot) if self.dft.draws_kpoint_shift else None

    def frames(self, system: str, temperature_K: int) -> int:
        """Return how many frames the most demanding dataset takes from a trajectory."""
        return max(source.frames for source in self._sources(system, temperature_K))

    def candidates(self, system: str, temperature_K: int) -> int:
        """Return how many configurations a trajectory must hold."""
        return max(source.candidates for source in self._sources(system, temperature_K))

    def pools(self, dataset: str) -> dict[tuple[str, int], int]:
        """Return the trajectories that the base model chooses frames of, and of how many."""
        return {
            (source.system, temperature): source.pool
            for source in self.datasets[dataset]
            if source.pool is not None
            for temperature in source.temperatures_K
        }

    def chosen_in(self, system: str, temperature_K: int) -> str | None:
        """Return the dataset whose frames of a trajectory the base model chooses, if any does."""
        key = (system, temperature_K)
        return next((name for name in self.datasets if key in self.pools(name)), None)

    def sampler(self, system: str, temperature_K: int) -> str:
        """Return what makes a trajectory: ``aimd`` or ``classical``."""
        return self._sources(system, temperature_K)[0].sampler

    def _sources(self, system: str, temperature_K: int) -> list[Source]:
        found = [
            source
            for sources in self.datasets.values()
            for source in sources
            if source.system == system and temperature_K in source.temperatures_K
        ]
        if not found:
            raise ConfigError(f"datasets: none holds {system} at {temperature_K} K")
        return found


def _expect(key: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{key}: expected one of {sorted(known)}, found {name!r}")
