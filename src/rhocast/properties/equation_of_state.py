"""Energy against volume at predicted and at self-consistent densities (paper, Fig. 7)."""

import csv
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from rhocast import config
from rhocast.engines import Engine, Launcher, Psp8, compute_snapshot, harris_foulkes
from rhocast.engines.calculation import right_handed
from rhocast.errors import EngineError, FileFormatError
from rhocast.files import replacing
from rhocast.inference import Predictor
from rhocast.properties.birch_murnaghan import Fit, fit
from rhocast.structures import Structure
from rhocast.tables import read_table

logger = logging.getLogger(__name__)

#: A shift of the k-mesh that is drawn (``dft.kpoint_shift: random``) is the same for all energies.
KPOINT_SEED = 0

_WRITER = "rhocast eos"


@dataclass(frozen=True)
class EquationOfState:
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
    predicted, dft
        The fits.
    """

    system: str
    n_atoms: int
    strains: np.ndarray
    volumes_bohr3_per_atom: np.ndarray
    predicted_ha_per_atom: np.ndarray
    dft_ha_per_atom: np.ndarray | None
    predicted: Fit
    dft: Fit | None

    def report(self, lattice_constant_bohr: float | None = None) -> dict[str, object]:
        """Return the fits; with lattice constants if that of the given cell is known."""
        fits = {"predicted": self.predicted} | ({"dft": self.dft} if self.dft else {})
        report: dict[str, object] = {"system": self.system, "n_atoms": self.n_atoms}
        for name, found in fits.items():
            values = asdict(found)
            if lattice_constant_bohr is not None:
                values["lattice_constant_bohr"] = lattice_constant_bohr * found.length_factor
                error = lattice_constant_bohr * found.length_factor_error
                values["lattice_constant_error"] = error
            report[name] = values
        return report


def equation_of_state(
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
) -> EquationOfState:
    """Compute a cell's energy at several volumes and fit the Birch-Murnaghan equation.

    All volumes have the same k-points (in units of the reciprocal lattice), the same plane-wave
    cutoff (ABINIT), and as many mesh points.

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
        Folder for the engine's files.
    with_dft
        Whether to compute self-consistent energies too.

    Raises
    ------
    EngineError
        If the engine fails, a single point is rejected, or the energies have no minimum.
    """
    workdir = Path(workdir)
    structure, _ = right_handed(structure)
    cells = [strained(structure, strain) for strain in strains]
    predicted, computed = [], []
    for cell, own in zip(cells, fixed_basis(dft, cells), strict=True):
        at_predicted = harris_foulkes(
            engine,
            cell,
            predictor.predict(cell),
            own,
            pseudopotentials,
            launcher=launcher,
            workdir=workdir / "run",
            kpoint_seed=KPOINT_SEED,
        )
        predicted.append(at_predicted.energy_ha / len(cell))
        logger.info("%.3f Bohr³: %.8f Ha/atom predicted", cell.volume, predicted[-1])
        if with_dft:
            point = compute_snapshot(
                engine,
                cell,
                own,
                pseudopotentials,
                temperature_K=0.0,
                launcher=launcher,
                workdir=workdir / "run",
                kpoint_seed=KPOINT_SEED,
            )
            if not point.accepted:
                raise EngineError(f"{cell.formula}, {cell.volume:.3f} Bohr³: {point.reason}")
            computed.append(point.energy_ha / len(cell))
            logger.info("%.3f Bohr³: %.8f Ha/atom by DFT", cell.volume, computed[-1])
    volumes = np.array([cell.volume / len(cell) for cell in cells])
    start = structure.volume / len(structure)
    return EquationOfState(
        system=structure.formula,
        n_atoms=len(structure),
        strains=np.array(strains),
        volumes_bohr3_per_atom=volumes,
        predicted_ha_per_atom=np.array(predicted),
        dft_ha_per_atom=np.array(computed) if with_dft else None,
        predicted=fit(volumes, np.array(predicted), start),
        dft=fit(volumes, np.array(computed), start) if with_dft else None,
    )


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


def write_equation_of_state(
    path: str | Path, found: EquationOfState, lattice_constant_bohr: float | None = None
) -> None:
    """Write ``path`` (TSV, a row for each volume) and beside it the fits (``.json``)."""
    path = Path(path)
    columns = {
        "strain": found.strains,
        "volume_bohr3_per_atom": found.volumes_bohr3_per_atom,
        "predicted_ha_per_atom": found.predicted_ha_per_atom,
    }
    if found.dft_ha_per_atom is not None:
        columns["dft_ha_per_atom"] = found.dft_ha_per_atom
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(columns)
        table.writerows(
            [f"{value:.10g}" for value in row] for row in zip(*columns.values(), strict=True)
        )
    with replacing(path.with_suffix(".json")) as partial:
        text = json.dumps(found.report(lattice_constant_bohr), indent=2)
        partial.write_text(text + "\n", encoding="utf-8")


def read_equation_of_state(path: str | Path) -> tuple[EquationOfState, float | None]:
    """Read what `write_equation_of_state` has written, and the lattice constant of the given cell.

    Parameters
    ----------
    path
        The table; the fits lie beside it.

    Returns
    -------
    found, lattice_constant_bohr
        The latter is None where it was not told.

    Raises
    ------
    FileFormatError
        If a file is missing or of other contents.
    """
    path = Path(path)
    rows = read_table(path, ("strain", "volume_bohr3_per_atom", "predicted_ha_per_atom"), _WRITER)
    beside = path.with_suffix(".json")
    try:
        report = json.loads(beside.read_text(encoding="utf-8"))
        fits = {name: _fit_of(report[name]) for name in ("predicted", "dft") if name in report}
        columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
        found = EquationOfState(
            system=report["system"],
            n_atoms=report["n_atoms"],
            strains=columns["strain"],
            volumes_bohr3_per_atom=columns["volume_bohr3_per_atom"],
            predicted_ha_per_atom=columns["predicted_ha_per_atom"],
            dft_ha_per_atom=columns.get("dft_ha_per_atom"),
            predicted=fits["predicted"],
            dft=fits.get("dft"),
        )
        constant = report["predicted"].get("lattice_constant_bohr")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{beside}: expected the fits that `{_WRITER}` writes beside {path.name}; {error}"
        ) from error
    return found, None if constant is None else constant / found.predicted.length_factor


def _fit_of(values: Mapping[str, float]) -> Fit:
    return Fit(**{field.name: values[field.name] for field in fields(Fit)})


def _even_length(at_least: float) -> int:
    """Return the least even number of points that ABINIT's Fourier transforms take: 2, 3, 5."""
    count = 2 * math.ceil(at_least / 2.0)
    while _remainder(count) != 1:
        count += 2
    return count


def _remainder(count: int) -> int:
    for prime in (2, 3, 5):
        while count % prime == 0:
            count //= prime
    return count
