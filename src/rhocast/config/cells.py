"""What is computed: elements and cells."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from rhocast.config.section import Element, Section, Share


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
