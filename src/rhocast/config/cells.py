"""What is computed: elements and cells."""

from math import gcd
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PositiveFloat, PositiveInt, Tag, model_validator

from rhocast.config.section import Element, Section, Share


class Material(Section):
    """What the cells are made of."""

    pseudopotentials: dict[Element, str] = Field(
        min_length=1,
        description="pseudopotential of each element: `spms` (the table that sparc-x-api "
        "carries) or a psp8 file",
    )
    debye_temperature_K: PositiveFloat = Field(
        description="Debye temperature that gives the mean square displacement of an infinite "
        "crystal, where atoms are displaced without dynamics, K; it sets the stiffness of springs "
        "between neighbours"
    )


def _one_or_list(value: Any) -> str:
    return "[list]" if isinstance(value, list | tuple) else "[one]"


Strain = Annotated[float, Field(gt=-0.5, lt=0.5)]
Vacancy = Annotated[tuple[Element, ...], Field(min_length=1, max_length=2)]
Counts = tuple[PositiveInt, PositiveInt, PositiveInt]


class System(Section):
    """One cell, built from a lattice or read from a file."""

    file: str | None = Field(
        None,
        description="file of the structure, instead of a lattice: any file that ASE "
        "reads, or HDF5 of Rhocast",
    )
    lattice: Literal["fcc", "bcc", "diamond", "hcp", "zincblende", "rocksalt"] | None = Field(
        None, description="crystal lattice; the last two are compounds of two elements"
    )
    lattice_constant_bohr: PositiveFloat | None = Field(
        None, description="lattice constant: edge of the cubic cell, or a of hcp, Bohr"
    )
    c_over_a: PositiveFloat | None = Field(
        None, description="ratio c/a of hcp; null: the ideal value, √(8/3)"
    )
    axes: Literal["orthogonal", "hexagonal"] = Field(
        "orthogonal",
        description="cell of hcp: `orthogonal` (4 atoms, a × √3 a × c) or `hexagonal` (2 atoms)",
    )
    repeat: Counts = Field(
        (1, 1, 1),
        description="number of cells along each axis: of the file, of the lattice, or of the "
        "defect, see there",
    )
    composition: dict[Element, Share] | None = Field(
        None,
        description="share of each element; sites are occupied at random, except those of a "
        "compound, where each of two elements has a sublattice",
    )
    shared_sites: Literal["random"] | None = Field(
        None,
        description="what becomes of sites of the file that several elements share: `random` gives "
        "each one of them, so that the numbers of atoms are the nearest to the shares; null: such "
        "a file is refused",
    )
    dislocation: Literal["screw", "edge"] | None = Field(
        None,
        description="pair of dislocations with Burgers vectors ±½[110] in fcc or diamond, half "
        "a cell apart. `repeat` counts cells of √1.5 a × √3 a × a/√2 (the line) for `screw`, "
        "a/√2 × √3 a × √1.5 a (the line) for `edge`; at least 3.6 a is needed along the first "
        "two axes, and about equal lengths are best",
    )
    grain_boundary: tuple[PositiveInt, PositiveInt, Literal[0]] | None = Field(
        None,
        description="plane [h, k, 0] of two symmetric [001] tilt boundaries in fcc, bcc or "
        "diamond: [2, 1, 0] and [3, 1, 0] are Σ5, [3, 2, 0] and [5, 1, 0] are Σ13; `repeat` "
        "counts cells [k −h 0] × [h k 0] (in each grain) × [0 0 1]",
    )
    vacancies: Annotated[
        Annotated[int, Field(ge=0), Tag("[one]")] | Annotated[tuple[Vacancy, ...], Tag("[list]")],
        Discriminator(_one_or_list),
    ] = Field(
        0,
        description="number of atoms that are taken out at random, or a list of vacancies by "
        "element: `[[Ge], [Si, Ge]]` takes out one atom and a pair of nearest neighbours",
    )
    strain: Annotated[
        Annotated[Strain, Tag("[one]")] | Annotated[tuple[Strain, Strain, Strain], Tag("[list]")],
        Discriminator(_one_or_list),
    ] = Field(
        0.0, description="linear strain of the lattice vectors: one number for all, or one for each"
    )
    temperature_K: PositiveFloat | None = Field(
        None,
        description="temperature of the thermal displacements, K: the atoms are displaced by "
        "phonons of springs between neighbours, in the classical limit, so that the cell has "
        "the potential energy of dynamics at this temperature",
    )

    @model_validator(mode="after")
    def _lattice_or_file(self) -> "System":
        own = {"repeat", "shared_sites", "strain", "temperature_K", "vacancies"}
        if (self.file is None) == (self.lattice is None):
            raise ValueError("expected either `file` or `lattice`")
        if self.file is not None:
            foreign = self.model_dump(exclude=own | {"file"}, exclude_defaults=True)
            if foreign:
                raise ValueError(f"`file` brings its own cell; take `{'`, `'.join(foreign)}` out")
        elif self.shared_sites is not None:
            raise ValueError("`shared_sites` is of `file`; a lattice has `composition`")
        elif None in (self.lattice_constant_bohr, self.composition):
            raise ValueError("`lattice` needs `lattice_constant_bohr` and `composition`")
        if self.composition is not None and abs(sum(self.composition.values()) - 1.0) > 1e-6:
            raise ValueError(
                f"composition: expected shares that add up to 1, found {self.composition}"
            )
        return self

    @model_validator(mode="after")
    def _keys_fit_the_lattice(self) -> "System":
        if self.lattice != "hcp" and (self.c_over_a, self.axes) != (None, "orthogonal"):
            raise ValueError(f"`c_over_a` and `axes` are of hcp, found lattice {self.lattice}")
        if self.dislocation is not None and self.lattice not in ("fcc", "diamond"):
            raise ValueError(f"dislocation: expected fcc or diamond, found {self.lattice}")
        if self.dislocation is not None and self.grain_boundary is not None:
            raise ValueError("expected `dislocation` or `grain_boundary`, found both")
        if self.grain_boundary is not None:
            h, k, _ = self.grain_boundary
            if self.lattice == "hcp" or h <= k or gcd(h, k) > 1:
                raise ValueError(
                    "grain_boundary: expected [h, k, 0], h > k without a common divisor, in a "
                    f"cubic lattice, found {list(self.grain_boundary)} in {self.lattice}"
                )
        return self

    @property
    def is_compound(self) -> bool:
        """Whether each element has a sublattice of its own."""
        return self.lattice in ("zincblende", "rocksalt")

    @property
    def has_ideal_sites(self) -> bool:
        """Whether unlike atoms stand on the sites of one crystal, and are to make room there."""
        return self.lattice is not None or self.shared_sites is not None

    @model_validator(mode="after")
    def _compounds_have_two_elements(self) -> "System":
        shares = list((self.composition or {}).values())
        if self.is_compound and shares != [0.5, 0.5]:
            raise ValueError(
                f"composition: expected two elements of share 0.5 for {self.lattice}, found "
                f"{self.composition}"
            )
        if self.is_compound and self.grain_boundary is not None:
            raise ValueError(f"grain_boundary: expected fcc, bcc or diamond, found {self.lattice}")
        return self

    @model_validator(mode="after")
    def _vacancies_are_of_the_alloy(self) -> "System":
        if self.composition is not None and not isinstance(self.vacancies, int):
            strange = {e for vacancy in self.vacancies for e in vacancy} - set(self.composition)
            if strange:
                raise ValueError(
                    f"vacancies: expected elements of {sorted(self.composition)}, found "
                    f"{sorted(strange)}"
                )
        return self
