"""The ABINIT engine: plane waves, psp8 pseudopotentials (https://www.abinit.org, 9.6 or later).

Outputs are read from ABINIT's netCDF files.
"""

import logging
import math
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from netCDF4 import Dataset

from rhocast.dft.abinit_input import dynamics_lines, input_lines
from rhocast.dft.calculation import Calculation
from rhocast.dft.engine import (
    CalculationError,
    Dynamics,
    EngineRecord,
    SinglePoint,
    check_ranks,
    check_version,
)
from rhocast.dft.fourier import resample
from rhocast.dft.process import Launcher, last_lines, run
from rhocast.dft.trajectory import Trajectory, degrees_of_freedom, masses, thermostat_mass
from rhocast.errors import EngineError
from rhocast.units import FEMTOSECOND_PER_ATOMIC_TIME, HARTREE_PER_KELVIN

logger = logging.getLogger(__name__)

_INPUT, _OUTPUT, _LOG = "run.abi", "run.abo", "run.log"
_DENSITY, _RESULTS, _HISTORY = "runo_DEN.nc", "runo_GSR.nc", "runo_HIST.nc"


class AbinitEngine:
    """ABINIT as an engine; see `rhocast.dft.engine.Engine`."""

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
        self, calculation: Calculation, launcher: Launcher, workdir: Path
    ) -> SinglePoint:
        """Compute density, energy and forces of one configuration."""
        check_mesh(calculation)
        lines = [*input_lines(calculation, launcher.ranks), "prtden 1"]
        wall_time_s = self._run(calculation, lines, launcher, workdir)
        cycles = scf_residuals(workdir / _OUTPUT)
        if not cycles:
            raise CalculationError(f"{workdir / _OUTPUT}: no SCF iteration (ETOT) in it")
        iterations = cycles[-1]
        with _netcdf(workdir / _RESULTS) as file:
            check_version(self.record, str(file.abinit_version))
            energy_ha = float(file["etotal"][...])
            forces = np.array(file["cartesian_forces"][...])
            occupations = np.array(file["occupations"][...])
        with _netcdf(workdir / _DENSITY) as file:
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
                "wall_time_s": wall_time_s,
            },
        )

    def molecular_dynamics(
        self, calculation: Calculation, dynamics: Dynamics, launcher: Launcher, workdir: Path
    ) -> Trajectory:
        """Let the atoms move under one Nosé-Hoover thermostat (``ionmov 13`` with ``nnos 1``).

        ``ionmov 8``, also called Nosé-Hoover, will not do: in version 9.6 it moves the atoms by
        the forces of the step before, and conserves nothing.
        """
        lines = [
            *input_lines(calculation, launcher.ranks),
            "prtden 0",
            *dynamics_lines(calculation, dynamics),
        ]
        wall_time_s = self._run(calculation, lines, launcher, workdir)
        unconverged = sum(
            residuals[-1] >= calculation.dft.scf_tolerance
            for residuals in scf_residuals(workdir / _OUTPUT)
        )
        if unconverged:
            logger.warning("%s: the SCF cycle of %d steps did not converge", workdir, unconverged)
        with _netcdf(workdir / _HISTORY) as file:
            positions = np.array(file["xcart"][...])
            forces = np.array(file["fcart"][...])
            energies_ha = np.array(file["etotal"][...])
        if len(positions) != dynamics.n_steps + 2:
            raise CalculationError(
                f"{workdir / _HISTORY}: expected {dynamics.n_steps + 2} configurations, found "
                f"{len(positions)}\n{last_lines(workdir / _LOG)}"
            )
        return _trajectory(
            calculation,
            dynamics,
            positions,
            forces,
            energies_ha,
            record={"wall_time_s": wall_time_s, "unconverged_steps": unconverged},
        )

    def _run(
        self, calculation: Calculation, lines: Sequence[str], launcher: Launcher, workdir: Path
    ) -> float:
        """Run ABINIT to its end; return the seconds it took."""
        for element, file in calculation.pseudopotentials.items():
            (workdir / f"{element}.psp8").symlink_to(file.path)
        (workdir / _INPUT).write_text("\n".join(lines) + "\n", encoding="ascii")
        log, output = workdir / _LOG, workdir / _OUTPUT
        finished = run([self.record.executable, _INPUT], launcher, workdir, log)
        text = output.read_text(encoding="utf-8", errors="replace") if output.is_file() else ""
        if "Calculation completed" not in text:
            error = CalculationError if scf_residuals(output) else EngineError
            raise error(
                f"ABINIT failed in {workdir} (exit status {finished.returncode}); the end of "
                f"{log.name}:\n{last_lines(log)}"
            )
        check_ranks(launcher, _ranks(log))
        return finished.wall_time_s


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


def scf_residuals(output: Path) -> list[list[float]]:
    """Return the residuals (vres2) of every SCF iteration, a list for each configuration."""
    cycles: list[list[float]] = []
    if not output.is_file():
        return cycles
    for line in output.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(" ETOT"):
            words = line.split()
            if words[1] == "1":
                cycles.append([])
            cycles[-1].append(float(words[-1]))
    return cycles


def _trajectory(
    calculation: Calculation,
    dynamics: Dynamics,
    positions: np.ndarray,
    forces: np.ndarray,
    energies_ha: np.ndarray,
    record: dict[str, Any],
) -> Trajectory:
    """Take velocities and the thermostat from the positions; the last step serves for that alone.

    ABINIT stores velocities at some stage of its step, and the thermostat not at all. Both follow
    from the positions, with dx/dt and d²x/dt² = F/m - ξ dx/dt as central differences.
    """
    numbers = calculation.structure.numbers
    n_atoms = len(numbers)
    step = dynamics.timestep_fs / FEMTOSECOND_PER_ATOMIC_TIME
    mass = masses(numbers)[:, None]
    kt = dynamics.temperature_K * HARTREE_PER_KELVIN
    velocities = np.empty_like(positions[:-1])
    velocities[0] = dynamics.velocities
    velocities[1:] = (positions[2:] - positions[:-2]) / (2.0 * step)
    twice_kinetic = np.sum(mass * velocities**2, axis=(1, 2))
    acceleration = (positions[2:] - 2.0 * positions[1:-1] + positions[:-2]) / step**2
    drag = np.sum((forces[1:-1] - mass * acceleration) * velocities[1:], axis=(1, 2))
    friction = np.concatenate([[0.0], drag / twice_kinetic[1:]])
    bath = np.concatenate([[0.0], np.cumsum(0.5 * (friction[1:] + friction[:-1]) * step)])
    thermostat = thermostat_mass(n_atoms, dynamics.temperature_K, dynamics.thermostat_time_fs)
    conserved = (
        energies_ha[:-1]
        + 0.5 * twice_kinetic
        + 0.5 * thermostat * friction**2
        + degrees_of_freedom(n_atoms) * kt * bath
    )
    return Trajectory(
        cell=calculation.structure.cell,
        numbers=numbers,
        times_fs=np.arange(dynamics.n_steps + 1) * dynamics.timestep_fs,
        positions=positions[:-1],
        velocities=velocities,
        potential_energies_ha=energies_ha[:-1],
        conserved_ha=conserved,
        target_K=dynamics.temperature_K,
        record=record,
    )


def _ranks(log: Path) -> int:
    """Return the number of MPI ranks that ABINIT says it has."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"mpi_nproc:\s*(\d+)", text)
    return int(found.group(1)) if found else 1


def _netcdf(path: Path) -> Dataset:
    try:
        return Dataset(path)
    except OSError as error:
        raise CalculationError(f"{path}: cannot be read as netCDF ({error})") from None
