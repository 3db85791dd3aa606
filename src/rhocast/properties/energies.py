"""Energies at predicted densities against those at Kohn-Sham densities (paper, Eq. 6, Fig. 6)."""

import csv
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rhocast import config
from rhocast.density import Density, Snapshot, read_snapshot
from rhocast.engines import Engine, HarrisFoulkes, Launcher, Psp8
from rhocast.engines.kept_energies import KeptEnergies
from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.inference import PredictionOptions, predict_on_mesh
from rhocast.model import DensityModel
from rhocast.properties.energy_samples import EnergySamples, check_number
from rhocast.structures import Structure
from rhocast.tables import read_table

logger = logging.getLogger(__name__)

#: A shift of the k-mesh that is drawn (``dft.kpoint_shift: random``) is the same for all energies.
KPOINT_SEED = 0

#: Columns that may be empty.
_OPTIONAL = (
    "hartree_error_ha_per_atom",
    "samples_mean_ha_per_atom",
    "samples_std_ha_per_atom",
)


@dataclass(frozen=True)
class EnergyComparison:
    """One snapshot: the error of the density, and of the energy that follows from it.

    Differences are those of the Harris-Foulkes functional at the predicted density and at the
    snapshot's, with the same engine and settings.

    Attributes
    ----------
    snapshot
        Path of the file.
    system
        Chemical formula.
    n_atoms
        Atoms of the cell.
    density_error
        ∫|Δρ|/N_e (NMAE) of the predicted density, scaled to the electrons.
    energy_predicted_ha_per_atom, energy_dft_ha_per_atom
        Free energies at both densities.
    energy_error_ha_per_atom
        Their difference.
    band_error_ha_per_atom, xc_error_ha_per_atom
        Of the sum of eigenvalues and of E_xc.
    hartree_error_ha_per_atom
        Of E_H; None where the engine does not print it.
    fermi_error_ha
        Of the Fermi level.
    wall_time_s
        Time that the energy at the predicted density took.
    samples_mean_ha_per_atom, samples_std_ha_per_atom
        Of energies at samples of the field; see `rhocast.properties.energy_samples.EnergySamples`.
        None without samples.
    """

    snapshot: str
    system: str
    n_atoms: int
    density_error: float
    energy_predicted_ha_per_atom: float
    energy_dft_ha_per_atom: float
    energy_error_ha_per_atom: float
    band_error_ha_per_atom: float
    xc_error_ha_per_atom: float
    hartree_error_ha_per_atom: float | None
    fermi_error_ha: float
    wall_time_s: float
    samples_mean_ha_per_atom: float | None = None
    samples_std_ha_per_atom: float | None = None

    @property
    def samples(self) -> EnergySamples | None:
        """Error bar of the energy; None without samples."""
        mean, std = self.samples_mean_ha_per_atom, self.samples_std_ha_per_atom
        return None if mean is None or std is None else EnergySamples(mean, std)

    @classmethod
    def of(
        cls, path: str, density_error: float, predicted: HarrisFoulkes, dft: HarrisFoulkes,
        system: str, samples: EnergySamples | None = None,
    ) -> "EnergyComparison":  # fmt: skip
        """Compare two energies of one snapshot."""
        n = predicted.n_atoms
        hartree = None
        if predicted.hartree_ha is not None and dft.hartree_ha is not None:
            hartree = (predicted.hartree_ha - dft.hartree_ha) / n
        return cls(
            snapshot=path,
            system=system,
            n_atoms=n,
            density_error=density_error,
            energy_predicted_ha_per_atom=predicted.energy_ha / n,
            energy_dft_ha_per_atom=dft.energy_ha / n,
            energy_error_ha_per_atom=(predicted.energy_ha - dft.energy_ha) / n,
            band_error_ha_per_atom=(predicted.band_ha - dft.band_ha) / n,
            xc_error_ha_per_atom=(predicted.xc_ha - dft.xc_ha) / n,
            hartree_error_ha_per_atom=hartree,
            fermi_error_ha=predicted.fermi_ha - dft.fermi_ha,
            wall_time_s=predicted.wall_time_s,
            samples_mean_ha_per_atom=samples.mean_ha_per_atom if samples else None,
            samples_std_ha_per_atom=samples.std_ha_per_atom if samples else None,
        )


def compare_energies(
    model: DensityModel,
    paths: Sequence[str | Path],
    engine: Engine,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    *,
    launcher: Launcher,
    workdir: str | Path,
    samples: int = 0,
) -> list[EnergyComparison]:
    """Evaluate the Harris-Foulkes energy of snapshots at their predicted and their DFT density.

    Parameters
    ----------
    model
        What predicts.
    paths
        Snapshot files that the model was not trained on; rejected ones are left out.
    engine
        What computes.
    dft
        Settings. They must use the pseudopotentials that the densities were made with. With other
        k-points or cutoffs than theirs, the energy is not stationary at the snapshot's density, and
        the difference is of first order in the error of the predicted one.
    pseudopotentials
        By element.
    launcher
        How to start the engine.
    workdir
        Folder for the engine's files; without samples, wave functions stay there from one energy
        to the next. Energies stay there, too: one of an earlier run is not computed again.
    samples
        Samples of the field (`rhocast.evaluation.samples`) that give each energy an error bar, two
        or more; 0 for none.

    Raises
    ------
    ConfigError
        If there is one sample.
    ModelError
        If samples are asked of a model without the posterior of its last layer.
    FileFormatError
        If no snapshot is accepted.
    EngineError
        If the engine fails.
    """
    if samples:
        check_number(samples)
        model.check_last_layer()
    workdir = Path(workdir)
    energy_at = partial(
        KeptEnergies(workdir / "energies.json").harris_foulkes,
        engine,
        dft=dft,
        pseudopotentials=pseudopotentials,
        launcher=launcher,
        workdir=workdir / "run",
        waves=None if samples else workdir / "waves",
        kpoint_seed=KPOINT_SEED,
    )
    found = []
    for path in map(Path, paths):
        snapshot = read_snapshot(path)
        if not snapshot.accepted:
            logger.warning("%s is left out, it was rejected: %s", path, snapshot.reason)
            continue
        one = _compare(model, str(path), snapshot, energy_at, samples)
        logger.info(
            "%s: NMAE %.2f %%, error of the energy %.2e Ha/atom%s",
            path, 100.0 * one.density_error, one.energy_error_ha_per_atom,
            f", expected from samples {one.samples}, without the error of k-points and cutoff"
            if one.samples else "",
        )  # fmt: skip
        found.append(one)
    if not found:
        raise FileFormatError(f"no accepted snapshot among {[str(path) for path in paths]}")
    return found


def _compare(
    model: DensityModel,
    path: str,
    snapshot: Snapshot,
    energy_at: Callable[[Structure, Density], HarrisFoulkes],
    samples: int,
) -> EnergyComparison:
    structure = snapshot.structure

    def predicted(sample: int | None = None) -> Density:
        options = PredictionOptions(where=path, sample=sample)
        return predict_on_mesh(model, structure, snapshot.mesh, options)

    density = predicted()
    at_predicted = energy_at(structure, density)
    at_dft = energy_at(structure, snapshot)
    at_samples = [energy_at(structure, predicted(number)) for number in range(samples)]
    return EnergyComparison.of(
        path,
        _share_misplaced(density.density, snapshot.density),
        at_predicted,
        at_dft,
        structure.formula,
        EnergySamples.of(at_samples, at_predicted) if samples else None,
    )


def summary(comparisons: Sequence[EnergyComparison]) -> dict[str, float | int]:
    """Return median and largest errors of all snapshots, without sign; medians of error bars."""
    energies = np.abs([c.energy_error_ha_per_atom for c in comparisons])
    told: dict[str, float | int] = {
        "snapshots": len(comparisons),
        "median_density_error": float(np.median([c.density_error for c in comparisons])),
        "median_energy_error_ha_per_atom": float(np.median(energies)),
        "max_energy_error_ha_per_atom": float(energies.max()),
    }
    bars = [c.samples for c in comparisons if c.samples is not None]
    for name in bars[0].figures if bars else ():
        told[f"median_{name}"] = float(np.median([bar.figures[name] for bar in bars]))
    return told


def write_energies(path: str | Path, comparisons: Sequence[EnergyComparison]) -> None:
    """Write a row for each snapshot as tab-separated values."""
    rows = [asdict(comparison) for comparison in comparisons]
    with replacing(path) as target, target.open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, rows[0], delimiter="\t", lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def read_energies(paths: Sequence[str | Path]) -> list[EnergyComparison]:
    """Read the rows that `write_energies` has written, of all files.

    Raises
    ------
    FileFormatError
        If a file is no such table.
    """
    needed = [field.name for field in fields(EnergyComparison) if field.default is MISSING]
    rows = [row for path in paths for row in read_table(path, needed, "rhocast energies")]
    names = [field.name for field in fields(EnergyComparison)]
    return [
        EnergyComparison(**{name: _value(name, row[name]) for name in names if name in row})
        for row in rows
    ]


def _value(name: str, text: str) -> Any:
    if name in ("snapshot", "system"):
        return text
    if not text and name in _OPTIONAL:
        return None
    return int(text) if name == "n_atoms" else float(text)


def _share_misplaced(predicted: np.ndarray, reference: np.ndarray) -> float:
    """∫|Δρ|/N_e of two densities on one mesh, the first scaled to the electrons of the other."""
    scaled = predicted * (reference.mean(dtype=np.float64) / predicted.mean(dtype=np.float64))
    return float(np.abs(scaled - reference).mean() / reference.mean(dtype=np.float64))
