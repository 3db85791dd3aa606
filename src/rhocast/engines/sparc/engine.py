"""The SPARC engine: real-space finite differences (https://github.com/SPARC-X/SPARC).

Outputs are read by SPARC's Python API, but for the density (a cube file, which ASE reads), the
occupations and what concerns the thermostat.
"""

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
from ase.io.cube import read_cube

from rhocast import config
from rhocast.dynamics.trajectory import Trajectory
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import (
    CalculationError,
    DensityEnergy,
    Dynamics,
    EngineRecord,
    SinglePoint,
)
from rhocast.engines.process import Launcher
from rhocast.engines.psp8 import read_psp8, spms_file
from rhocast.engines.sparc.band_structure import eigenvalues
from rhocast.engines.sparc.dynamics import molecular_dynamics
from rhocast.engines.sparc.input import (
    LABEL,
    electronic_keys,
    hand_over,
    places,
    write_input,
)
from rhocast.engines.sparc.process import check_run, only_file, read_output, run_sparc
from rhocast.engines.undersampling import partial_electrons
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR, EV_PER_HARTREE


class SparcEngine:
    """SPARC as an engine; see `rhocast.engines.engine.Engine`."""

    safer_mixing = MappingProxyType({"MIXING_PARAMETER": 0.1, "MIXING_HISTORY": 12})

    def __init__(self, record: EngineRecord) -> None:
        self.record = record

    @staticmethod
    def version(executable: str) -> str:
        """Find the version from the output of a hydrogen atom: SPARC tells it nowhere else."""
        atom = Structure(np.zeros((1, 3)), 6.0 * np.eye(3), np.array([1]))
        settings = config.Dft.model_validate(
            {
                "mesh_spacing_bohr": 0.5,
                "cutoff_ha": 1.0,
                "kpoint_spacing_per_bohr": 10.0,
                "max_scf_iterations": 2,
            }
        )
        calculation = Calculation.plan(atom, settings, {"H": read_psp8(spms_file("H"), "H")})
        with tempfile.TemporaryDirectory() as folder:
            workdir = Path(folder)
            write_input(calculation, electronic_keys(calculation), workdir)
            run_sparc(executable, Launcher(), workdir)
            return str(read_output(workdir)["out"]["sparc_version"])

    def single_point(
        self,
        calculation: Calculation,
        launcher: Launcher,
        workdir: Path,
        start: np.ndarray | None = None,
        waves: Path | None = None,  # SPARC begins from random orbitals always
    ) -> SinglePoint:
        """Compute density, energy and forces of one configuration."""
        keys = {
            **electronic_keys(calculation),
            "PRINT_DENSITY": 1,
            "PRINT_FORCES": 1,
            "PRINT_EIGEN": 1,
        }
        if start is not None:
            # The first iteration must not spoil the density with unconverged wave functions.
            keys |= hand_over(start, calculation, workdir) | {"RHO_TRIGGER": 10, "MINIT_SCF": 1}
        write_input(calculation, keys, workdir)
        wall_time_s = run_sparc(self.record.executable, launcher, workdir)
        point = read_single_point(calculation, workdir, launcher, self.record)
        point.record["wall_time_s"] = wall_time_s
        return point

    def harris_foulkes(
        self,
        calculation: Calculation,
        density: np.ndarray,
        launcher: Launcher,
        workdir: Path,
        waves: Path | None = None,
    ) -> DensityEnergy:
        """Return the Harris-Foulkes free energy, Ha, at a density on any mesh of the cell.

        It is what SPARC tells as the energy of the first iteration if it mixes densities and its
        orbitals are converged in the potential of that density: 4 passes of the filter, its
        default, leave an error of 4e-4 Ha/atom.
        """
        settled = calculation.dft.with_engine_keys(
            "sparc", {"RHO_TRIGGER": 12, "MIXING_VARIABLE": "density", "MINIT_SCF": 1}
        ).model_copy(update={"max_scf_iterations": 1})
        calculation = replace(calculation, dft=settled)
        keys = electronic_keys(calculation) | {"PRINT_EIGEN": 1}
        keys |= hand_over(density, calculation, workdir)
        write_input(calculation, keys, workdir)
        run_sparc(self.record.executable, launcher, workdir)
        return read_energy(workdir, launcher, self.record)

    def eigenvalues(
        self,
        calculation: Calculation,
        density: np.ndarray,
        kpoints: np.ndarray,
        launcher: Launcher,
        workdir: Path,
    ) -> np.ndarray:
        """Return the lowest eigenvalues (k, n), Ha, in the potential of a density."""
        executable = self.record.executable
        return eigenvalues(executable, calculation, density, kpoints, launcher, workdir)

    def molecular_dynamics(
        self, calculation: Calculation, dynamics: Dynamics, launcher: Launcher, workdir: Path
    ) -> Trajectory:
        """Let the atoms move."""
        return molecular_dynamics(self.record, calculation, dynamics, launcher, workdir)


def read_energy(workdir: Path, launcher: Launcher, record: EngineRecord) -> DensityEnergy:
    """Read the free energy of a single point and its parts, Ha."""
    output = read_output(workdir)
    check_run(output, launcher, record, workdir)
    text = (workdir / f"{LABEL}.out").read_text(encoding="utf-8", errors="replace")
    parts = dict(re.findall(r"^(\w[\w ]*\w)\s*:\s*(\S+) \(Ha\)", text, re.MULTILINE))
    return DensityEnergy(
        energy_ha=float(output["static"][0]["free energy"]) / EV_PER_HARTREE,
        band_ha=float(parts["Band structure energy"]),
        xc_ha=float(parts["Exchange correlation energy"]),
        hartree_ha=None,  # part of the electrostatic energy of electrons and ions together
        fermi_ha=float(parts["Fermi level"]),
        highest_occupation=float(_occupations(workdir)[0][:, -1].max()) / 2.0,
    )


def read_single_point(
    calculation: Calculation, workdir: Path, launcher: Launcher, record: EngineRecord
) -> SinglePoint:
    """Read a single point; forces come back in the order of the structure's atoms."""
    output = read_output(workdir)
    check_run(output, launcher, record, workdir)
    static = output["static"][0]
    cycle = output["out"]["ionic_steps"][0]["convergence"][0]
    residual = float(cycle["SCF Error"][-1])
    with only_file(workdir, "*.dens").open(encoding="ascii") as stream:
        density = read_cube(stream)["data"]
    if density.shape != calculation.mesh.shape:
        raise CalculationError(
            f"{workdir}: density on {density.shape} points, expected {calculation.mesh.shape}"
        )
    resort = places(workdir, len(calculation.structure))
    occupations, weights = _occupations(workdir)
    return SinglePoint(
        density=density,
        forces=static["forces"].reshape(-1, 3)[resort] * ANGSTROM_PER_BOHR / EV_PER_HARTREE,
        energy_ha=float(static["free energy"]) / EV_PER_HARTREE,
        converged=residual < calculation.dft.scf_tolerance,
        scf_iterations=len(cycle["SCF Error"]),
        scf_residual=residual,
        highest_occupation=float(occupations[:, -1].max()) / 2.0,
        record={"partial_electrons": partial_electrons(occupations, weights)},
    )


def _occupations(workdir: Path) -> tuple[np.ndarray, np.ndarray]:
    """Electrons in every state (k, n), 0 to 2, and the weights (k,) of the k-points."""
    text = only_file(workdir, "*.eigen").read_text(encoding="utf-8")
    weights = [float(word) for word in re.findall(r"^weight = (\S+)", text, re.MULTILINE)]
    states = re.findall(r"^\s*\d+\s+\S+\s+(\S+)\s*$", text, re.MULTILINE)
    if not weights or not states or len(states) % len(weights):
        raise CalculationError(
            f"{workdir}: {len(states)} occupations at {len(weights)} k-points in .eigen, expected "
            "as many at each"
        )
    occupations = np.array(states, dtype=float).reshape(len(weights), -1)
    return occupations, np.array(weights) / sum(weights)
