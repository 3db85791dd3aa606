"""Kohn-Sham eigenvalues in the potential of a given density, at any k-points."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.density import Density
from rhocast.engines.calculation import BAND_KEYS
from rhocast.engines.engine import CalculationError, Engine
from rhocast.engines.given_density import planned
from rhocast.engines.process import Launcher
from rhocast.engines.psp8 import Psp8
from rhocast.engines.single_point import empty_folder
from rhocast.structures import Structure


def eigenvalues(
    engine: Engine,
    structure: Structure,
    density: Density,
    kpoints: np.ndarray,
    n_bands: int,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    *,
    launcher: Launcher,
    workdir: str | Path,
) -> np.ndarray:
    """Solve the Kohn-Sham equations once, in the potential of a density, without a cycle.

    Parameters
    ----------
    engine
        What computes.
    structure
        Atoms and cell.
    density
        Of this very structure, on any mesh; it is scaled to the electrons.
    kpoints : (k, 3) array
        In units of the reciprocal lattice vectors.
    n_bands
        Bands at each k-point.
    dft
        Settings; those of the k-mesh and of the SCF cycle do not matter, nor do an engine's keys of
        the number of bands.
    pseudopotentials
        By element.
    launcher
        How to start the engine.
    workdir
        Folder for the engine's files; emptied first, removed if all went well.

    Returns
    -------
    (k, n_bands) array
        Ha, in ascending order at each k-point, relative to the engine's own zero of the potential.

    Raises
    ------
    StructureError
        If the density is of other atoms.
    EngineError
        If its electrons are far from the structure's, or the engine fails.
    """
    # The shift of the settings' k-mesh may be drawn; no point of that mesh is used.
    name = engine.record.name
    keys = {k: v for k, v in dft.engine_keys(name).items() if k.lower() not in BAND_KEYS}
    settings = dft.model_copy(update={"kpoint_shift": "gamma", name: keys})
    calculation, values, axes = planned(structure, density, settings, pseudopotentials)
    workdir = empty_folder(workdir)
    energies = engine.eigenvalues(
        replace(calculation, n_bands=n_bands),
        values,
        kpoints[:, axes],
        launcher,
        workdir,
    )
    if energies.shape != (len(kpoints), n_bands):
        raise CalculationError(
            f"{workdir}: eigenvalues of shape {energies.shape}, expected {(len(kpoints), n_bands)}"
        )
    shutil.rmtree(workdir)
    return energies
