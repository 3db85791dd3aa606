"""How coarse a mesh a model may be evaluated on: measured, and kept in the model's file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Certificate:
    """What a quintic spline between the points of a mesh misplaces, as ∫|Δρ| / N_e.

    Attributes
    ----------
    mesh_spacing_bohr
        Of that mesh, at most, Bohr.
    density_error
        Kohn-Sham densities on a fine mesh, taken at the coarse points and interpolated back.
    model_error
        The model interpolated from the coarse points, against itself at the fine ones.
    fine_spacing_bohr
        Of the fine mesh, Bohr.
    densities
        Chemical formulas of the Kohn-Sham densities.
    structure, blocks
        Formula of the structure that the model was evaluated on, and at how many blocks of it.
    """

    mesh_spacing_bohr: float
    density_error: float
    model_error: float
    fine_spacing_bohr: float
    densities: tuple[str, ...]
    structure: str
    blocks: int

    @property
    def error(self) -> float:
        """Share of the electrons that interpolation misplaces, at most."""
        return max(self.density_error, self.model_error)
