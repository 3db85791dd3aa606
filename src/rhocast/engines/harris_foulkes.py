"""The Harris-Foulkes energy: the total energy at a given density, from one diagonalisation."""

import logging
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rhocast import config
from rhocast.density import Density
from rhocast.engines.engine import Engine
from rhocast.engines.gates import bands_fault
from rhocast.engines.given_density import planned
from rhocast.engines.process import Launcher
from rhocast.engines.psp8 import Psp8
from rhocast.engines.single_point import empty_folder
from rhocast.errors import EngineError
from rhocast.structures import Structure

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class HarrisFoulkes:
    """The energy at a density.

    Attributes
    ----------
    energy_ha
        Free energy of the cell, Ha; differs from the self-consistent one by an error of second
        order in that of the density.
    n_atoms
        Atoms of the cell.
    n_electrons
        Valence electrons, which the density was scaled to.
    electrons_given
        What the density integrated to before.
    wall_time_s
        Time that it took, s.
    band_ha, xc_ha, hartree_ha, fermi_ha, highest_occupation
        Parts of the energy, the Fermi level and the occupation of the highest band; see
        `rhocast.engines.engine.DensityEnergy`.
    """

    energy_ha: float
    n_atoms: int
    n_electrons: float
    electrons_given: float
    wall_time_s: float
    band_ha: float
    xc_ha: float
    hartree_ha: float | None
    fermi_ha: float
    highest_occupation: float


def harris_foulkes(
    engine: Engine,
    structure: Structure,
    density: Density,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    *,
    launcher: Launcher,
    workdir: str | Path,
    waves: str | Path | None = None,
    kpoint_seed: int | None = None,
) -> HarrisFoulkes:
    """Evaluate the Harris-Foulkes functional at a density scaled to the electrons (paper, Eq. 6).

    E = Σ f ε - E_H[ρ] + E_xc[ρ] - ∫ v_xc ρ + E_ion - T S, with the eigenvalues ε of the potential
    that ρ gives rise to. Where the highest band is occupied, it is evaluated once more with half as
    many bands again, as in a single point.

    Parameters
    ----------
    engine
        What computes.
    structure
        Atoms and cell.
    density
        Of this very structure, on any mesh.
    dft
        Settings; those of the SCF cycle do not matter.
    pseudopotentials
        By element.
    launcher
        How to start the engine.
    workdir
        Folder for the engine's files; emptied first, removed if all went well.
    waves
        Folder that keeps wave functions from one snapshot of a cell to the next (ABINIT only); it
        may be shared with single points.
    kpoint_seed
        Of the shift of the k-mesh, where ``dft.kpoint_shift`` says that it is drawn.

    Raises
    ------
    StructureError
        If the density is of other atoms.
    EngineError
        If its electrons are far from the structure's, the highest band remains occupied, or the
        engine fails.
    """
    calculation, values, _ = planned(structure, density, dft, pseudopotentials, kpoint_seed)
    workdir = empty_folder(workdir)
    began = time.monotonic()
    folder = None if waves is None else Path(waves)
    found = engine.harris_foulkes(
        calculation, values, launcher, empty_folder(workdir / "attempt-1"), folder
    )
    fault = bands_fault(found.highest_occupation)
    if fault and (more := calculation.with_more_bands(engine.record.name)) is not None:
        logger.warning("%s: trying again with more bands: %s", workdir, fault)
        found = engine.harris_foulkes(more, values, launcher, empty_folder(workdir / "attempt-2"))
        fault = bands_fault(found.highest_occupation)
    if fault:
        raise EngineError(f"{structure.formula}, energy at {density.source}: {fault}")
    wall_time_s = time.monotonic() - began
    shutil.rmtree(workdir)
    return HarrisFoulkes(
        **asdict(found),
        n_atoms=len(structure),
        n_electrons=calculation.n_electrons,
        electrons_given=float(values.mean()) * structure.volume,
        wall_time_s=wall_time_s,
    )
