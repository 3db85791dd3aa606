"""What is computed with predicted densities: energies, equations of state, bands."""

from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat

from rhocast.config.section import Name, Section, distinct

Samples = Annotated[int, Field(ge=2)]
LinearStrain = Annotated[float, Field(gt=-0.3, lt=0.3)]


class Energies(Section):
    """Energies at predicted densities, against those at the densities of snapshots."""

    datasets: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="keys of `datasets`, whose snapshots no model was trained on"
    )
    samples: Samples | None = Field(
        None,
        description="number of samples of the field at which each energy is computed, too, for "
        "its error bar (default: none)",
    )


class Bands(Section):
    """Bands and densities of states of some cells, at predicted and self-consistent densities."""

    systems: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="keys of `systems`"
    )
    path: str | None = Field(
        None,
        pattern="^[A-Za-z0-9,]+$",
        description="points of the path through the Brillouin zone, such as `GXWKGL`, with a comma "
        "for a jump (default: ASE's suggestion for the lattice of the cell)",
    )
    dos_kpoint_spacing_per_bohr: PositiveFloat | None = Field(
        None,
        description="distance of the k-points of Fermi level and density of states, 1/Bohr "
        "(default: `dft.kpoint_spacing_per_bohr`)",
    )
    compare_dft: bool = Field(True, description="whether to compute the self-consistent ones too")


class Experiment(Section):
    """Measured values that are shown beside the computed ones."""

    lattice_constant_bohr: PositiveFloat = Field(description="lattice constant, Bohr")
    bulk_modulus_gpa: PositiveFloat = Field(description="bulk modulus, GPa")


class EquationOfState(Section):
    """Energies over volumes of some cells, at predicted and at self-consistent densities."""

    systems: Annotated[tuple[Name, ...], AfterValidator(distinct)] = Field(
        min_length=1, description="keys of `systems`: the cells at strain 0"
    )
    strains: Annotated[tuple[LinearStrain, ...], AfterValidator(distinct)] = Field(
        (-0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03),
        min_length=5,
        description="linear strains: the lengths of the cell are multiplied by 1 + strain",
    )
    compare_dft: bool = Field(True, description="whether to compute self-consistent energies too")
    samples: Samples | None = Field(
        None,
        description="number of samples of the field at which each energy is computed, too, for "
        "the error bars of energies, volume and bulk modulus (default: none)",
    )
    experiment: Experiment | None = Field(
        None, description="measured lattice constant and bulk modulus, if they are to be shown"
    )
