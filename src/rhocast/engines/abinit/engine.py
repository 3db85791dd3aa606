"""The ABINIT engine: plane waves, psp8 pseudopotentials (https://www.abinit.org, 9.6 or later).

Outputs are read from ABINIT's netCDF files.
"""

import math
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from rhocast.density.fourier import resample
from rhocast.dynamics.trajectory import Trajectory
from rhocast.engines.abinit.dynamics import molecular_dynamics
from rhocast.engines.abinit.input import electronic_variables
from rhocast.engines.abinit.process import OUTPUT, open_netcdf, run_abinit, scf_residuals
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import (
    CalculationError,
    Dynamics,
    EngineRecord,
    SinglePoint,
    check_version,
)
from rhocast.engines.given_density import fitted
from rhocast.engines.process import Launcher
from rhocast.engines.undersampling import partial_electrons
from rhocast.errors import EngineError

_DENSITY, _RESULTS = "runo_DEN.nc", "runo_GSR.nc"


class AbinitEngine:
    """ABINIT as an engine; see `rhocast.engines.engine.Engine`."""

    safer_mixing = MappingProxyType({"diemix": 0.3, "npulayit": 12})

    def __init__(self, record: EngineRecord) -> None:
        self.record = record

    @staticmethod
    def version(executable: str) -> str:
        """Ask the program for its version."""
        try:
            answer = subprocess.run(
                [executable, "--version"], capture_output=True, text=True, check=True, timeout=60.0
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise EngineError(f"{executable} --version failed ({error}); install it anew") from None
        words = answer.stdout.split()
        if not words:
            raise EngineError(f"{executable} --version: expected a version, found nothing")
        return words[-1]

    def single_point(
        self,
        calculation: Calculation,
        launcher: Launcher,
        workdir: Path,
        start: np.ndarray | None = None,
    ) -> SinglePoint:
        """Compute density, energy and forces of one configuration."""
        check_mesh(calculation)
        began = time.monotonic()
        variables = electronic_variables(calculation, launcher.ranks) | {"prtden": 1}
        if start is not None:
            variables |= self._hand_over(start, calculation, launcher, workdir)
            # The first iterations must not spoil the density with unconverged wave functions.
            variables["nnsclo"] = -8
        run_abinit(self.record.executable, calculation, variables, launcher, workdir)
        cycles = scf_residuals(workdir / OUTPUT)
        if not cycles:
            raise CalculationError(f"{workdir / OUTPUT}: no SCF iteration (ETOT) in it")
        iterations = cycles[-1]
        with open_netcdf(workdir / _RESULTS) as file:
            check_version(self.record, str(file.abinit_version))
            energy_ha = float(file["etotal"][...])
            forces = np.array(file["cartesian_forces"][...])
            occupations = np.array(file["occupations"][0])
            weights = np.array(file["kpoint_weights"][...])
        with open_netcdf(workdir / _DENSITY) as file:
            # ABINIT's arrays: component, z, y, x, real part.
            density = np.array(file["density"][0, ..., 0]).transpose(2, 1, 0)
        return SinglePoint(
            density=resample(density, calculation.mesh.shape),
            forces=forces,
            energy_ha=energy_ha,
            converged=iterations[-1] < calculation.dft.scf_tolerance,
            scf_iterations=len(iterations),
            scf_residual=iterations[-1],
            highest_occupation=float(occupations[..., -1].max()) / 2.0,
            record={
                "cutoff_ha": calculation.dft.cutoff_ha,
                "engine_mesh": " ".join(str(n) for n in density.shape),
                "partial_electrons": partial_electrons(occupations, weights),
                "wall_time_s": time.monotonic() - began,
            },
        )

    def harris_foulkes(
        self, calculation: Calculation, density: np.ndarray, launcher: Launcher, workdir: Path
    ) -> float:
        """Return the Harris-Foulkes free energy, Ha, at a density on any mesh of the cell.

        It is what ABINIT tells as the energy of the first iteration if it mixes densities
        (``iscf 17``) and its wave functions are converged in the potential of that density.
        """
        settled = calculation.dft.with_engine_keys("abinit", {"nnsclo": 12})
        calculation = replace(calculation, dft=settled)
        variables = electronic_variables(calculation, launcher.ranks) | {"nstep": 1, "iscf": 17}
        variables |= self._hand_over(density, calculation, launcher, workdir)
        run_abinit(self.record.executable, calculation, variables, launcher, workdir)
        with open_netcdf(workdir / _RESULTS) as file:
            check_version(self.record, str(file.abinit_version))
            return float(file["etotal"][...])

    def _hand_over(
        self, density: np.ndarray, calculation: Calculation, launcher: Launcher, workdir: Path
    ) -> dict[str, str]:
        """Write a density for ABINIT to begin from; return the variable that names the file.

        ABINIT reads a file with its own header only. It writes one in a run of a single, hasty
        iteration (with none at all it refuses to run in parallel), and the density in it is
        replaced.
        """
        folder = workdir / "start"
        folder.mkdir()
        hasty = {"nstep": 1, "nnsclo": 1, "nline": 1, "prtden": 1}
        variables = electronic_variables(calculation, launcher.ranks) | hasty
        run_abinit(self.record.executable, calculation, variables, launcher, folder)
        with open_netcdf(folder / _DENSITY, "r+") as file:
            nz, ny, nx = file["density"].shape[1:4]
            given = fitted(density, (nx, ny, nz), calculation)
            file["density"][0, ..., 0] = given.transpose(2, 1, 0)
        return {"getden_filepath": f'"{folder.name}/{_DENSITY}"'}

    def molecular_dynamics(
        self, calculation: Calculation, dynamics: Dynamics, launcher: Launcher, workdir: Path
    ) -> Trajectory:
        """Let the atoms move."""
        return molecular_dynamics(self.record, calculation, dynamics, launcher, workdir)


def check_mesh(calculation: Calculation) -> None:
    """Raise EngineError if the stored mesh is too coarse to hold the electrons.

    The density is made of waves up to 2 G_max, with G_max = sqrt(2 cutoff). Points a distance h
    apart take a wave of 2π/h for a constant; the mean over them is then no longer the density's.
    """
    limit = math.pi / math.sqrt(2.0 * calculation.dft.cutoff_ha)
    spacing = float(calculation.mesh.spacing.max())
    if spacing >= limit:
        raise EngineError(
            f"dft.mesh_spacing_bohr: expected less than {limit:.3g} Bohr for dft.cutoff_ha = "
            f"{calculation.dft.cutoff_ha:g}, found {spacing:.3g}: the mesh would miscount the "
            "electrons; take a finer mesh"
        )
