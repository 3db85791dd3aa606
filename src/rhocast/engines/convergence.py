"""The convergence study: single points at coarser and finer settings, compared and judged."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.config.convergence import OWN, VARIED, refined
from rhocast.density import Snapshot, read_snapshot, write_snapshot
from rhocast.density.fourier import resample
from rhocast.engines.engine import Engine
from rhocast.engines.process import Launcher
from rhocast.engines.psp8 import Psp8
from rhocast.engines.single_point import compute_snapshot
from rhocast.errors import ConfigError, EngineError
from rhocast.files import replacing
from rhocast.structures import Structure

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Difference:
    """How far two single points of the same atoms are apart.

    Attributes
    ----------
    density_share
        ∫|Δρ|/N_e.
    density_rmse
        e/Bohr³.
    energy_ha_per_atom
        Of free energies, without sign.
    force_ha_per_bohr
        Largest change of an atom's force.
    """

    density_share: float
    density_rmse: float
    energy_ha_per_atom: float
    force_ha_per_bohr: float

    @classmethod
    def between(cls, first: Snapshot, second: Snapshot) -> "Difference":
        """Compare on the finer of the two meshes along each axis (Fourier interpolation)."""
        nx, ny, nz = np.maximum(first.density.shape, second.density.shape).tolist()
        change = resample(first.density, (nx, ny, nz)) - resample(second.density, (nx, ny, nz))
        volume = first.structure.volume
        return cls(
            density_share=float(np.abs(change).mean()) * volume / first.n_electrons,
            density_rmse=float(np.sqrt(np.square(change).mean())),
            energy_ha_per_atom=abs(first.energy_ha - second.energy_ha) / len(first.structure),
            force_ha_per_bohr=float(
                np.linalg.norm(first.forces - second.forces, axis=1).max(initial=0.0)
            ),
        )

    def within(self, limits: config.Convergence) -> bool:
        """Whether density, energy and forces are all converged."""
        return (
            self.density_share <= limits.max_density_share
            and self.energy_ha_per_atom <= limits.max_energy_ha_per_atom
            and self.force_ha_per_bohr <= limits.max_force_ha_per_bohr
        )


@dataclass(frozen=True)
class Trial:
    """One value of a parameter.

    Attributes
    ----------
    fineness
        In units of the setting of `dft`.
    setting
        The value in words.
    difference
        From the finest value; of the finest value itself None.
    core_seconds
        Wall time times cores.
    """

    fineness: float
    setting: str
    difference: Difference | None
    core_seconds: float


@dataclass(frozen=True)
class Series:
    """One parameter of the study.

    Attributes
    ----------
    parameter
        A key of `rhocast.config.convergence.VARIED`.
    trials
        The coarsest first; the last is what the others are compared with.
    recommended
        The coarsest fineness that meets the criteria, as all finer ones do; None if there is none.
    """

    parameter: str
    trials: tuple[Trial, ...]
    recommended: float | None

    @property
    def own(self) -> Trial | None:
        """The setting of `dft`; None if its single point was rejected."""
        return next((trial for trial in self.trials if trial.fineness == 1.0), None)


def compute_points(
    engine: Engine,
    structure: Structure,
    study: config.Convergence,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    *,
    launcher: Launcher,
    folder: str | Path,
    kpoint_seed: int | None = None,
) -> dict[str, Path]:
    """Compute the single points of a study one after another; those that exist are kept.

    A shift of the k-mesh that is drawn is the same for all of them: else its noise would hide what
    the other settings do.

    Returns
    -------
    dict
        Snapshot files by the name of the point.

    Raises
    ------
    ConfigError
        If the folder holds points of other settings or another structure.
    """
    folder = Path(folder)
    _claim(folder, structure, dft, pseudopotentials, kpoint_seed)
    paths = {}
    for point in (OWN, *study.points()):
        path = paths[point] = folder / f"{point}.h5"
        if path.is_file():
            logger.info("%s is there already", path)
            continue
        snapshot = compute_snapshot(
            engine,
            structure,
            study.settings(point, dft),
            pseudopotentials,
            temperature_K=study.temperature_K or 0.0,
            launcher=launcher,
            workdir=folder / f"{point}.h5.work",
            kpoint_seed=kpoint_seed,
        )
        write_snapshot(path, snapshot)
        logger.info("%s: %s %s", path, snapshot.status, snapshot.reason)
    return paths


def judge(
    study: config.Convergence, dft: config.Dft, paths: Mapping[str, str | Path]
) -> list[Series]:
    """Compare the single points of a study and find the settings that are fine enough.

    Rejected points are left out. Of settings that come to the same k-mesh one is kept.

    Raises
    ------
    EngineError
        If no point of a parameter was accepted.
    """
    snapshots = {point: read_snapshot(path) for point, path in paths.items()}
    for point, snapshot in snapshots.items():
        if not snapshot.accepted:
            logger.warning("%s is left out: %s", paths[point], snapshot.reason)
    judged = []
    for parameter in VARIED:
        points = {f: snapshots[point] for f, point in study.series(parameter).items()}
        accepted = {f: snapshot for f, snapshot in points.items() if snapshot.accepted}
        if parameter == "kpoints":
            accepted = _distinct_meshes(accepted)
        if not accepted:
            raise EngineError(
                f"convergence.{parameter}: no single point was accepted; the logs and the "
                "attribute `reason` of the files say why"
            )
        judged.append(_judge_series(parameter, accepted, study, dft))
    return judged


def _judge_series(
    parameter: str, snapshots: dict[float, Snapshot], study: config.Convergence, dft: config.Dft
) -> Series:
    reference = snapshots[max(snapshots)]
    trials = []
    for fineness, snapshot in snapshots.items():
        record = snapshot.record
        cores = int(record.get("ranks", 1)) * int(record.get("threads", 1))
        trials.append(
            Trial(
                fineness=fineness,
                setting=_in_words(parameter, refined(parameter, fineness, dft), snapshot),
                difference=(
                    None if snapshot is reference else Difference.between(snapshot, reference)
                ),
                core_seconds=float(record.get("wall_time_s", 0.0)) * cores,
            )
        )
    recommended = None
    for trial in reversed(trials[:-1]):
        if trial.difference is None or not trial.difference.within(study):
            break
        recommended = trial.fineness
    return Series(parameter, tuple(trials), recommended)


def _distinct_meshes(snapshots: dict[float, Snapshot]) -> dict[float, Snapshot]:
    """Keep one of those that have the same k-points: that of `dft`, else the coarsest."""
    order = sorted(snapshots, key=lambda fineness: (fineness != 1.0, fineness))
    meshes: dict[str, float] = {}
    for fineness in order:
        meshes.setdefault(snapshots[fineness].kpoints, fineness)
    return {fineness: snapshots[fineness] for fineness in sorted(meshes.values())}


def _in_words(parameter: str, keys: Mapping[str, float], snapshot: Snapshot) -> str:
    if parameter == "kpoints":
        return snapshot.kpoints
    units = {"mesh_spacing_bohr": " Bohr", "cutoff_ha": " Ha", "smearing_K": " K"}
    return ", ".join(f"{value:.4g}{units.get(key, '')}" for key, value in keys.items())


def _claim(
    folder: Path,
    structure: Structure,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    kpoint_seed: int | None,
) -> None:
    """Note what the points in a folder are computed from, or check that it is the same."""
    determined_by = {
        "dft": dft.model_dump(mode="json"),
        "pseudopotentials": {element: file.sha256 for element, file in pseudopotentials.items()},
        "positions": structure.positions.round(8).tolist(),
        "cell": structure.cell.round(8).tolist(),
        "numbers": structure.numbers.tolist(),
        **({} if kpoint_seed is None else {"kpoint_seed": kpoint_seed}),
    }
    record = folder / "study.json"
    if not record.is_file():
        with replacing(record) as partial:
            partial.write_text(json.dumps(determined_by) + "\n", encoding="utf-8")
        return
    found = json.loads(record.read_text(encoding="utf-8"))
    different = [key for key, value in determined_by.items() if found.get(key) != value]
    if different:
        raise ConfigError(
            f"{folder}: holds a convergence study of other {', '.join(different)}; take another "
            "folder"
        )
