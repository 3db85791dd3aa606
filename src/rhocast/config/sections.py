"""All sections of a configuration, and what follows from them: trajectories, frames, seeds."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    Field,
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
from rhocast.config.physics import Bands, Energies, EquationOfState
from rhocast.config.prediction import Prediction
from rhocast.config.section import Name, Section
from rhocast.config.seeds import seed_for
from rhocast.config.studies import Recipe, Studies
from rhocast.errors import ConfigError


def _usable_folder(path: str) -> str:
    if strange := sorted({c for c in path if c in "{}*?[]:" or not c.isprintable()}):
        raise ValueError(f"expected a path without {' '.join(strange)!r}, found {path!r}")
    return path


class Sections(Section):
    """The sections of a configuration, each valid by itself."""

    name: Name = Field(description="name of the model, which lies in `models/{name}/`")
    seed: int = Field(0, ge=0, description="seed of all random numbers")
    results: Annotated[str, AfterValidator(_usable_folder)] = Field(
        "results", min_length=1, description="folder for all that the workflow writes"
    )
    material: Material
    systems: dict[Name, System] = Field(min_length=1, description="cells by name")
    dft: Dft
    aimd: Aimd | None = Field(
        None,
        description="molecular dynamics with the DFT engine; "
        "needed where a dataset's `sampler` is `aimd`",
    )
    classical: Classical | None = Field(
        None,
        description="molecular dynamics with a classical potential; needed where a "
        "dataset's `sampler` is `classical`",
    )
    convergence: Convergence | None = Field(
        None, description="convergence study of the settings of `dft`, on one cell"
    )
    datasets: dict[Name, Sources] = Field(min_length=1, description="snapshots by name")
    packages: dict[Name, Package] = Field(
        default_factory=dict, description="datasets to publish, by folder of `data/`"
    )
    features: Features = Field(default_factory=lambda: Features.model_validate({}))
    descriptor: Descriptor = Field(
        description="description of the atoms around a point, which is the input of the network"
    )
    baseline: Baseline | None = Field(
        None, description="the density that the network corrects; without it, zero"
    )
    network: Network = Field(default_factory=lambda: Network.model_validate({}))
    training: Training
    transfer: Transfer = Field(
        default_factory=lambda read: Transfer.model_validate({"dataset": read["training"].dataset}),
        description="retraining on larger cells; without it, on those of the training: the better "
        "model predicts",
    )
    evaluation: tuple[Name, ...] = Field(
        min_length=1, description="datasets that the errors are measured on"
    )
    prediction: Prediction
    goal: Goal | None = Field(
        None, description="rounds until the error is small enough; without it, one training"
    )
    energies: Energies | None = Field(
        None, description="energies at predicted densities, which `snakemake physics` computes"
    )
    equation_of_state: EquationOfState | None = Field(
        None, description="equations of state, which `snakemake physics` computes"
    )
    bands: Bands | None = Field(
        None, description="bands and densities of states, which `snakemake physics` computes"
    )
    studies: Studies = Field(
        default_factory=lambda: Studies.model_validate({}),
        description="studies beside the campaign, which run on request",
    )

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

    @property
    def computes_densities(self) -> bool:
        """Whether a DFT engine is needed: for single points, or for a convergence study."""
        samplers = {source.sampler for sources in self.datasets.values() for source in sources}
        return samplers != {"imported"} or self.convergence is not None

    def sampler(self, system: str, temperature_K: int) -> str:
        """Return what moves the atoms of a system: see `Source.sampler`."""
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
