"""Bands and density of states in the potential of a given density."""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.density import Density
from rhocast.engines import Engine, Launcher, Psp8
from rhocast.engines.calculation import Calculation, more_bands
from rhocast.engines.gates import bands_fault
from rhocast.engines.kept_energies import KeptEnergies
from rhocast.errors import EngineError
from rhocast.properties.density_of_states import (
    density_of_states,
    fermi_level,
    highest_occupation,
)
from rhocast.properties.kpath import KPath
from rhocast.structures import Structure
from rhocast.units import EV_PER_HARTREE, HARTREE_PER_KELVIN

logger = logging.getLogger(__name__)

#: A shift of the k-mesh that is drawn (``dft.kpoint_shift: random``) is the same for all densities.
KPOINT_SEED = 0

_SET_BY = "--empty-bands (in Python: empty_bands)"


@dataclass(frozen=True)
class ElectronicStructure:
    """Eigenvalues on a path and on a mesh of k-points, in the potential of one density.

    Attributes
    ----------
    system
        Chemical formula.
    source
        Where the density comes from.
    n_electrons
        Valence electrons.
    path
        The path.
    energies_ha : (k, n) array
        Bands along it, Ha, relative to the engine's own zero of the potential.
    mesh_energies_ha : (n1, n2, n3, n) array
        Bands on the whole mesh of k-points, Ha.
    fermi_ha
        Fermi level of the mesh, Ha.
    wall_time_s
        Time that the engine took, s.
    """

    system: str
    source: str
    n_electrons: float
    path: KPath
    energies_ha: np.ndarray
    mesh_energies_ha: np.ndarray
    fermi_ha: float
    wall_time_s: float

    @property
    def energies_ev(self) -> np.ndarray:
        """Bands along the path (k, n), eV, relative to the Fermi level."""
        return (self.energies_ha - self.fermi_ha) * EV_PER_HARTREE

    @property
    def gap_ev(self) -> float | None:
        """Gap between full and empty bands over path and mesh, eV; None for a metal."""
        full, remainder = divmod(round(self.n_electrons), 2)
        n_bands = self.energies_ha.shape[1]
        if remainder or full == n_bands:
            return None
        every = np.concatenate([self.energies_ha, self.mesh_energies_ha.reshape(-1, n_bands)])
        gap = float(every[:, full].min() - every[:, full - 1].max())
        return gap * EV_PER_HARTREE if gap > 0.0 else None

    def density_of_states(self, grid_ev: np.ndarray, width_ev: float = 0.1) -> np.ndarray:
        """Return the density of states, states of both spins per eV and cell.

        Parameters
        ----------
        grid_ev : (e,) array
            Energies relative to the Fermi level, eV.
        width_ev
            Standard deviation of the Gaussian that broadens it, eV.
        """
        relative = (self.mesh_energies_ha - self.fermi_ha) * EV_PER_HARTREE
        return density_of_states(relative, grid_ev, width_ev)


@dataclass(frozen=True)
class BandError:
    """How far the bands at one density lie from those at another.

    Attributes
    ----------
    max_mev, mean_mev
        Largest and mean |Δε| of the states along the path up to the window above the Fermi level,
        each relative to the Fermi level of its own density, meV.
    fermi_mev
        Difference of the Fermi levels, relative to the engine's zero of the potential, meV.
    gap_mev
        Difference of the gaps, meV; None if one of both is a metal.
    """

    max_mev: float
    mean_mev: float
    fermi_mev: float
    gap_mev: float | None


def electronic_structure(
    engine: Engine,
    structure: Structure,
    density: Density,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    *,
    launcher: Launcher,
    workdir: str | Path,
    path: KPath | None = None,
    mesh_spacing_per_bohr: float | None = None,
    empty_bands: int | None = None,
) -> ElectronicStructure:
    """Compute bands and density of states at a density, without a self-consistent cycle.

    Parameters
    ----------
    engine
        What computes.
    structure
        Atoms and cell.
    density
        Of this very structure, on any mesh; it is scaled to the electrons.
    dft
        Settings.
    pseudopotentials
        By element.
    launcher
        How to start the engine.
    workdir
        Folder for the engine's files. Eigenvalues stay there, too: those of an earlier run are
        not computed again (`KeptEnergies`).
    path
        Path of the bands; by default the one that ASE suggests for the cell's lattice.
    mesh_spacing_per_bohr
        Distance of the k-points of the mesh, 1/Bohr; by default that of the settings.
    empty_bands
        Bands beyond the occupied ones; by default three for four occupied ones, at least six, and
        once more half as many bands again, if the highest one is occupied at a point of the mesh.

    Raises
    ------
    StructureError
        If the density is of other atoms.
    EngineError
        If its electrons are far from the structure's, the highest band is occupied, or the engine
        fails.
    """
    path = path or KPath.of(structure)
    if mesh_spacing_per_bohr is not None:
        dft = dft.model_copy(update={"kpoint_spacing_per_bohr": mesh_spacing_per_bohr})
    plan = Calculation.plan(structure, dft, pseudopotentials, KPOINT_SEED)
    points, places = plan.kpoints.unfold()
    occupied = math.ceil(plan.n_electrons / 2.0)
    workdir = Path(workdir)
    kept = KeptEnergies(workdir / "energies.json")
    weights = np.bincount(places.ravel()) / places.size
    smearing_ha = dft.smearing_K * HARTREE_PER_KELVIN

    def solved(n_bands: int) -> tuple[np.ndarray, float, float, str]:
        """Return energies, Fermi level, seconds, and what is wrong with the number of bands."""
        energies, wall_time_s = kept.eigenvalues(
            engine,
            structure,
            density,
            np.concatenate([path.kpoints, points]),
            n_bands,
            dft,
            pseudopotentials,
            launcher=launcher,
            workdir=workdir / "run",
        )
        on_mesh = energies[len(path.kpoints) :]
        level = fermi_level(on_mesh, weights, plan.n_electrons, smearing_ha)
        occupied_to = highest_occupation(on_mesh, level, smearing_ha)
        return energies, level, wall_time_s, bands_fault(occupied_to, _SET_BY)

    n_bands = occupied + (max(6, int(0.75 * occupied)) if empty_bands is None else empty_bands)
    energies, level, wall_time_s, fault = solved(n_bands)
    if fault and empty_bands is None:
        logger.warning("%s: trying again with more bands: %s", workdir, fault)
        energies, level, more_s, fault = solved(more_bands(n_bands))
        wall_time_s += more_s
    if fault:
        raise EngineError(f"{structure.formula}, bands at {density.source}: {fault}")
    on_path, on_mesh = energies[: len(path.kpoints)], energies[len(path.kpoints) :]
    return ElectronicStructure(
        system=structure.formula,
        source=density.source,
        n_electrons=plan.n_electrons,
        path=path,
        energies_ha=on_path,
        mesh_energies_ha=on_mesh[places],
        fermi_ha=level,
        wall_time_s=wall_time_s,
    )


def compare_bands(
    found: ElectronicStructure, reference: ElectronicStructure, window_ev: float = 5.0
) -> BandError:
    """Compare bands at two densities of one structure.

    Parameters
    ----------
    found, reference
        With the same engine, settings and k-points. Bands that one of both lacks do not count.
    window_ev
        States up to this energy above the Fermi level of the reference count, eV.
    """
    n_bands = min(found.energies_ha.shape[1], reference.energies_ha.shape[1])
    ours, theirs = found.energies_ev[:, :n_bands], reference.energies_ev[:, :n_bands]
    errors_mev = 1e3 * np.abs(ours - theirs)[theirs <= window_ev]
    gaps = (found.gap_ev, reference.gap_ev)
    return BandError(
        max_mev=float(errors_mev.max()),
        mean_mev=float(errors_mev.mean()),
        fermi_mev=1e3 * (found.fermi_ha - reference.fermi_ha) * EV_PER_HARTREE,
        gap_mev=None if gaps[0] is None or gaps[1] is None else 1e3 * (gaps[0] - gaps[1]),
    )
