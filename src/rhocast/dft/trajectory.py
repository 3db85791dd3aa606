"""Trajectories of molecular dynamics: velocities to start from, files, checks, frames."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import atomic_masses
from ase.io.extxyz import write_extxyz

from rhocast.errors import EngineError, FileFormatError, StructureError
from rhocast.structures import Structure
from rhocast.units import (
    ANGSTROM_PER_BOHR,
    ATOMIC_VELOCITY_PER_ASE,
    ELECTRON_MASS_PER_DALTON,
    EV_PER_HARTREE,
    FEMTOSECOND_PER_ATOMIC_TIME,
    HARTREE_PER_KELVIN,
)

logger = logging.getLogger(__name__)

#: A run whose mean temperature exceeds the thermostat's by this factor has blown up.
MAX_TEMPERATURE_RATIO = 3.0
#: Likewise one whose conserved quantity jumps by this from one step to the next, Ha per atom.
MAX_ENERGY_JUMP_HA = 0.02


@dataclass(frozen=True)
class Trajectory:
    """Configurations of the same atoms at equal distances of time, the start included.

    Attributes
    ----------
    cell : (3, 3) array
        Lattice vectors as rows, Bohr.
    numbers : (n,) array
        Atomic numbers.
    times_fs : (s,) array
        Times, fs.
    positions : (s, n, 3) array
        Bohr, not wrapped into the cell.
    velocities : (s, n, 3) array
        Bohr per atomic unit of time.
    potential_energies_ha : (s,) array
        Free energy of the electrons (and ions at rest), Ha.
    conserved_ha : (s,) array
        What the equations of motion conserve, Ha.
    target_K
        Temperature of the thermostat, K.
    record
        How it was made: numbers and short texts.
    """

    cell: np.ndarray
    numbers: np.ndarray
    times_fs: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    potential_energies_ha: np.ndarray
    conserved_ha: np.ndarray
    target_K: float
    record: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        steps, atoms = len(self.times_fs), len(self.numbers)
        expected = {
            "cell": (3, 3),
            "positions": (steps, atoms, 3),
            "velocities": (steps, atoms, 3),
            "potential_energies_ha": (steps,),
            "conserved_ha": (steps,),
        }
        for name, shape in expected.items():
            found = np.shape(getattr(self, name))
            if found != shape:
                raise EngineError(f"trajectory: {name} should have shape {shape}, found {found}")

    def __len__(self) -> int:
        return len(self.times_fs)

    @property
    def temperatures_K(self) -> np.ndarray:
        """Temperature of the ions at each time, K; shape (s,)."""
        return np.array([kinetic_temperature_K(self.numbers, v) for v in self.velocities])

    def structure(self, step: int) -> Structure:
        """Return the atoms at a step."""
        return Structure(self.positions[step], self.cell, self.numbers)


def thermal_velocities(structure: Structure, temperature_K: float, seed: int) -> np.ndarray:
    """Draw Maxwell-Boltzmann velocities, then take out drift and scale to the temperature.

    Returns
    -------
    (n, 3) array
        Bohr per atomic unit of time.
    """
    if len(structure) < 2:
        raise EngineError("molecular dynamics: expected two atoms or more, found one")
    rng = np.random.default_rng(seed)
    mass = masses(structure.numbers)[:, None]
    velocities = rng.normal(size=(len(structure), 3)) / np.sqrt(mass)
    velocities -= np.sum(mass * velocities, axis=0) / mass.sum()
    found = kinetic_temperature_K(structure.numbers, velocities)
    return velocities * np.sqrt(temperature_K / found)


def kinetic_temperature_K(numbers: np.ndarray, velocities: np.ndarray) -> float:
    """Temperature of 3n - 3 degrees of freedom: the centre of mass does not move.

    Parameters
    ----------
    numbers : (n,) array
        Atomic numbers.
    velocities : (n, 3) array
        Bohr per atomic unit of time.
    """
    twice_kinetic = 2.0 * kinetic_energy_ha(numbers, velocities)
    return twice_kinetic / (degrees_of_freedom(len(numbers)) * HARTREE_PER_KELVIN)


def kinetic_energy_ha(numbers: np.ndarray, velocities: np.ndarray) -> float:
    """Kinetic energy of atoms (n,) with velocities (n, 3) in atomic units, Ha."""
    return 0.5 * float(np.sum(masses(numbers)[:, None] * velocities**2))


def masses(numbers: np.ndarray) -> np.ndarray:
    """Masses of atoms in electron masses; shape (n,)."""
    return atomic_masses[numbers] * ELECTRON_MASS_PER_DALTON


def degrees_of_freedom(n_atoms: int) -> int:
    """Degrees of freedom of atoms whose centre of mass is at rest."""
    return 3 * n_atoms - 3


def thermostat_mass(n_atoms: int, temperature_K: float, period_fs: float) -> float:
    """Mass Q of a Nosé-Hoover thermostat that oscillates with a given period, atomic units.

    With Q dξ/dt = 2K - g kT and dv/dt = F/m - ξ v, a small departure of the kinetic energy K from
    g kT/2 obeys d²δ/dt² = -(2 g kT/Q) δ while the forces look away, so that Q = 2 g kT (τ/2π)².

    Parameters
    ----------
    n_atoms
        Number of atoms; g = 3n - 3.
    temperature_K
        Temperature of the thermostat.
    period_fs
        Period τ.
    """
    period = period_fs / FEMTOSECOND_PER_ATOMIC_TIME
    kt = temperature_K * HARTREE_PER_KELVIN
    return 2.0 * degrees_of_freedom(n_atoms) * kt * (period / (2.0 * np.pi)) ** 2


def write_trajectory(path: str | Path, trajectory: Trajectory) -> None:
    """Write a trajectory as extended XYZ (ASE's units), beside first and then renamed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    images = []
    for step, time_fs in enumerate(trajectory.times_fs):
        atoms = trajectory.structure(step).to_ase()
        atoms.set_velocities(trajectory.velocities[step] / ATOMIC_VELOCITY_PER_ASE)
        energy = trajectory.potential_energies_ha[step] * EV_PER_HARTREE
        atoms.calc = SinglePointCalculator(atoms, energy=energy)
        atoms.info = {
            **trajectory.record,
            "time_fs": float(time_fs),
            "target_K": trajectory.target_K,
            "conserved_eV": float(trajectory.conserved_ha[step] * EV_PER_HARTREE),
        }
        images.append(atoms)
    partial = path.with_name(path.name + ".partial")
    write_extxyz(partial, images)
    partial.replace(path)


def read_trajectory(path: str | Path) -> Trajectory:
    """Read a trajectory that `write_trajectory` wrote.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or of other contents.
    """
    try:
        images: Any = ase.io.read(path, ":", format="extxyz")
        first = images[0]
        own = ("time_fs", "target_K", "conserved_eV")
        return Trajectory(
            cell=first.cell.array / ANGSTROM_PER_BOHR,
            numbers=first.numbers,
            times_fs=np.array([image.info["time_fs"] for image in images]),
            positions=np.array([image.positions for image in images]) / ANGSTROM_PER_BOHR,
            velocities=np.array([image.get_velocities() for image in images])
            * ATOMIC_VELOCITY_PER_ASE,
            potential_energies_ha=np.array([i.get_potential_energy() for i in images])
            / EV_PER_HARTREE,
            conserved_ha=np.array([i.info["conserved_eV"] for i in images]) / EV_PER_HARTREE,
            target_K=float(first.info["target_K"]),
            record={key: _plain(value) for key, value in first.info.items() if key not in own},
        )
    except Exception as error:  # ASE's readers raise whatever their parsers meet
        raise FileFormatError(
            f"{path}: cannot be read as a trajectory ({type(error).__name__}: {error}); remove it "
            "and run its rule again"
        ) from error


def check_trajectory(trajectory: Trajectory, where: str) -> None:
    """Raise EngineError if a run has blown up, and say how.

    Parameters
    ----------
    trajectory
        The run.
    where
        What the message names as its place, usually a path.
    """
    remedy = "take a shorter aimd.timestep_fs or a finer aimd.scf_tolerance, and check the start"
    for name in ("positions", "velocities", "potential_energies_ha", "conserved_ha"):
        values = getattr(trajectory, name).reshape(len(trajectory), -1)
        broken = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(broken):
            raise EngineError(
                f"{where}: {name} is not finite at step {broken[0]}: the dynamics has blown up; "
                f"{remedy}"
            )
    mean_K = float(trajectory.temperatures_K.mean())
    if mean_K > MAX_TEMPERATURE_RATIO * trajectory.target_K:
        raise EngineError(
            f"{where}: the mean temperature is {mean_K:.0f} K, expected about "
            f"{trajectory.target_K:.0f} K: the dynamics has blown up; {remedy}"
        )
    jumps = np.abs(np.diff(trajectory.conserved_ha)) / len(trajectory.numbers)
    if len(jumps) and jumps.max() > MAX_ENERGY_JUMP_HA:
        raise EngineError(
            f"{where}: the conserved energy jumps by {jumps.max():.3g} Ha per atom at step "
            f"{jumps.argmax() + 1}, expected less than {MAX_ENERGY_JUMP_HA}; {remedy}"
        )
    for step in range(len(trajectory)):
        try:
            trajectory.structure(step).check_distances(f"{where}, step {step}")
        except StructureError as error:
            raise EngineError(f"{error}; the dynamics has blown up: {remedy}") from None


def select_frames(
    trajectory: Trajectory, first_step: int, steps_between: int, count: int
) -> list[Structure]:
    """Return decorrelated configurations, and warn if they are too close in time to be that.

    Parameters
    ----------
    trajectory
        The run.
    first_step
        Step of the first frame; what is before it is equilibration.
    steps_between
        Steps from one frame to the next.
    count
        How many frames are wanted.

    Raises
    ------
    EngineError
        If the run is too short.
    """
    last = first_step + (count - 1) * steps_between
    if last >= len(trajectory):
        raise EngineError(
            f"trajectory: {count} frames {steps_between} steps apart after {first_step} steps of "
            f"equilibration need {last} steps, found {len(trajectory) - 1}; run the aimd rule again"
        )
    spacing_fs = steps_between * float(trajectory.times_fs[1] - trajectory.times_fs[0])
    memory_fs = velocity_memory_fs(trajectory, first_step)
    if count > 1 and spacing_fs < memory_fs:
        logger.warning(
            "frames are %.1f fs apart, but velocities remember each other for %.1f fs; raise "
            "aimd.steps_between_frames",
            spacing_fs,
            memory_fs,
        )
    return [trajectory.structure(step) for step in range(first_step, last + 1, steps_between)]


def velocity_memory_fs(trajectory: Trajectory, first_step: int = 0) -> float:
    """Time after which the velocity autocorrelation first falls to zero, fs.

    The length of the run (after ``first_step``) if it never does.
    """
    velocities = trajectory.velocities[first_step:].reshape(len(trajectory) - first_step, -1)
    n_times = len(velocities)
    times = trajectory.times_fs[first_step:] - trajectory.times_fs[first_step]
    for lag in range(1, n_times):
        if np.sum(velocities[lag:] * velocities[: n_times - lag]) <= 0.0:
            return float(times[lag])
    return float(times[-1])


def _plain(value: Any) -> Any:
    """Turn what ASE returns for an entry of a comment line into plain Python."""
    return value.item() if isinstance(value, np.generic) else value
