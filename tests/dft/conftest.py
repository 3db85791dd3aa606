"""Small crystals, settings and engines that the tests of this room share."""

import numpy as np
import pytest

from rhocast import config
from rhocast.dft import resolve_pseudopotentials
from rhocast.structures import Structure


@pytest.fixture(scope="session", autouse=True)
def _engine_environment(environment):
    """Let engines run in this process's children as the whole suite runs its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"):
            patch.setenv(name, environment[name])
        patch.setenv("OMPI_MCA_rmaps_base_oversubscribe", "1")
        yield


@pytest.fixture(scope="session")
def pseudopotentials():
    return resolve_pseudopotentials({"Al": "spms", "Si": "spms"})


@pytest.fixture(scope="session")
def silicon() -> Structure:
    """Two atoms off their places in the primitive cell, 10.2 Bohr the cubic constant."""
    cell = 5.1 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    positions = np.array([[0.1, -0.05, 0.0], [2.55, 2.6, 2.45]])
    return Structure(positions, cell, [14, 14])


@pytest.fixture(scope="session")
def aluminium() -> Structure:
    """Four atoms off their places in the cubic cell."""
    fractional = np.array([[0.01, 0, 0], [0, 0.5, 0.49], [0.5, 0, 0.5], [0.5, 0.51, 0]])
    return Structure(7.65 * fractional, 7.65 * np.eye(3), [13] * 4)


@pytest.fixture(scope="session")
def settings():
    """Make DFT settings, coarse unless told otherwise."""

    def make(**changes) -> config.Dft:
        coarse = {
            "mesh_spacing_bohr": 0.6,
            "cutoff_ha": 6.0,
            "kpoint_spacing_per_bohr": 0.4,
            "scf_tolerance": 1e-7,
        }
        return config.Dft(**(coarse | changes))

    return make
