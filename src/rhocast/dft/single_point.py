"""One Kohn-Sham single point: from a structure to a snapshot, accepted or rejected."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.dft.calculation import Calculation, right_handed
from rhocast.dft.engine import CalculationError, Engine, SinglePoint
from rhocast.dft.gates import faults
from rhocast.dft.process import Launcher
from rhocast.dft.psp8 import Psp8
from rhocast.dft.snapshot import Snapshot
from rhocast.structures import Structure

logger = logging.getLogger(__name__)


def compute_snapshot(
    engine: Engine,
    structure: Structure,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    *,
    temperature_K: float,
    launcher: Launcher,
    workdir: str | Path,
) -> Snapshot:
    """Compute the density of a structure and judge it.

    A calculation that fails on this structure, or whose result is unsound, gives a snapshot with
    status ``rejected`` and the reason; its working folder is kept to look into.

    Parameters
    ----------
    engine
        What computes.
    structure
        Atoms and cell, left- or right-handed.
    dft
        Settings.
    pseudopotentials
        By element.
    temperature_K
        Temperature of the ions, for the record.
    launcher
        How to start the engine.
    workdir
        Folder for the engine's files; emptied first, removed if all went well.

    Raises
    ------
    EngineError
        If the engine does not work at all: program or pseudopotential missing, wrong launcher,
        ended from outside.
    """
    workdir = empty_folder(workdir)
    turned, axes = right_handed(structure)
    calculation = Calculation.plan(turned, dft, pseudopotentials)
    try:
        point = engine.single_point(calculation, launcher, workdir)
        reasons = faults(point, calculation)
    except CalculationError as error:
        point = _nothing(calculation)
        reasons = [str(error)]
    if reasons:
        logger.warning("%s: rejected: %s", workdir, "; ".join(reasons))
    else:
        shutil.rmtree(workdir)
    return Snapshot(
        structure=structure,
        density=point.density.transpose(axes).astype(np.float32),
        forces=point.forces,
        energy_ha=point.energy_ha,
        n_electrons=calculation.n_electrons,
        temperature_K=temperature_K,
        kpoints=str(calculation.kpoints),
        status="rejected" if reasons else "accepted",
        reason="; ".join(reasons),
        record={
            "engine": engine.record.name,
            "engine_version": engine.record.version,
            "ranks": launcher.ranks,
            "threads": launcher.threads,
            "scf_iterations": point.scf_iterations,
            "scf_residual": point.scf_residual,
            "highest_occupation": point.highest_occupation,
            **calculation.record,
            **point.record,
        },
    )


def empty_folder(path: str | Path) -> Path:
    """Return an empty folder at an absolute path, whatever was there before."""
    path = Path(path).absolute()
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def _nothing(calculation: Calculation) -> SinglePoint:
    return SinglePoint(
        density=np.full(calculation.mesh.shape, np.nan),
        forces=np.full((len(calculation.structure), 3), np.nan),
        energy_ha=float("nan"),
        converged=False,
        scf_iterations=0,
        scf_residual=float("nan"),
        highest_occupation=float("nan"),
    )
