"""Trajectories of molecular dynamics: velocities to start from, checks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ase.data import atomic_masses

from rhocast.errors import EngineError, StructureError
from rhocast.structures import Structure
from rhocast.units import (
    ELECTRON_MASS_PER_DALTON,
    FEMTOSECOND_PER_ATOMIC_TIME,
    HARTREE_PER_KELVIN,
)

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
    static_pressures_ha_per_bohr3 : (s,) array or None
        Pressure of electrons and ions at rest, Ha/Bohr³; None where nothing is known of it.
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
    static_pressures_ha_per_bohr3: np.ndarray | None = None
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
        if self.static_pressures_ha_per_bohr3 is not None:
            expected["static_pressures_ha_per_bohr3"] = (steps,)
        for name, shape in expected.items():
            found = np.shape(getattr(self, name))
            if found != shape:
                raise EngineError(f"trajectory: {name} should have shape {shape}, found {found}")

    def __len__(self) -> int:
        return len(self.times_fs)

    @property
    def timestep_fs(self) -> float:
        """Distance in time of two configurations, fs."""
        return float(self.times_fs[1] - self.times_fs[0]) if len(self) > 1 else 0.0

    @property
    def temperatures_K(self) -> np.ndarray:
        """Temperature of the ions at each time, K; shape (s,)."""
        return np.array([kinetic_temperature_K(self.numbers, v) for v in self.velocities])

    @property
    def pressures_ha_per_bohr3(self) -> np.ndarray | None:
        """Pressure with the motion of the ions, Ha/Bohr³; shape (s,); None if it is not known."""
        if self.static_pressures_ha_per_bohr3 is None:
            return None
        kinetic = np.array([kinetic_energy_ha(self.numbers, v) for v in self.velocities])
        volume = abs(float(np.linalg.det(self.cell)))
        return self.static_pressures_ha_per_bohr3 + 2.0 * kinetic / (3.0 * volume)

    def structure(self, step: int) -> Structure:
        """Return the atoms at a step."""
        return Structure(self.positions[step], self.cell, self.numbers)

    def frame(self, step: int) -> Structure:
        """Return the atoms at a step with a record of where they come from."""
        return replace(
            self.structure(step),
            record={
                **self.record,
                "step": step,
                "time_fs": float(self.times_fs[step]),
                "target_K": self.target_K,
                "kinetic_temperature_K": kinetic_temperature_K(self.numbers, self.velocities[step]),
            },
        )


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


def canonical_spread_K(target_K: float, n_atoms: int) -> float:
    """Return the standard deviation of the temperature of a canonical ensemble, T √(2/g), K."""
    return target_K * float(np.sqrt(2.0 / max(degrees_of_freedom(n_atoms), 1)))


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


def check_trajectory(trajectory: Trajectory, where: str, remedy: str) -> None:
    """Raise EngineError if a run has blown up, and say how.

    Parameters
    ----------
    trajectory
        The run.
    where
        What the message names as its place, usually a path.
    remedy
        What the message advises, with the keys of the configuration.
    """
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
