"""Pictures of energies and equations of state."""

import numpy as np

from rhocast.analysis.physics import draw_energies, draw_equation_of_state
from rhocast.config import Experiment
from rhocast.properties import EnergyComparison, EquationOfState
from rhocast.properties.birch_murnaghan import fit


def test_energies_of_two_systems_are_drawn(tmp_path):
    def one(system, error):
        return EnergyComparison("0.h5", system, 4, 0.01, -2.0, -2.0 - error, error, error, error,
                                None, error, 1.0)  # fmt: skip

    draw_energies([one("Al32", 1e-5), one("Al31", -3e-5)], tmp_path / "energies.png")
    assert (tmp_path / "energies.png").read_bytes().startswith(b"\x89PNG")


def test_equation_of_state_is_drawn_with_lattice_constants_and_without(tmp_path):
    volumes = np.linspace(100.0, 124.0, 7)
    energies = 1e-5 * (volumes - 112.0) ** 2 - 2.0
    strains = np.cbrt(volumes / 112.0) - 1.0
    curve = fit(volumes, energies, 112.0)
    found = EquationOfState("Al4", 4, strains, volumes, energies, energies + 1e-6, curve, curve)
    draw_equation_of_state(found, tmp_path / "volumes.png")
    measured = Experiment(lattice_constant_bohr=7.65, bulk_modulus_gpa=76.0)
    draw_equation_of_state(found, tmp_path / "constants.png", 7.65, measured)
    sizes = [len((tmp_path / name).read_bytes()) for name in ("volumes.png", "constants.png")]
    assert sizes[1] > sizes[0] > 10_000  # more is in the second one
