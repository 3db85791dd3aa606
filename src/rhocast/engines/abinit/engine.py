"""The ABINIT engine: plane waves, psp8 pseudopotentials (https://www.abinit.org, 9.6 or later).

Outputs are read from ABINIT's netCDF files.
"""

import math
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from rhocast.density.fourier import resample
from rhocast.dynamics.trajectory import Trajectory
from rhocast.engines.abinit.dynamics import molecular_dynamics
from rhocast.engines.abinit.input import electronic_variables, fixed_density_variables
from rhocast.engines.abinit.process import OUTPUT, open_netcdf, run_abinit, scf_residuals
from rhocast.engines.abinit.start import (
    DENSITY,
    KeptStart,
    begin_from_density,
    begin_from_waves,
)
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import (
    CalculationError,
    DensityEnergy,
    Dynamics,
    EngineRecord,
    SinglePoint,
    check_version,
)
from rhocast.engines.process import Launcher
from rhocast.engines.undersampling import partial_electrons
from rhocast.errors import EngineError

_RESULTS = "runo_GSR.nc"

_ONE_DIAGONALISATION = MappingProxyType({"nstep": 1, "iscf": 17, "optforces": 0, "optstress": 0})


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
        waves: Path | None = None,
    ) -> SinglePoint:
        """Compute density, energy and forces of one configuration."""
        check_mesh(calculation)
        began = time.monotonic()
        executable, ranks = self.record.executable, launcher.ranks
        kept = KeptStart.of(waves, executable, calculation, ranks) if waves else None
        variables = electronic_variables(calculation, ranks) | {"prtden": 1}
        variables |= self._start(start, calculation, launcher, workdir, kept)
        run_abinit(executable, calculation, variables, launcher, workdir)
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
        with open_netcdf(workdir / DENSITY) as file:
            # ABINIT's arrays: component, z, y, x, real part.
            density = np.array(file["density"][0, ..., 0]).transpose(2, 1, 0)
        converged = iterations[-1] < calculation.dft.scf_tolerance
        if kept and converged:
            kept.keep(workdir, workdir / DENSITY)
        return SinglePoint(
            density=resample(density, calculation.mesh.shape),
            forces=forces,
            energy_ha=energy_ha,
            converged=converged,
            scf_iterations=len(iterations),
            scf_residual=iterations[-1],
            highest_occupation=float(occupations[..., -1].max()) / 2.0,
            record={
                "cutoff_ha": calculation.dft.cutoff_ha,
                "engine_mesh": " ".join(str(n) for n in density.shape),
                "partial_electrons": partial_electrons(occupations, weights),
                "wall_time_s": time.monotonic() - began,
                "start_waves": "getwfk_filepath" in variables,
                "sweeps": len(iterations) + variables.get("useria", 3) - 1,
            },
        )

    def _start(
        self,
        density: np.ndarray | None,
        calculation: Calculation,
        launcher: Launcher,
        workdir: Path,
        kept: KeptStart | None,
    ) -> dict[str, Any]:
        """Return the variables by which an SCF cycle begins from a density and wave functions.

        A sweep of the eigensolver over all bands and k-points is what costs time. Unless told
        otherwise ABINIT makes two in each of the first two iterations. What the density is worth
        is lost if the wave functions of the first iteration are far from converged, so that one
        has more sweeps, and no other has (``nnsclo -1``, their number is ``useria``).
        """
        variables: dict[str, Any] = {}
        if kept is not None:
            variables |= {"prtwf": 1} | begin_from_waves(kept, workdir)
        has_waves = "getwfk_filepath" in variables
        if density is not None:
            executable = self.record.executable
            variables |= begin_from_density(
                density, calculation, executable, launcher, workdir, kept
            )
        if density is not None or has_waves:
            variables |= {"nnsclo": -1, "useria": first_sweeps(calculation, has_waves)}
        return variables

    def harris_foulkes(
        self,
        calculation: Calculation,
        density: np.ndarray,
        launcher: Launcher,
        workdir: Path,
        waves: Path | None = None,
    ) -> DensityEnergy:
        """Return the Harris-Foulkes free energy, Ha, at a density on any mesh of the cell.

        It is what ABINIT tells as the energy of the first iteration if it mixes densities
        (``iscf 17``) and its wave functions are converged in the potential of that density.
        Forces and stress are left out: at a density that is not self-consistent they mean little.
        """
        executable = self.record.executable
        kept = KeptStart.of(waves, executable, calculation, launcher.ranks) if waves else None
        begin = begin_from_waves(kept, workdir) if kept else {}
        sweeps = settling_sweeps(calculation, has_waves=bool(begin))
        settled = calculation.dft.with_engine_keys("abinit", {"nnsclo": sweeps})
        calculation = replace(calculation, dft=settled)
        variables = electronic_variables(calculation, launcher.ranks) | _ONE_DIAGONALISATION
        variables |= begin | ({"prtwf": 1, "prtden": 1} if kept else {})
        variables |= begin_from_density(density, calculation, executable, launcher, workdir, kept)
        run_abinit(executable, calculation, variables, launcher, workdir)
        if kept:
            kept.keep(workdir, workdir / DENSITY)
        with open_netcdf(workdir / _RESULTS) as file:
            check_version(self.record, str(file.abinit_version))
            return DensityEnergy(
                energy_ha=float(file["etotal"][...]),
                band_ha=float(file["e_eigenvalues"][...]),
                xc_ha=float(file["e_xc"][...]),
                hartree_ha=float(file["e_hartree"][...]),
                fermi_ha=float(file["fermi_energy"][...]),
                highest_occupation=float(file["occupations"][0, :, -1].max()) / 2.0,
            )

    def eigenvalues(
        self,
        calculation: Calculation,
        density: np.ndarray,
        kpoints: np.ndarray,
        launcher: Launcher,
        workdir: Path,
    ) -> np.ndarray:
        """Return the lowest eigenvalues (k, n), Ha, in the potential of a density (``iscf -2``)."""
        executable = self.record.executable
        variables = fixed_density_variables(calculation, kpoints)
        variables |= begin_from_density(density, calculation, executable, launcher, workdir)
        run_abinit(executable, calculation, variables, launcher, workdir)
        with open_netcdf(workdir / _RESULTS) as file:
            check_version(self.record, str(file.abinit_version))
            residual = float(file["residm"][...])
            energies = np.array(file["eigenvalues"][0])
        if not residual <= variables["tolwfr"]:
            raise CalculationError(
                f"{workdir}: the wave functions are not converged after {variables['nstep']} "
                f"sweeps: residual {residual:.1e}, expected {variables['tolwfr']:.0e} or less"
            )
        return energies[:, : calculation.n_bands]

    def molecular_dynamics(
        self, calculation: Calculation, dynamics: Dynamics, launcher: Launcher, workdir: Path
    ) -> Trajectory:
        """Let the atoms move."""
        return molecular_dynamics(self.record, calculation, dynamics, launcher, workdir)


def first_sweeps(calculation: Calculation, has_waves: bool) -> int:
    """Return how many sweeps of the eigensolver the first iteration from a density should make.

    Measured with 32 aluminium atoms: with wave functions of another snapshot a second sweep saves
    two iterations of LOBPCG, whose sweeps are short, and none of conjugate gradients.
    """
    if not has_waves:
        return 3
    return 1 if calculation.kpoints.has_real_waves else 2


def settling_sweeps(calculation: Calculation, has_waves: bool) -> int:
    """Return how many sweeps converge wave functions in a fixed potential.

    Measured with 32 thermal aluminium atoms: twelve sweeps change the energy by 0.04 meV/atom at
    most. Conjugate gradients, which real wave functions take, converge further in each sweep than
    LOBPCG; wave functions of another snapshot save two sweeps.
    """
    from_random = 5 if calculation.kpoints.has_real_waves else 7
    return from_random - 2 if has_waves else from_random


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
