"""The SPARC engine: real-space finite differences (https://github.com/SPARC-X/SPARC).

Outputs are read by SPARC's Python API, but for the density (a cube file, which ASE reads), the
occupations and what concerns the thermostat.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from ase.io.cube import read_cube
from sparc.io import SparcBundle

from rhocast import config
from rhocast.dft.calculation import Calculation
from rhocast.dft.engine import (
    CalculationError,
    Dynamics,
    EngineRecord,
    SinglePoint,
    check_ranks,
    check_version,
)
from rhocast.dft.process import Launcher, last_lines, run
from rhocast.dft.psp8 import read_psp8, spms_file
from rhocast.dft.sparc_input import (
    LABEL,
    dynamics_keys,
    electronic_keys,
    silence,
    write_input,
    write_restart,
)
from rhocast.dft.trajectory import Trajectory, kinetic_energy_ha
from rhocast.errors import EngineError
from rhocast.structures import Structure
from rhocast.units import (
    ANGSTROM_PER_BOHR,
    ATOMIC_VELOCITY_PER_ASE,
    EV_PER_HARTREE,
)


class SparcEngine:
    """SPARC as an engine; see `rhocast.dft.engine.Engine`."""

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
            _run(executable, Launcher(), workdir)
            return str(read_output(workdir)["out"]["sparc_version"])

    def single_point(
        self, calculation: Calculation, launcher: Launcher, workdir: Path
    ) -> SinglePoint:
        """Compute density, energy and forces of one configuration."""
        keys = {
            **electronic_keys(calculation),
            "PRINT_DENSITY": 1,
            "PRINT_FORCES": 1,
            "PRINT_EIGEN": 1,
        }
        write_input(calculation, keys, workdir)
        wall_time_s = _run(self.record.executable, launcher, workdir)
        point = read_single_point(calculation, workdir, launcher, self.record)
        point.record["wall_time_s"] = wall_time_s
        return point

    def molecular_dynamics(
        self, calculation: Calculation, dynamics: Dynamics, launcher: Launcher, workdir: Path
    ) -> Trajectory:
        """Let the atoms move under one Nosé-Hoover thermostat (``NVT_NH``).

        SPARC draws velocities itself, from a constant seed or the clock. Ours are handed to it in
        a restart file.
        """
        keys = {**electronic_keys(calculation), **dynamics_keys(calculation, dynamics)}
        resort = write_input(calculation, keys, workdir)
        write_restart(calculation, dynamics, np.argsort(resort), workdir)
        wall_time_s = _run(self.record.executable, launcher, workdir)
        trajectory = read_dynamics(calculation, dynamics, workdir, launcher, self.record)
        return Trajectory(**{**vars(trajectory), "record": {"wall_time_s": wall_time_s}})


def read_output(workdir: Path) -> dict[str, Any]:
    """Read all that SPARC wrote about the only run in a folder, as its API tells it."""
    try:
        with silence():
            output: dict[str, Any] = SparcBundle(workdir, mode="r").read_raw_results()
    except Exception as error:  # the API's parsers raise whatever they meet
        raise CalculationError(f"{workdir}: SPARC's output cannot be read ({error})") from error
    return output


def read_single_point(
    calculation: Calculation, workdir: Path, launcher: Launcher, record: EngineRecord
) -> SinglePoint:
    """Read a single point; forces come back in the order of the structure's atoms."""
    output = read_output(workdir)
    _check_run(output, launcher, record, workdir)
    static = output["static"][0]
    cycle = output["out"]["ionic_steps"][0]["convergence"][0]
    residual = float(cycle["SCF Error"][-1])
    with _only_file(workdir, "*.dens").open(encoding="ascii") as stream:
        density = read_cube(stream)["data"]
    if density.shape != calculation.mesh.shape:
        raise CalculationError(
            f"{workdir}: density on {density.shape} points, expected {calculation.mesh.shape}"
        )
    resort = _resort(output, len(calculation.structure))
    return SinglePoint(
        density=density,
        forces=static["forces"].reshape(-1, 3)[resort] * ANGSTROM_PER_BOHR / EV_PER_HARTREE,
        energy_ha=float(static["free energy"]) / EV_PER_HARTREE,
        converged=residual < calculation.dft.scf_tolerance,
        scf_iterations=len(cycle["SCF Error"]),
        scf_residual=residual,
        highest_occupation=_highest_occupation(workdir),
    )


def read_dynamics(
    calculation: Calculation,
    dynamics: Dynamics,
    workdir: Path,
    launcher: Launcher,
    record: EngineRecord,
) -> Trajectory:
    """Read a run that began from a restart file: its start is not in ``.aimd``."""
    output = read_output(workdir)
    _check_run(output, launcher, record, workdir)
    steps = output["aimd"]
    structure, n_atoms = calculation.structure, len(calculation.structure)
    if len(steps) != dynamics.n_steps:
        raise CalculationError(
            f"{workdir}: expected {dynamics.n_steps} steps in .aimd, found {len(steps)}"
        )
    resort = _resort(output, n_atoms)
    moved = np.array([step["positions"][resort] for step in steps]) / ANGSTROM_PER_BOHR
    velocities = np.array([step["velocities"][resort] for step in steps])
    start_ha = output["out"]["ionic_steps"][0]["total free energy"]["value"] / EV_PER_HARTREE
    energies = [step["free energy per atom"] * n_atoms / EV_PER_HARTREE for step in steps]
    text = _only_file(workdir, "*.aimd").read_text(encoding="utf-8")
    extended = np.array(re.findall(r"^:TENX:\s*(\S+)", text, re.MULTILINE), dtype=float) * n_atoms
    start_total_ha = start_ha + kinetic_energy_ha(structure.numbers, dynamics.velocities)
    return Trajectory(
        cell=structure.cell,
        numbers=structure.numbers,
        times_fs=np.arange(dynamics.n_steps + 1) * dynamics.timestep_fs,
        positions=_unwrap(np.concatenate([structure.positions[None], moved]), structure.cell),
        velocities=np.concatenate(
            [dynamics.velocities[None], velocities * ATOMIC_VELOCITY_PER_ASE]
        ),
        potential_energies_ha=np.array([start_ha, *energies]),
        conserved_ha=np.concatenate([[start_total_ha], extended]),
        target_K=dynamics.temperature_K,
    )


def _run(executable: str, launcher: Launcher, workdir: Path) -> float:
    """Run SPARC to its end; return the seconds it took."""
    log = workdir / f"{LABEL}.log"
    finished = run([executable, "-name", LABEL], launcher, workdir, log)
    output = workdir / f"{LABEL}.out"
    text = output.read_text(encoding="utf-8", errors="replace") if output.is_file() else ""
    if "Total walltime" not in text:
        error = CalculationError if "Total number of SCF" in text else EngineError
        raise error(
            f"SPARC failed in {workdir} (exit status {finished.returncode}); the end of its "
            f"output:\n{last_lines(output)}\n{last_lines(log)}"
        )
    return finished.wall_time_s


def _check_run(
    output: dict[str, Any], launcher: Launcher, record: EngineRecord, workdir: Path
) -> None:
    steps = output["out"]["ionic_steps"]
    if not steps or not steps[0]["convergence"]:
        raise CalculationError(f"{workdir}: no complete SCF cycle in SPARC's output")
    check_version(record, str(output["out"]["sparc_version"]))
    check_ranks(launcher, int(output["out"]["run_info"]["number of processors"]))


def _highest_occupation(workdir: Path) -> float:
    """Largest occupation (0 to 1) of the highest band at any k-point."""
    text = _only_file(workdir, "*.eigen").read_text(encoding="utf-8")
    rows = re.findall(r"^\s*(\d+)\s+\S+\s+(\S+)\s*$", text, re.MULTILINE)
    highest = max((int(band) for band, _ in rows), default=0)
    if highest == 0:
        raise CalculationError(f"{workdir}: no occupations in .eigen")
    return max(float(electrons) for band, electrons in rows if int(band) == highest) / 2.0


def _resort(output: dict[str, Any], n_atoms: int) -> np.ndarray:
    """Where each atom of the structure stands in SPARC's order, shape (n,)."""
    sorting = output["ion"].get("sorting")
    return np.array(sorting["resort"] if sorting else range(n_atoms), dtype=int)


def _unwrap(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Undo SPARC's return of atoms into the cell; positions (s, n, 3), the first as they are."""
    steps = np.diff(positions, axis=0) @ np.linalg.inv(cell)
    moves = (steps - np.round(steps)) @ cell
    return np.concatenate([positions[:1], positions[0] + np.cumsum(moves, axis=0)])


def _only_file(workdir: Path, pattern: str) -> Path:
    found = sorted(workdir.glob(pattern))
    if len(found) != 1:
        raise CalculationError(f"{workdir}: expected one {pattern}, found {len(found)}")
    return found[0]
