"""How data are made: the Kohn-Sham calculation, the motion of the atoms, the datasets."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from rhocast.config.section import Name, Section, Temperature, distinct


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


class Classical(Section):
    """Molecular dynamics with a classical potential, for frames without DFT forces: Langevin."""

    potential: str = Field(
        min_length=1,
        description="`emt` (Al, Cu, Ag, Au, Ni, Pd, Pt), `tersoff` (Si, Ge), or the import path "
        "of an ASE calculator, such as `mace.calculators.MACECalculator`",
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="keyword arguments of that calculator"
    )
    timestep_fs: PositiveFloat = Field(2.0, description="time step, fs")
    friction_per_fs: PositiveFloat = Field(0.01, description="of the Langevin thermostat, 1/fs")
    equilibration_steps: PositiveInt = Field(description="steps before the first frame")
    steps_between_frames: PositiveInt = Field(description="steps from one frame to the next")
    liquid_from_K: PositiveFloat | None = Field(
        None, description="from this temperature on the crystal is melted first, K"
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
    sampler: Literal["aimd", "classical"] = Field(
        "aimd", description="what moves the atoms: the DFT engine, or a classical potential"
    )
    temperatures_K: Annotated[tuple[Temperature, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="ions, K"
    )
    frames: PositiveInt = Field(
        description="snapshots at each temperature, `steps_between_frames` apart"
    )


Sources = Annotated[tuple[Source, ...], Field(min_length=1)]
