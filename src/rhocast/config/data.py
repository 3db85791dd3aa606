"""How data are made: the Kohn-Sham calculation, the motion of the atoms, the datasets."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from rhocast.config.section import Name, Section, Temperature, distinct

KpointShift = Literal["gamma", "half", "quarter", "random", "random-half"]
EngineValue = StrictInt | StrictFloat | StrictStr
EngineKeys = dict[str, EngineValue | tuple[EngineValue, ...]]


class Dft(Section):
    """One Kohn-Sham single point; the same for every cell of a dataset."""

    engine: Literal["auto", "sparc", "abinit"] = Field(
        "auto",
        description="DFT engine; `auto`: sparc if it is on the PATH, else abinit; the "
        "choice is made once",
    )
    functional: Literal["pbe", "pbesol", "lda"] = Field(
        "pbe",
        description="exchange-correlation functional, for which the psp8 files must have been "
        "made; `lda`: Perdew-Wang",
    )
    mesh_spacing_bohr: PositiveFloat = Field(
        description="maximum mesh spacing of the stored density and of SPARC's finite "
        "differences, Bohr"
    )
    cutoff_ha: PositiveFloat = Field(
        description="plane-wave cutoff of ABINIT, Ha; required with SPARC too, which does not use "
        "it, so that either engine can run the same settings"
    )
    kpoint_spacing_per_bohr: PositiveFloat = Field(
        description="distance of k-points (2π/L over their number), at most 6 % more; cells whose "
        "lengths it divides get the same points"
    )
    kpoint_shift: KpointShift = Field(
        "gamma",
        description="shift of the k-mesh: none (a point at Γ), half or a quarter of a step along "
        "each axis; `quarter` of a single point is Baldereschi's mean-value point of a simple "
        "cubic cell; `random`: another shift for each snapshot, drawn by its name and the "
        "configuration's seed, so that the error of the k-mesh is noise and no bias; "
        "`random-half`: none or half a step along each axis, drawn likewise, which keeps k and -k "
        "equivalent and needs about half as many points",
    )
    smearing_K: PositiveFloat = Field(631.554, description="Fermi-Dirac electron temperature, K")
    scf_tolerance: PositiveFloat = Field(
        1e-6,
        lt=1e-2,
        description="bound on the residual of the SCF cycle, as the engine defines it",
    )
    max_scf_iterations: PositiveInt = Field(
        60, description="maximum number of SCF iterations; a snapshot that needs more is rejected"
    )
    sparc: EngineKeys = Field(
        default_factory=dict,
        description="for experts: further keys of SPARC's input, such as `MIXING_PARAMETER`; not "
        "those that other keys of this section stand for",
    )
    abinit: EngineKeys = Field(
        default_factory=dict,
        description="for experts: further variables of ABINIT's input, such as `boxcutmin`; not "
        "those that other keys of this section stand for; ABINIT refuses those that it does not "
        "know when it starts",
    )

    @property
    def draws_kpoint_shift(self) -> bool:
        """Whether each snapshot has a shift of the k-mesh of its own."""
        return self.kpoint_shift.startswith("random")

    def engine_keys(self, engine: str) -> EngineKeys:
        """Return the further keys of an engine, ``sparc`` or ``abinit``."""
        return {"sparc": self.sparc, "abinit": self.abinit}[engine]

    def with_engine_keys(
        self, engine: str, keys: Mapping[str, EngineValue | tuple[EngineValue, ...]]
    ) -> "Dft":
        """Return the settings with more keys of an engine, which win over those that are there."""
        return self.model_copy(update={engine: {**self.engine_keys(engine), **keys}})


Timestep = Annotated[PositiveFloat, Field(description="time step, fs")]
Period = Annotated[
    PositiveFloat, Field(description="period of the thermostat's own oscillation, fs")
]


class Motion(Section):
    """Molecular dynamics that frames are taken from, whatever moves the atoms."""

    timestep_fs: Timestep = 1.0
    thermostat_time_fs: Period = 50.0
    equilibration_steps: PositiveInt = Field(description="number of steps before the first frame")
    steps_between_frames: PositiveInt = Field(
        description="minimum number of steps from one frame to the next"
    )
    correlated_frames: Literal["spread", "accept"] = Field(
        "spread",
        description="treatment of frames that are correlated (closer in time than the "
        "correlation time of velocities and density): `spread` sets them further apart and "
        "lengthens the run, `accept` warns",
    )
    max_steps_between_frames: PositiveInt | None = Field(
        None,
        description="maximum number of steps between frames with `spread`; the run fails if "
        "frames are correlated even then (default: four times `steps_between_frames`, sixteen "
        "times for a classical potential)",
    )
    _spread: ClassVar[int] = 4

    @property
    def largest_spacing(self) -> int:
        """Steps from one frame to the next, at most."""
        return self.max_steps_between_frames or self._spread * self.steps_between_frames

    @model_validator(mode="after")
    def _spacing_has_room(self) -> Self:
        if self.largest_spacing < self.steps_between_frames:
            raise ValueError(
                f"max_steps_between_frames: expected {self.steps_between_frames} "
                f"(steps_between_frames) or more, found {self.largest_spacing}"
            )
        return self


class Aimd(Motion):
    """Molecular dynamics that the frames are taken from: NVT, Nosé-Hoover, in the engine."""

    scf_tolerance: PositiveFloat = Field(1e-4, description="tolerance of each step's SCF cycle")
    cutoff_ha: PositiveFloat | None = Field(
        None, description="plane-wave cutoff of the dynamics alone, Ha (default: dft.cutoff_ha)"
    )
    mesh_spacing_bohr: PositiveFloat | None = Field(
        None,
        description="maximum mesh spacing of the dynamics alone, Bohr (default: "
        "dft.mesh_spacing_bohr)",
    )
    kpoint_spacing_per_bohr: PositiveFloat | None = Field(
        None,
        description="distance of k-points of the dynamics alone, 1/Bohr (default: that of dft)",
    )
    kpoint_shift: KpointShift | None = Field(
        None, description="shift of these k-points (default: dft.kpoint_shift)"
    )


class Potential(Section):
    """What moves the atoms where it is not the DFT engine."""

    potential: str = Field(
        min_length=1,
        description="`emt` (Al, Cu, Ag, Au, Ni, Pd, Pt), `tersoff` (Si, Ge), or the import path "
        "of a class of ASE calculators, such as `mace.calculators.MACECalculator`; its module is "
        "imported: code that the author of the configuration runs on this machine",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="keyword arguments of that calculator"
    )


# The order of the bases is that of the keys, from last to first. Snakemake compares slices of the
# configuration as text: another order would move the atoms again, and repeat their single points.
class Classical(Motion, Potential):
    """Molecular dynamics with a classical potential: NVT, Nosé-Hoover chains."""

    timestep_fs: Timestep = 2.0
    thermostat_time_fs: Period = 200.0
    _spread: ClassVar[int] = 16
    liquid_from_K: PositiveFloat | None = Field(
        None, description="lowest temperature at which the crystal is melted first, K"
    )
    melting_K: PositiveFloat | None = Field(
        None,
        description="temperature that melts it, for as many steps as the equilibration, K",
    )

    @model_validator(mode="after")
    def _melting_is_whole(self) -> "Classical":
        if (self.liquid_from_K is None) != (self.melting_K is None):
            raise ValueError("expected both `liquid_from_K` and `melting_K`, or neither")
        return self


class Source(Section):
    """Snapshots of one system at some temperatures."""

    system: Name = Field(description="a key of `systems`")
    sampler: Literal["aimd", "classical", "springs", "imported"] = Field(
        "aimd",
        description="what moves the atoms: the DFT engine (`aimd`), a classical potential "
        "(`classical`), or phonons of springs between neighbours, drawn anew for each frame "
        "(`springs`: a crystal that does not melt, without a trajectory); `imported`: densities "
        "that have been computed elsewhere lie in the folder of results",
    )
    temperatures_K: Annotated[tuple[Temperature, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="temperatures of the ions, K"
    )
    frames: PositiveInt = Field(
        description="number of snapshots at each temperature; of a trajectory, they are "
        "`steps_between_frames` apart"
    )
    pool: PositiveInt | None = Field(
        None,
        description="number of configurations at each temperature from which the base model "
        "chooses the `frames` that it would learn most from; without it, the first ones are "
        "taken",
    )

    @property
    def candidates(self) -> int:
        """Configurations that each trajectory must hold."""
        return self.pool or self.frames

    @model_validator(mode="after")
    def _pool_leaves_a_choice(self) -> "Source":
        if self.pool is not None and self.pool <= self.frames:
            raise ValueError(
                f"pool: expected more than `frames` = {self.frames}, found {self.pool}"
            )
        return self

    @model_validator(mode="after")
    def _pool_has_a_trajectory(self) -> "Source":
        if self.pool is not None and self.sampler == "springs":
            raise ValueError("pool: frames are chosen from a trajectory; `springs` makes none")
        return self


Sources = Annotated[tuple[Source, ...], Field(min_length=1)]
