"""The configuration as types: every key with its unit, its bounds and its meaning."""

from pathlib import Path
from typing import Annotated, Any, Literal

from ase.data import atomic_numbers
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from rhocast.errors import ConfigError


def _known_element(symbol: str) -> str:
    if symbol not in atomic_numbers or symbol == "X":
        raise ValueError(f"expected a chemical symbol such as Al, found {symbol!r}")
    return symbol


def _plain_name(name: str) -> str:
    if not (name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
        raise ValueError(f"expected letters, digits, - and _ (it becomes a path), found {name!r}")
    return name


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"expected distinct values, found {list(values)}")
    return values


#: Keys that users of DFT codes may look for, refused by name wherever they stand.
_NOT_SUPPORTED = ("spin", "spin_polarized", "nspin", "nsppol", "magnetic_moments", "charge")

Element = Annotated[str, AfterValidator(_known_element)]
Name = Annotated[str, AfterValidator(_plain_name)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Temperature = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """A part of the configuration; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _no_spin_no_charge(cls, data: Any) -> Any:
        for key in _NOT_SUPPORTED:
            if isinstance(data, dict) and key in data:
                raise ValueError(
                    f"`{key}` is not supported: the density of neutral cells without spin is "
                    "learnt; take the key out"
                )
        return data

    @field_validator("*", mode="before")
    @classmethod
    def _no_switches(cls, value: Any) -> Any:
        # YAML reads yes and no as truth values, which would pass for 1 and 0.
        if isinstance(value, bool):
            raise ValueError(f"expected no truth value, found {value}")
        return value


class Material(Section):
    """What the cells are made of."""

    pseudopotentials: dict[Element, str] = Field(
        min_length=1,
        description="per element `spms` (the table that sparc-x-api carries) or a psp8 file",
    )
    debye_temperature_K: PositiveFloat = Field(
        description="sets the size of thermal displacements where atoms are displaced at random, K"
    )


class System(Section):
    """One cell, built from a lattice or read from a file."""

    file: str | None = Field(None, description="any file that ASE reads, instead of a lattice")
    lattice: Literal["fcc", "bcc", "diamond"] | None = Field(None, description="crystal lattice")
    lattice_constant_bohr: PositiveFloat | None = Field(None, description="cubic constant, Bohr")
    repeat: tuple[PositiveInt, PositiveInt, PositiveInt] = Field(
        (1, 1, 1), description="cubic cells along each axis"
    )
    composition: dict[Element, Share] | None = Field(
        None, description="share of each element; sites are occupied at random"
    )
    vacancies: int = Field(0, ge=0, description="atoms taken out at random")
    strain: float = Field(0.0, gt=-0.5, lt=0.5, description="linear scaling of the cell minus one")
    temperature_K: PositiveFloat | None = Field(
        None, description="displace the atoms independently as at this temperature, K"
    )

    @model_validator(mode="after")
    def _lattice_or_file(self) -> "System":
        lattice = (self.lattice, self.lattice_constant_bohr, self.composition)
        if (self.file is None) == (self.lattice is None):
            raise ValueError("expected either `file` or `lattice`")
        if self.file is not None and (lattice != (None, None, None) or self.repeat != (1, 1, 1)):
            raise ValueError("`file` brings its own cell; take `composition`, `repeat` … out")
        if self.lattice is not None and None in lattice:
            raise ValueError("`lattice` needs `lattice_constant_bohr` and `composition`")
        if self.composition is not None and abs(sum(self.composition.values()) - 1.0) > 1e-6:
            raise ValueError(
                f"composition: expected shares that add up to 1, found {self.composition}"
            )
        return self


class Dft(Section):
    """One Kohn-Sham single point; the same for every cell of a dataset."""

    engine: Literal["auto", "sparc", "abinit"] = Field(
        "auto", description="`auto`: sparc if it is on the PATH, else abinit; settled once"
    )
    functional: Literal["pbe"] = Field("pbe", description="exchange and correlation")
    mesh_spacing_bohr: PositiveFloat = Field(
        description="mesh of the stored density and of SPARC's finite differences, at most, Bohr"
    )
    cutoff_ha: PositiveFloat = Field(description="plane-wave cutoff (ABINIT), Ha")
    kpoint_spacing_per_bohr: PositiveFloat = Field(
        description="distance of k-points (2π/L over their number), at most 6 % more; cells whose "
        "lengths it divides get the same points"
    )
    kpoint_shift: Literal["gamma", "half"] = Field(
        "gamma", description="mesh centred on Γ or shifted by half a step"
    )
    smearing_K: PositiveFloat = Field(631.554, description="Fermi-Dirac electron temperature, K")
    scf_tolerance: PositiveFloat = Field(
        1e-6,
        lt=1e-2,
        description="bound on the residual of the SCF cycle, as the engine defines it",
    )
    max_scf_iterations: PositiveInt = Field(60, description="then the snapshot is rejected")


class Aimd(Section):
    """Molecular dynamics that the frames are taken from: NVT, Nosé-Hoover, in the engine."""

    timestep_fs: PositiveFloat = Field(1.0, description="time step, fs")
    thermostat_time_fs: PositiveFloat = Field(
        50.0, description="period of the thermostat's own oscillation, fs"
    )
    equilibration_steps: PositiveInt = Field(description="steps before the first frame")
    steps_between_frames: PositiveInt = Field(description="steps from one frame to the next")
    scf_tolerance: PositiveFloat = Field(1e-4, description="of each step's SCF cycle")
    cutoff_ha: PositiveFloat | None = Field(
        None, description="plane-wave cutoff of the dynamics alone, Ha (default: dft.cutoff_ha)"
    )
    kpoint_spacing_per_bohr: PositiveFloat | None = Field(
        None, description="k-points of the dynamics alone (default: those of dft)"
    )


class Source(Section):
    """Snapshots of one system at some temperatures."""

    system: Name = Field(description="a key of `systems`")
    temperatures_K: Annotated[tuple[Temperature, ...], AfterValidator(_distinct)] = Field(
        min_length=1, description="ions, K"
    )
    frames: PositiveInt = Field(
        description="snapshots at each temperature, `aimd.steps_between_frames` apart"
    )


Sources = Annotated[tuple[Source, ...], Field(min_length=1)]


class Descriptor(Section):
    """Sorted distances and cosines (the paper's sets I and II), a block per species."""

    kind: Literal["sorted"] = Field("sorted", description="the paper's descriptor")
    cutoff_bohr: PositiveFloat = Field(description="atoms further away count as absent, Bohr")
    distances: PositiveInt = Field(description="M: nearest atoms whose distances are taken")
    angle_atoms: int = Field(ge=0, description="M_a: nearest atoms whose cosines are taken")
    angle_neighbours: int = Field(ge=0, description="k: neighbours of each of them")

    @model_validator(mode="after")
    def _angles_within_distances(self) -> "Descriptor":
        if self.angle_atoms > self.distances:
            raise ValueError(
                f"angle_atoms: expected at most `distances` = {self.distances}, "
                f"found {self.angle_atoms}"
            )
        return self


class Network(Section):
    """The Bayesian network."""

    width: PositiveInt = Field(description="units in each hidden layer")
    blocks: PositiveInt = Field(description="dense (skip-connected) blocks")
    layers_per_block: PositiveInt = Field(2, description="variational layers in a block")
    prior_std: PositiveFloat = Field(
        1.0, description="of the Gaussian prior, times 1/√fan-in of the layer"
    )


class Features(Section):
    """Mesh points drawn from the snapshots."""

    points_per_snapshot: PositiveInt = Field(description="drawn at random from each snapshot")
    max_rejected_share: float = Field(
        0.2, ge=0.0, lt=1.0, description="share of a dataset's snapshots that may be rejected"
    )


class Training(Section):
    """Training on the small cells."""

    dataset: Name = Field(description="a key of `datasets`")
    steps: PositiveInt = Field(description="optimiser steps")
    batch_size: PositiveInt = Field(description="points a step")
    learning_rate: PositiveFloat = Field(description="of AdamW at the start; falls to zero")
    validation_share: Share = Field(
        0.1, description="held back to watch the loss: trajectories, else snapshots, else points"
    )


class Transfer(Training):
    """Retraining on the larger cells."""

    share: Share = Field(0.4, description="share of the dataset's points that is used")
    frozen_share: float = Field(1 / 3, ge=0.0, lt=1.0, description="first layers kept as they are")


class Prediction(Section):
    """Prediction of cells too large for DFT."""

    cells: Annotated[tuple[Name, ...], AfterValidator(_distinct)] = Field(
        min_length=1, description="keys of `systems`"
    )
    mesh_spacing_bohr: PositiveFloat = Field(description="at most, Bohr")
    shards: PositiveInt = Field(description="files, and jobs, that one cell is cut into")
    uncertainty: Literal["none", "sampled"] = Field(
        description="`sampled`: variance over weight samples (paper, Eq. 4)"
    )
    samples: PositiveInt = Field(10, ge=2, description="N_s: weight samples")


class Config(Section):
    """The whole configuration."""

    name: Name = Field(description="of the model: `models/{name}/`")
    seed: int = Field(0, ge=0, description="everything random follows from it")
    results: str = Field(
        "results", min_length=1, description="folder for all that the workflow writes"
    )
    material: Material
    systems: dict[Name, System] = Field(min_length=1, description="cells by name")
    dft: Dft
    aimd: Aimd
    datasets: dict[Name, Sources] = Field(min_length=1, description="snapshots by name")
    features: Features
    descriptor: Descriptor
    network: Network
    training: Training
    transfer: Transfer
    evaluation: tuple[Name, ...] = Field(
        min_length=1, description="datasets that the errors are measured on"
    )
    prediction: Prediction

    @model_validator(mode="after")
    def _names_exist(self) -> "Config":
        for dataset, sources in self.datasets.items():
            for number, source in enumerate(sources):
                _expect(f"datasets.{dataset}[{number}].system", source.system, self.systems)
        _expect("training.dataset", self.training.dataset, self.datasets)
        _expect("transfer.dataset", self.transfer.dataset, self.datasets)
        for name in self.evaluation:
            _expect("evaluation", name, self.datasets)
        for name in self.prediction.cells:
            _expect("prediction.cells", name, self.systems)
        for name, system in self.systems.items():
            for element in system.composition or ():
                _expect(f"systems.{name}.composition", element, self.material.pseudopotentials)
        return self

    @model_validator(mode="after")
    def _no_leakage(self) -> "Config":
        seen = self.trajectories(self.training.dataset) | self.trajectories(self.transfer.dataset)
        for name in self.evaluation:
            if leaked := sorted(seen & self.trajectories(name)):
                raise ValueError(
                    f"evaluation: dataset {name!r} holds trajectories that are trained on, "
                    f"{leaked}; expected other systems or temperatures"
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

    def trajectories(self, dataset: str) -> set[tuple[str, int]]:
        """Return the (system, temperature in K) of every trajectory of a dataset."""
        return {(s.system, t) for s in self.datasets[dataset] for t in s.temperatures_K}

    def frames(self, system: str, temperature_K: int) -> int:
        """Return how many frames the most demanding dataset takes from a trajectory."""
        wanted = [
            source.frames
            for sources in self.datasets.values()
            for source in sources
            if source.system == system and temperature_K in source.temperatures_K
        ]
        if not wanted:
            raise ConfigError(f"datasets: none holds {system} at {temperature_K} K")
        return max(wanted)


def _expect(key: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise ValueError(f"{key}: expected one of {sorted(known)}, found {name!r}")
