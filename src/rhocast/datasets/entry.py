"""An entry of a dataset: the attributes of a snapshot file, without its density."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.density import read_snapshot
from rhocast.density.axes import misplaced
from rhocast.errors import FileFormatError
from rhocast.structures import Structure


def core_hours_of(record: Mapping[str, Any]) -> float:
    """Return wall time times cores of a snapshot, by its record; NaN where it does not tell."""
    seconds = float(record.get("wall_time_s", np.nan))
    cores = int(record.get("ranks", 1)) * int(record.get("threads", 1))
    return seconds * cores / 3600.0


@dataclass(frozen=True)
class Entry:
    """One snapshot file without its density.

    Attributes
    ----------
    path
        The file.
    structure
        Atoms and cell.
    mesh
        Points of the density along each lattice vector.
    integral
        ∫ρ, electrons.
    misplaced
        In what way the density does not fit its atoms, in words; empty if it does.
    n_electrons, energy_ha, temperature_K, kpoints, status, reason, record
        As in `rhocast.density.Snapshot`.
    """

    path: Path
    structure: Structure
    mesh: tuple[int, int, int]
    integral: float
    n_electrons: float
    energy_ha: float
    temperature_K: float
    kpoints: str
    status: str
    reason: str
    record: dict[str, Any] = field(default_factory=dict)
    misplaced: str = ""

    @property
    def trajectory(self) -> str:
        """What the frame was taken from: the two folders it lies in, ``{system}/{T}K``."""
        return trajectory_of(self.path)

    @property
    def accepted(self) -> bool:
        """Whether it passed the quality gates."""
        return self.status == "accepted"

    @property
    def kpoint_setting(self) -> str:
        """The k-mesh in words; of a drawn shift, how it is drawn: ``2 2 2 shift random``."""
        corrected = json.loads(self.record.get("kpoint_correction", "{}"))
        settings = json.loads(corrected.get("plus", self.record).get("settings", "{}"))
        shift = str(settings.get("kpoint_shift", ""))
        divisions = self.kpoints.partition(" shift ")[0]
        return f"{divisions} shift {shift}" if shift.startswith("random") else self.kpoints

    @property
    def core_hours(self) -> float:
        """Wall time times cores; NaN where the file does not tell."""
        return core_hours_of(self.record)

    @property
    def configuration(self) -> str:
        """Hash of the atoms and the cell: two files that share it hold one configuration."""
        arrays = (
            self.structure.numbers,
            self.structure.positions.round(6) + 0.0,  # no negative zeros
            self.structure.cell.round(6) + 0.0,
        )
        return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


def trajectory_of(path: str | Path) -> str:
    """Return the trajectory of a snapshot file: the two folders it lies in."""
    return "/".join(Path(path).absolute().parts[-3:-1])


def find_snapshots(paths: Sequence[str | Path]) -> list[Path]:
    """Return files as they are and, for folders, all HDF5 files below, in natural order.

    Raises
    ------
    FileFormatError
        If there is no such path, or no HDF5 file in a folder.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        files = sorted(path.rglob("*.h5"), key=_natural) if path.is_dir() else [path]
        if not files or not path.exists():
            raise FileFormatError(f"{path}: expected a snapshot file or a folder that holds some")
        found += files
    return found


def read_entry(path: str | Path) -> Entry:
    """Read a snapshot file, checksums included, and keep what is small.

    Raises
    ------
    FileFormatError
        If it is missing, damaged or no snapshot file.
    """
    snapshot = read_snapshot(path)
    return Entry(
        path=Path(path),
        structure=snapshot.structure,
        mesh=snapshot.mesh.shape,
        integral=snapshot.mesh.integral(snapshot.density),
        n_electrons=snapshot.n_electrons,
        energy_ha=snapshot.energy_ha,
        temperature_K=snapshot.temperature_K,
        kpoints=snapshot.kpoints,
        status=snapshot.status,
        reason=snapshot.reason,
        record=dict(snapshot.record),
        misplaced=misplaced(snapshot) if snapshot.status == "accepted" else "",
    )


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key by which frame 10 follows frame 9."""
    words = re.split(r"(\d+)", str(path))
    return [(int(word), "") if word.isdigit() else (0, word) for word in words]
