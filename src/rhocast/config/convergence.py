"""The convergence study: which settings are tried, and what counts as converged."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat

from rhocast.config.cells import System
from rhocast.config.data import Dft
from rhocast.config.section import Name, Section, distinct

Finenesses = Annotated[tuple[PositiveFloat, ...], AfterValidator(distinct)]

#: The keys of `dft` that each parameter stands for, and the power of the fineness they go with.
#: Mesh spacing and cutoff go together: either may be what the engine uses.
VARIED: dict[str, dict[str, int]] = {
    "kpoints": {"kpoint_spacing_per_bohr": -1},
    "resolution": {"mesh_spacing_bohr": -1, "cutoff_ha": 2},
    "smearing": {"smearing_K": -1},
    "scf_tolerance": {"scf_tolerance": -1},
}

#: Name of the point that has the settings of `dft` itself; it belongs to every parameter.
OWN = "own"


class Convergence(Section):
    """How far the settings of `dft` are converged; each is varied while the others stay.

    Values are finenesses: 1 stands for the setting of `dft` (and is always computed), 2 for one
    that is twice as fine. The finest value of each parameter is what the others are compared with.
    """

    system: Name = Field(description="a key of `systems`")
    temperature_K: PositiveFloat | None = Field(
        None,
        description="temperature of the thermal displacements of its atoms, as in `systems`, K",
    )
    kpoints: Finenesses = Field(
        (0.33, 0.67, 1.33, 1.67),
        description="factors for the number of k-points of `dft` along each axis",
    )
    resolution: Finenesses = Field(
        (0.8, 1.25, 1.5),
        description="factors for the resolution of `dft`: the mesh spacing is divided by the "
        "factor, the cutoff is multiplied by its square",
    )
    smearing: Finenesses = Field(
        (0.5, 2.0), description="factors that the electron temperature of `dft` is divided by"
    )
    scf_tolerance: Finenesses = Field(
        (0.01, 0.1, 10.0), description="factors that the SCF tolerance of `dft` is divided by"
    )
    max_density_share: PositiveFloat = Field(
        3e-3, description="criterion: largest ∫|Δρ|/N_e against the finest value"
    )
    max_energy_ha_per_atom: PositiveFloat = Field(
        1e-3, description="criterion: largest difference of the free energy, Ha per atom"
    )
    max_force_ha_per_bohr: PositiveFloat = Field(
        1e-3, description="criterion: largest difference of a force, Ha/Bohr"
    )

    require: bool = Field(
        False,
        description="whether dynamics and single points wait for the study and stop if the "
        "settings of `dft` are too coarse; otherwise there is a warning only",
    )

    def cell(self, systems: Mapping[str, System]) -> System:
        """Return the cell of the study, its atoms displaced."""
        system = systems[self.system]
        if self.temperature_K is None:
            return system
        return system.model_copy(update={"temperature_K": self.temperature_K})

    def points(self) -> dict[str, tuple[str, float]]:
        """Return every single point of the study by name: parameter and fineness.

        The point `OWN` is not among them.
        """
        return {
            f"{parameter}-{fineness:g}": (parameter, fineness)
            for parameter in VARIED
            for fineness in sorted(getattr(self, parameter))
            if fineness != 1.0
        }

    def series(self, parameter: str) -> dict[float, str]:
        """Return the names of one parameter's points by fineness, the coarsest first."""
        own = {1.0: OWN}
        others = {f: name for name, (varied, f) in self.points().items() if varied == parameter}
        return dict(sorted((own | others).items()))

    def settings(self, point: str, dft: Dft) -> Dft:
        """Return what a point is computed with."""
        if point == OWN:
            return dft
        parameter, fineness = self.points()[point]
        return Dft.model_validate(dft.model_dump() | refined(parameter, fineness, dft))


def refined(parameter: str, fineness: float, dft: Dft) -> dict[str, float]:
    """Return the keys of `dft` that a parameter of the study stands for, made finer."""
    powers = VARIED[parameter]
    return {key: getattr(dft, key) * fineness**power for key, power in powers.items()}
