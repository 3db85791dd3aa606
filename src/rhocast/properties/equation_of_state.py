"""Energy against volume at predicted and at self-consistent densities (paper, Fig. 7)."""

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rhocast import config
from rhocast.density import Density
from rhocast.engines import Engine, Launcher, Psp8
from rhocast.engines.calculation import right_handed
from rhocast.engines.kept_energies import KeptEnergies
from rhocast.inference import PredictionOptions, Predictor, predict_on_mesh
from rhocast.properties.birch_murnaghan import Fit, fit
from rhocast.properties.energy_samples import check_number
from rhocast.properties.fit_samples import FitSamples
from rhocast.structures import Structure

logger = logging.getLogger(__name__)

#: A shift of the k-mesh that is drawn (``dft.kpoint_shift: random``) is the same for all energies.
KPOINT_SEED = 0


@dataclass(frozen=True)
class VolumeEnergies:
    """Energies of one cell at several volumes.

    Attributes
    ----------
    system
        Chemical formula.
    n_atoms
        Atoms of the cell.
    strains : (s,) array
        Linear: lengths over those of the given cell, minus one.
    volumes_bohr3_per_atom : (s,) array
        Volumes.
    predicted_ha_per_atom : (s,) array
        Harris-Foulkes energies at the predicted density.
    dft_ha_per_atom : (s,) array or None
        Self-consistent energies, if they were asked for.
    samples_ha_per_atom : (n, s) array or None
        Harris-Foulkes energies at samples of the field, if they were asked for.
    """

    system: str
    n_atoms: int
    strains: np.ndarray
    volumes_bohr3_per_atom: np.ndarray
    predicted_ha_per_atom: np.ndarray
    dft_ha_per_atom: np.ndarray | None
    samples_ha_per_atom: np.ndarray | None

    def fitted(self) -> "EquationOfState":
        """Fit the Birch-Murnaghan equation.

        Raises
        ------
        EngineError
            If the energies have no minimum within the volumes.
        """
        volumes = self.volumes_bohr3_per_atom
        start = float(volumes[0] / (1.0 + self.strains[0]) ** 3)
        dft = self.dft_ha_per_atom
        return EquationOfState(
            **{field.name: getattr(self, field.name) for field in fields(VolumeEnergies)},
            predicted=fit(volumes, self.predicted_ha_per_atom, start),
            dft=None if dft is None else fit(volumes, dft, start),
        )


@dataclass(frozen=True)
class EquationOfState(VolumeEnergies):
    """Energies of one cell at several volumes, and the curves through them.

    Attributes
    ----------
    predicted, dft
        The fits.
    """

    predicted: Fit
    dft: Fit | None

    @property
    def samples(self) -> FitSamples | None:
        """Error bars of the fit at the predicted densities; None without samples."""
        if self.samples_ha_per_atom is None:
            return None
        start = self.predicted.volume_bohr3_per_atom / self.predicted.length_factor**3
        return FitSamples.of(
            self.volumes_bohr3_per_atom, self.samples_ha_per_atom, self.predicted, start
        )

    def report(self, lattice_constant_bohr: float | None = None) -> dict[str, Any]:
        """Return the fits; with lattice constants if that of the given cell is known."""
        fits = {"predicted": self.predicted} | ({"dft": self.dft} if self.dft else {})
        report: dict[str, Any] = {"system": self.system, "n_atoms": self.n_atoms}
        for name, found in fits.items():
            values = asdict(found)
            if lattice_constant_bohr is not None:
                values["lattice_constant_bohr"] = lattice_constant_bohr * found.length_factor
                error = lattice_constant_bohr * found.length_factor_error
                values["lattice_constant_error"] = error
            report[name] = values
        if (samples := self.samples) is not None:
            report["samples"] = asdict(samples)
            if lattice_constant_bohr is not None:
                report["samples"] |= {
                    "lattice_constant_mean": lattice_constant_bohr * samples.length_factor_mean,
                    "lattice_constant_std": lattice_constant_bohr * samples.length_factor_std,
                }
        return report


def volume_energies(
    predictor: Predictor,
    structure: Structure,
    strains: Sequence[float],
    engine: Engine,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    *,
    launcher: Launcher,
    workdir: str | Path,
    with_dft: bool = True,
    samples: int = 0,
) -> VolumeEnergies:
    """Compute a cell's energy at several volumes.

    All volumes have the same k-points (in units of the reciprocal lattice), the same plane-wave
    cutoff (ABINIT), and as many mesh points. Energies that an earlier run has left in ``workdir``
    are not computed again.

    Parameters
    ----------
    predictor
        The model.
    structure
        The cell at strain 0.
    strains
        Linear strains, five or more.
    engine, dft, pseudopotentials, launcher
        What computes, and its settings.
    workdir
        Folder for the engine's files, and for energies as they are computed (`KeptEnergies`).
    with_dft
        Whether to compute self-consistent energies too.
    samples
        Samples of the field (`rhocast.evaluation.samples`) that give energies and fit error bars,
        two or more; 0 for none.

    Raises
    ------
    ConfigError
        If there is one sample.
    ModelError
        If samples are asked of a model without the posterior of its last layer.
    EngineError
        If the engine fails, or a single point is rejected.
    """
    if samples:
        check_number(samples)
        predictor.model.check_last_layer()
    workdir = Path(workdir)
    structure, _ = right_handed(structure)
    cells = [strained(structure, strain) for strain in strains]
    kept = KeptEnergies(workdir / "energies.json")
    energy_at = partial(
        kept.harris_foulkes,
        engine,
        pseudopotentials=pseudopotentials,
        launcher=launcher,
        workdir=workdir / "run",
        kpoint_seed=KPOINT_SEED,
    )
    predicted, computed, sampled = [], [], []
    for strain, cell, own in zip(strains, cells, fixed_basis(dft, cells), strict=True):
        density = predictor.predict(cell, where=f"{structure.formula} at strain {strain:+g}")
        at_predicted = energy_at(cell, density, own).energy_ha / len(cell)
        predicted.append(at_predicted)
        sampled.append(
            [
                energy_at(cell, sample, own).energy_ha / len(cell)
                for sample in _samples_of(predictor, density, samples)
            ]
        )
        logger.info("%.3f Bohr³: %.8f Ha/atom predicted", cell.volume, at_predicted)
        if with_dft:
            energy = kept.self_consistent(
                engine,
                cell,
                own,
                pseudopotentials,
                temperature_K=0.0,
                launcher=launcher,
                workdir=workdir / "run",
                kpoint_seed=KPOINT_SEED,
            )
            computed.append(energy / len(cell))
            logger.info("%.3f Bohr³: %.8f Ha/atom by DFT", cell.volume, computed[-1])
    volumes = np.array([cell.volume / len(cell) for cell in cells])
    return VolumeEnergies(
        system=structure.formula,
        n_atoms=len(structure),
        strains=np.array(strains),
        volumes_bohr3_per_atom=volumes,
        predicted_ha_per_atom=np.array(predicted),
        dft_ha_per_atom=np.array(computed) if with_dft else None,
        samples_ha_per_atom=np.array(sampled).T if samples else None,
    )


def _samples_of(predictor: Predictor, density: Density, number: int) -> Iterator[Density]:
    """Predict samples of a predicted field; what is to be said of its cell has been said."""
    for k in range(number):
        options = PredictionOptions(sample=k)
        sample = predict_on_mesh(predictor.model, density.structure, density.mesh, options)
        yield sample.scaled_to_electrons()


def strained(structure: Structure, strain: float) -> Structure:
    """Return a structure with all lengths multiplied by 1 + strain."""
    factor = 1.0 + strain
    return replace(structure, cell=factor * structure.cell, positions=factor * structure.positions)


def fixed_basis(dft: config.Dft, cells: Sequence[Structure]) -> list[config.Dft]:
    """Return settings for scaled copies of one cell that give all the same k-points and meshes.

    The largest cell follows the settings; ABINIT's mesh is the one that its cutoff needs there.
    """
    largest = max(cells, key=lambda cell: cell.volume)
    points = [
        _even_length(2.0 * math.sqrt(2.0 * dft.cutoff_ha) * float(length) / math.pi + 1.0)
        for length in np.linalg.norm(largest.cell, axis=1)
    ]
    settings = []
    for cell in cells:
        factor = (cell.volume / largest.volume) ** (1.0 / 3.0)
        own = dft.model_copy(
            update={
                "kpoint_spacing_per_bohr": dft.kpoint_spacing_per_bohr / factor,
                "mesh_spacing_bohr": dft.mesh_spacing_bohr * factor * (1.0 + 1e-9),
            }
        )
        settings.append(own.with_engine_keys("abinit", {"ngfft": tuple(points)}))
    return settings


def _even_length(at_least: float) -> int:
    """Return the least even number of points that ABINIT's Fourier transforms take: 2, 3, 5."""
    number = 2 * math.ceil(at_least / 2.0)
    while _remainder(number) != 1:
        number += 2
    return number


def _remainder(number: int) -> int:
    for prime in (2, 3, 5):
        while number % prime == 0:
            number //= prime
    return number
