"""Molecular dynamics with a classical potential: frames for single points without DFT forces."""

import importlib
import importlib.metadata
import itertools
import logging
import math
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import ase.units
import numpy as np
from ase import Atoms
from ase.calculators.calculator import BaseCalculator, PropertyNotImplementedError
from ase.md.nose_hoover_chain import NoseHooverChainNVT

from rhocast import config
from rhocast.dynamics.correlation import RUN_PER_MEMORY, Memory
from rhocast.dynamics.frames import n_steps
from rhocast.dynamics.trajectory import (
    Trajectory,
    check_trajectory,
    degrees_of_freedom,
    thermal_velocities,
)
from rhocast.errors import EngineError
from rhocast.extras import needed_for
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR, ATOMIC_VELOCITY_PER_ASE, EV_PER_HARTREE

logger = logging.getLogger(__name__)

_REMEDY = "take a shorter classical.timestep_fs or another potential, and check the start"

#: Si and Ge; J. Tersoff, Phys. Rev. B 39, 5566 (1989), table I. eV and ångström; pairs in the
#: order Si-Si, Si-Ge, Ge-Ge.
TERSOFF_SI_GE: dict[str, Any] = {
    "style": "Tersoff",
    "el": ["Si", "Ge"],
    "A": [1830.8, math.sqrt(1830.8 * 1769.0), 1769.0],
    "B": [471.18, math.sqrt(471.18 * 419.23), 419.23],
    "chi": [1.0, 1.00061, 1.0],
    "lambda": [2.4799, (2.4799 + 2.4451) / 2.0, 2.4451],
    "mu": [1.7322, (1.7322 + 1.7047) / 2.0, 1.7047],
    "lambda3": [0.0, 0.0, 0.0],
    "beta": [1.1e-6, 9.0166e-7],
    "n": [0.78734, 0.75627],
    "c": [1.0039e5, 1.0643e5],
    "d": [16.217, 15.652],
    "h": [-0.59825, -0.43884],
    "r1": [2.7, math.sqrt(2.7 * 2.8), 2.8],
    "r2": [3.0, math.sqrt(3.0 * 3.1), 3.1],
}


def run_classical(
    structure: Structure,
    classical: config.Classical,
    *,
    temperature_K: float,
    frames: int,
    seed: int,
) -> Trajectory:
    """Let the atoms move in the field of a classical potential, long enough for a number of frames.

    From ``liquid_from_K`` on the crystal is melted first; the trajectory begins after that. Frames
    that remember each other are set further apart, as ``classical.correlated_frames`` says.

    Parameters
    ----------
    structure
        Where the atoms start.
    classical
        Potential, time step, thermostat, distance of frames.
    temperature_K
        Of the thermostat.
    frames
        How many frames are to be taken.
    seed
        Of the velocities.

    Raises
    ------
    EngineError
        If the potential is unknown, does not hold for the elements, the run blows up, or its frames
        remember each other too long.
    """
    begun = time.monotonic()
    where = f"{structure.formula} with {classical.potential}"
    if classical.potential == "tersoff" and not {*structure.species} <= {*TERSOFF_SI_GE["el"]}:
        raise EngineError(  # which matscipy would leave out without a word
            f"classical.potential: `tersoff` holds for Si and Ge, found {structure.formula}; take "
            "another"
        )
    atoms = structure.to_ase()
    atoms.calc = make_calculator(classical.potential, classical.arguments)
    velocities = thermal_velocities(structure, temperature_K, seed)
    atoms.set_velocities(velocities / ATOMIC_VELOCITY_PER_ASE)
    melts = classical.liquid_from_K is not None and temperature_K >= classical.liquid_from_K
    try:
        if melts and classical.melting_K is not None:
            _dynamics(atoms, classical, classical.melting_K).run(classical.equilibration_steps)
        run = _Run(atoms, classical, temperature_K)
        spacing = classical.steps_between_frames
        if frames > 1 and classical.correlated_frames == "spread":
            spacing = _independent_spacing(run, classical, where)
        trajectory = run.until(n_steps(classical, frames, spacing))
    except (KeyError, NotImplementedError, RuntimeError, ValueError) as error:
        raise EngineError(
            f"classical.potential: {classical.potential!r} fails on {structure.formula} "
            f"({error!r}); take one that holds for these elements, or a shorter "
            "classical.timestep_fs"
        ) from error
    check_trajectory(trajectory, where, _REMEDY)
    if frames > 1 and classical.correlated_frames == "accept":
        _tell_of_correlation(trajectory, classical, where)
    record: dict[str, Any] = {
        "sampler": "classical",
        "potential": classical.potential,
        "ase_version": importlib.metadata.version("ase"),
        "seed": seed,
        "timestep_fs": classical.timestep_fs,
        "thermostat_time_fs": classical.thermostat_time_fs,
        "melted_at_K": classical.melting_K if melts else 0.0,
        "equilibration_steps": classical.equilibration_steps,
        "steps_between_frames": spacing,
        "wall_time_s": time.monotonic() - begun,
    }
    if classical.arguments:
        told = ", ".join(f"{key}={value}" for key, value in classical.arguments.items())
        record["potential_arguments"] = told
    return replace(trajectory, record=record)


def make_calculator(potential: str, arguments: dict[str, Any]) -> BaseCalculator:
    """Make the ASE calculator that a configuration names.

    Its module is imported, so it is code that the author of the configuration runs here; nothing
    but a class of ASE calculators is called.

    Parameters
    ----------
    potential
        ``emt``, ``tersoff``, or the import path of a calculator.
    arguments
        Its keyword arguments.

    Raises
    ------
    EngineError
        If there is no such calculator, or it does not take the arguments.
    """
    if potential == "tersoff":
        return _tersoff(arguments)
    path = "ase.calculators.emt.EMT" if potential == "emt" else potential
    module, _, name = path.rpartition(".")
    try:
        calculator = getattr(importlib.import_module(module), name)
        if not (isinstance(calculator, type) and issubclass(calculator, BaseCalculator)):
            raise TypeError("it is no class of ASE calculators and was not called")
        return calculator(**arguments)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise EngineError(
            f"classical.potential: expected emt, tersoff or the import path of an ASE calculator "
            f"that takes {arguments}, found {potential!r} ({error})"
        ) from error


def _tersoff(arguments: dict[str, Any]) -> BaseCalculator:
    with needed_for("classical.potential: tersoff"):
        from matscipy.calculators.manybody import Manybody
        from matscipy.calculators.manybody.explicit_forms import TersoffBrenner

    class Tersoff(Manybody):
        """Masks powers of zero, of which NumPy would warn at every step."""

        def calculate(self, *args: Any, **keywords: Any) -> None:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "'where' used without 'out'", UserWarning)
                super().calculate(*args, **keywords)

    return Tersoff(**TersoffBrenner(TERSOFF_SI_GE), **arguments)


def _dynamics(
    atoms: Atoms, classical: config.Classical, temperature_K: float
) -> NoseHooverChainNVT:
    """Return the integrator of one temperature.

    ASE counts 3n degrees of freedom and takes Q = 3n kT t². The centre of mass is at rest here, so
    that the bath's temperature is the one at which 3n of them hold what 3n - 3 are meant to; a
    period τ stands for t² = 2 (τ/2π)² (`rhocast.dynamics.trajectory.thermostat_mass`).
    """
    return NoseHooverChainNVT(
        atoms,
        timestep=classical.timestep_fs * ase.units.fs,
        temperature_K=temperature_K * degrees_of_freedom(len(atoms)) / (3 * len(atoms)),
        tdamp=math.sqrt(2.0) * classical.thermostat_time_fs / (2.0 * math.pi) * ase.units.fs,
    )


class _Run:
    """A run that can be made longer; keeps every configuration, the start included."""

    def __init__(self, atoms: Atoms, classical: config.Classical, temperature_K: float) -> None:
        self._atoms = atoms
        self._timestep_fs = classical.timestep_fs
        self._target_K = temperature_K
        self._states = self._follow(_dynamics(atoms, classical, temperature_K))
        self._kept: list[tuple[Any, ...]] = []

    def until(self, step: int) -> Trajectory:
        """Return the run up to a step, or as far as it has come."""
        self._kept += itertools.islice(self._states, max(0, step + 1 - len(self._kept)))
        columns = zip(*self._kept, strict=True)
        positions, velocities, potential_eV, conserved_eV, pressures = map(np.array, columns)
        return Trajectory(
            cell=self._atoms.cell.array / ANGSTROM_PER_BOHR,
            numbers=self._atoms.numbers,
            times_fs=np.arange(len(positions)) * self._timestep_fs,
            positions=positions / ANGSTROM_PER_BOHR,
            velocities=velocities * ATOMIC_VELOCITY_PER_ASE,
            potential_energies_ha=potential_eV / EV_PER_HARTREE,
            conserved_ha=conserved_eV / EV_PER_HARTREE,
            target_K=self._target_K,
            static_pressures_ha_per_bohr3=None if np.isnan(pressures).all() else pressures,
        )

    def _follow(self, dynamics: NoseHooverChainNVT) -> Iterator[tuple[Any, ...]]:
        for _ in dynamics.irun(sys.maxsize):
            yield (
                self._atoms.get_positions(),
                self._atoms.get_velocities(),
                self._atoms.get_potential_energy(),
                dynamics.get_conserved_energy(),
                _static_pressure_ha_per_bohr3(self._atoms),
            )


def _independent_spacing(run: _Run, classical: config.Classical, where: str) -> int:
    """Return how many steps apart frames are no longer correlated.

    A distance is judged by a run of `RUN_PER_MEMORY` times its length. This does not depend on the
    number of frames, so frames keep their steps when more are asked for.
    """
    spacing = classical.steps_between_frames
    while True:
        trajectory = run.until(classical.equilibration_steps + RUN_PER_MEMORY * spacing)
        check_trajectory(trajectory, where, _REMEDY)
        memory = Memory.of(trajectory, classical.equilibration_steps)
        spacing_fs = spacing * classical.timestep_fs
        if memory.longest_fs <= spacing_fs:
            return spacing
        told = f"{where}: {memory.against(spacing_fs)}"
        if spacing >= classical.largest_spacing:
            raise EngineError(
                f"{told}, and classical.max_steps_between_frames = {classical.largest_spacing} "
                "allows no more; raise it, or set classical.correlated_frames: accept"
            )
        spacing = min(2 * spacing, classical.largest_spacing)
        logger.warning("%s; now %d steps apart", told, spacing)


def _tell_of_correlation(trajectory: Trajectory, classical: config.Classical, where: str) -> None:
    spacing_fs = classical.steps_between_frames * classical.timestep_fs
    memory = Memory.of(trajectory, classical.equilibration_steps)
    if memory.longest_fs > spacing_fs:
        logger.warning("%s: %s; they are taken nevertheless", where, memory.against(spacing_fs))


def _static_pressure_ha_per_bohr3(atoms: Atoms) -> float:
    """Pressure without the motion of the atoms; NaN if their calculator does not know stress."""
    try:
        stress = atoms.get_stress()
    except PropertyNotImplementedError:
        return math.nan
    return -float(stress[:3].mean()) * ANGSTROM_PER_BOHR**3 / EV_PER_HARTREE
