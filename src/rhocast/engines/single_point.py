"""One Kohn-Sham single point: from a structure to a snapshot, accepted or rejected."""

import json
import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rhocast import __version__, config
from rhocast.density import Density, Snapshot
from rhocast.density.quantity import check_whole
from rhocast.engines.calculation import Calculation, right_handed
from rhocast.engines.engine import CalculationError, Engine, SinglePoint
from rhocast.engines.gates import faults, only_lacks_bands, temperature_fault
from rhocast.engines.process import Launcher
from rhocast.engines.psp8 import Psp8
from rhocast.engines.undersampling import undersampling
from rhocast.errors import StructureError
from rhocast.structures import Structure

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """One calculation of a single point, and what was found wrong with it."""

    point: SinglePoint
    faults: list[str]
    keys: Mapping[str, Any]
    n_bands: int

    @property
    def wall_time_s(self) -> float:
        """Seconds that it took."""
        return float(self.point.record["wall_time_s"])

    @property
    def record(self) -> dict[str, Any]:
        """Attributes of the snapshot file."""
        return {
            "engine_keys": dict(self.keys),
            "n_bands": self.n_bands,
            "scf_iterations": self.point.scf_iterations,
            "wall_time_s": self.wall_time_s,
            "faults": self.faults,
        }


def compute_snapshot(
    engine: Engine,
    structure: Structure,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    *,
    temperature_K: float,
    launcher: Launcher,
    workdir: str | Path,
    start: Density | None = None,
    waves: str | Path | None = None,
    kpoint_seed: int | None = None,
) -> Snapshot:
    """Compute the density of a structure and judge it.

    A cycle that fails or does not converge is tried once more, with safer mixing and twice the
    iterations; one whose highest band is occupied, once more with half as many bands again. A
    result that is unsound gives a snapshot with status ``rejected`` and the reason; the engine's
    files are kept to look into.

    Parameters
    ----------
    engine
        What computes.
    structure
        Atoms and cell, left- or right-handed. Where its record tells a frame's
        ``kinetic_temperature_K``, that is judged too.
    dft
        Settings.
    pseudopotentials
        By element.
    temperature_K
        Temperature that the ions were meant to have.
    launcher
        How to start the engine.
    workdir
        Folder for the engine's files; emptied first, removed if all went well.
    start
        Density to begin from, of this cell; by default the engine superposes atoms. One of atoms in
        other places, such as another snapshot's, is warned of.
    waves
        Folder that keeps wave functions from one snapshot of a cell to the next (ABINIT only):
        those that are there are begun from, and replaced by those of this snapshot.
    kpoint_seed
        Of the shift of the k-mesh, where ``dft.kpoint_shift`` says that it is drawn.

    Raises
    ------
    ConfigError
        If the shift is to be drawn and there is no seed.
    StructureError
        If ``start`` belongs to another cell.
    FileFormatError
        If it is of a part of the cell.
    EngineError
        If the engine does not work at all: program or pseudopotential missing, wrong launcher,
        ended from outside.
    """
    if start is not None:
        check_whole(start.record, start.source)
        start.check_cell(structure)
        _warn_of_other_places(start, structure)
    workdir = empty_folder(workdir)
    turned, axes = right_handed(structure)
    calculation = Calculation.plan(turned, dft, pseudopotentials, kpoint_seed)
    kinetic_K = structure.record.get("kinetic_temperature_K")
    if misplaced := temperature_fault(kinetic_K, temperature_K, len(structure)):
        attempts = [Attempt(_nothing(calculation), [misplaced], {}, calculation.n_bands)]
    else:
        begin = None if start is None else start.read("density").transpose(axes)
        folder = None if waves is None else Path(waves)
        attempts = _attempts(engine, calculation, launcher, workdir, begin, folder)
    point, reasons = attempts[-1].point, attempts[-1].faults
    _warn_of_undersampling(calculation, point, workdir)
    if reasons:
        logger.warning("%s: rejected: %s", workdir, "; ".join(reasons))
    else:
        shutil.rmtree(workdir)
    wall_time_s = sum(attempt.wall_time_s for attempt in attempts)
    return Snapshot(
        structure=structure,
        density=point.density.transpose(axes).astype(np.float32),
        forces=point.forces,
        energy_ha=point.energy_ha,
        n_electrons=calculation.n_electrons,
        temperature_K=temperature_K,
        kpoints=str(calculation.kpoints.transpose(axes)),
        status="rejected" if reasons else "accepted",
        reason="; ".join(reasons),
        record={
            "rhocast_version": __version__,
            "engine": engine.record.name,
            "engine_version": engine.record.version,
            "settings": json.dumps(dft.model_dump()),
            "structure": json.dumps(dict(structure.record), default=str),
            **({} if kpoint_seed is None else {"kpoint_seed": kpoint_seed}),
            "start": "superposed atoms" if start is None else start.origin,
            "ranks": launcher.ranks,
            "threads": launcher.threads,
            "attempts": json.dumps([attempt.record for attempt in attempts]),
            "scf_iterations": point.scf_iterations,
            "scf_residual": point.scf_residual,
            "highest_occupation": point.highest_occupation,
            **calculation.record,
            "n_bands": attempts[-1].n_bands,
            **point.record,
            "wall_time_s": wall_time_s,
            "core_hours": wall_time_s * launcher.ranks * launcher.threads / 3600.0,
        },
    )


def _attempts(
    engine: Engine,
    calculation: Calculation,
    launcher: Launcher,
    workdir: Path,
    start: np.ndarray | None,
    waves: Path | None,
) -> list[Attempt]:
    """Compute once, and again as far as that may help; the last counts."""
    attempts = [_attempt(engine, calculation, launcher, workdir / "attempt-1", start, waves)]
    if not attempts[0].point.converged:  # other mixing leads a converged one to the same density
        told = "; ".join(attempts[0].faults)
        logger.warning("%s: trying again with safer mixing: %s", workdir, told)
        dft = calculation.dft
        safer = dft.with_engine_keys(engine.record.name, engine.safer_mixing).model_copy(
            update={"max_scf_iterations": 2 * dft.max_scf_iterations}
        )
        calculation = replace(calculation, dft=safer)
        attempts.append(_attempt(engine, calculation, launcher, workdir / "attempt-2", start))
    last = attempts[-1]
    more = calculation.with_more_bands(engine.record.name)
    if more is not None and only_lacks_bands(last.point, calculation):
        logger.warning("%s: trying again with more bands: %s", workdir, last.faults[0])
        folder = workdir / f"attempt-{len(attempts) + 1}"
        attempts.append(_attempt(engine, more, launcher, folder, last.point.density))
    return attempts


def _attempt(
    engine: Engine,
    calculation: Calculation,
    launcher: Launcher,
    workdir: Path,
    start: np.ndarray | None,
    waves: Path | None = None,
) -> Attempt:
    workdir.mkdir()
    keys = calculation.dft.engine_keys(engine.record.name)
    began = time.monotonic()
    try:
        point = engine.single_point(calculation, launcher, workdir, start, waves)
    except CalculationError as error:
        point = _nothing(calculation, time.monotonic() - began)
        return Attempt(point, [str(error)], keys, calculation.n_bands)
    return Attempt(point, faults(point, calculation), keys, calculation.n_bands)


def empty_folder(path: str | Path) -> Path:
    """Return an empty folder at an absolute path, whatever was there before."""
    path = Path(path).absolute()
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def _warn_of_other_places(start: Density, structure: Structure) -> None:
    """Warn if a density to begin from is of other atoms; the result does not depend on it."""
    try:
        start.check_atoms(structure)
    except StructureError as error:
        logger.warning(
            "%s. It is only begun from, and the result does not depend on it; iterations may", error
        )


def _warn_of_undersampling(calculation: Calculation, point: SinglePoint, workdir: Path) -> None:
    warning = undersampling(
        calculation.structure.cell,
        calculation.kpoints,
        point.record.get("partial_electrons", 0.0),
        calculation.n_electrons,
        drawn=calculation.dft.draws_kpoint_shift,
    )
    if warning is not None:
        logger.warning("%s: %s", workdir, warning)


def _nothing(calculation: Calculation, wall_time_s: float = 0.0) -> SinglePoint:
    return SinglePoint(
        density=np.full(calculation.mesh.shape, np.nan),
        forces=np.full((len(calculation.structure), 3), np.nan),
        energy_ha=float("nan"),
        converged=False,
        scf_iterations=0,
        scf_residual=float("nan"),
        highest_occupation=float("nan"),
        record={"wall_time_s": wall_time_s},
    )
