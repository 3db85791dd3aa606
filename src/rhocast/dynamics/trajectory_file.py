"""Files of trajectories: extended XYZ, which ASE reads."""

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.extxyz import write_extxyz

from rhocast.dynamics.trajectory import Trajectory
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.structures.frame_sums import KEY, check_frames, seal_frames
from rhocast.structures.structure_file import RECORD, comment_entry
from rhocast.units import (
    ANGSTROM_PER_BOHR,
    ATOMIC_VELOCITY_PER_ASE,
    EV_PER_HARTREE,
    GPA_PER_ATOMIC_PRESSURE,
)

_OWN = ("time_fs", "target_K", "conserved_eV", "static_pressure_GPa", KEY)


def write_trajectory(path: str | Path, trajectory: Trajectory) -> None:
    """Write a trajectory as extended XYZ (ASE's units)."""
    images = [_image(trajectory, step) for step in range(len(trajectory))]
    with replacing(path) as partial:
        write_extxyz(partial, images)
        seal_frames(partial)


def read_trajectory(path: str | Path) -> Trajectory:
    """Read a trajectory that `write_trajectory` wrote.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or of other contents.
    """
    try:
        check_frames(Path(path), "run its rule again")
        images: Any = ase.io.read(path, ":", format="extxyz")
        first = images[0]
        pressures = [image.info.get("static_pressure_GPa") for image in images]
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
            static_pressures_ha_per_bohr3=None
            if None in pressures
            else np.array(pressures) / GPA_PER_ATOMIC_PRESSURE,
            record=_record(first.info),
        )
    except FileFormatError:
        raise
    except Exception as error:  # ASE's readers raise whatever their parsers meet
        raise FileFormatError(
            f"{path}: cannot be read as a trajectory ({type(error).__name__}: {error}); run its "
            "rule again"
        ) from error


def _image(trajectory: Trajectory, step: int) -> Atoms:
    """Return one configuration in ASE's units."""
    atoms = trajectory.structure(step).to_ase()
    atoms.set_velocities(trajectory.velocities[step] / ATOMIC_VELOCITY_PER_ASE)
    energy = trajectory.potential_energies_ha[step] * EV_PER_HARTREE
    atoms.calc = SinglePointCalculator(atoms, energy=energy)
    atoms.info = {
        **comment_entry(trajectory.record),
        "time_fs": float(trajectory.times_fs[step]),
        "target_K": trajectory.target_K,
        "conserved_eV": float(trajectory.conserved_ha[step] * EV_PER_HARTREE),
    }
    pressures = trajectory.static_pressures_ha_per_bohr3
    if pressures is not None:
        atoms.info["static_pressure_GPa"] = float(pressures[step] * GPA_PER_ATOMIC_PRESSURE)
    return atoms


def _record(info: dict[str, Any]) -> dict[str, Any]:
    """Return the record; the first data were computed when its entries stood by themselves."""
    if RECORD in info:
        return dict(info[RECORD])
    return {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in info.items()
        if key not in _OWN
    }
