"""What an engine has computed, kept in a folder from one run to the next."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from rhocast import config
from rhocast.density import Density, Snapshot, read_snapshot, write_snapshot
from rhocast.engines.engine import Engine
from rhocast.engines.fixed_density import eigenvalues
from rhocast.engines.harris_foulkes import HarrisFoulkes, harris_foulkes
from rhocast.engines.psp8 import Psp8
from rhocast.engines.single_point import compute_snapshot
from rhocast.errors import EngineError
from rhocast.files import replacing
from rhocast.structures import Structure

logger = logging.getLogger(__name__)

_FOR_HARRIS_FOULKES = {field.name for field in fields(HarrisFoulkes)}

#: What a density is told to come from, whether it was just computed or read.
_SELF_CONSISTENT = "self-consistent density"


class KeptEnergies:
    """Results of an engine, each by a sum of all that determines it; none is computed twice.

    It is written anew after each result, so a run that failed or was ended goes on. Engine and
    version, settings, pseudopotentials, atoms and density determine a result; ranks and threads
    do not. Self-consistent densities are kept beside it, in snapshot files.

    Parameters
    ----------
    path
        The file (JSON), beside the engine's own files. One that cannot be read counts as empty;
        a snapshot file that cannot be read is refused.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._known = _read(self._path)

    def harris_foulkes(
        self,
        engine: Engine,
        structure: Structure,
        density: Density,
        dft: config.Dft,
        pseudopotentials: Mapping[str, Psp8],
        **how: Any,
    ) -> HarrisFoulkes:
        """Return what `rhocast.engines.harris_foulkes` returns for the same arguments."""
        values = density.read("density")
        key = _sum_of(engine, structure, values, dft, pseudopotentials, how.get("kpoint_seed"))
        if not self._has(key, structure, _FOR_HARRIS_FOULKES):
            found = harris_foulkes(engine, structure, density, dft, pseudopotentials, **how)
            self._keep(key, asdict(found))
        return HarrisFoulkes(**self._known[key])

    def self_consistent(
        self,
        engine: Engine,
        structure: Structure,
        dft: config.Dft,
        pseudopotentials: Mapping[str, Psp8],
        **how: Any,
    ) -> float:
        """Return the free energy, Ha, that `compute_snapshot` finds for the same arguments.

        Raises
        ------
        EngineError
            If the single point is rejected; nothing is kept of it.
        """
        key = _sum_of(engine, structure, None, dft, pseudopotentials, how.get("kpoint_seed"))
        if not self._has(key, structure, {"energy_ha"}):
            point = _accepted(engine, structure, dft, pseudopotentials, **how)
            self._keep(key, {"energy_ha": point.energy_ha})
        return float(self._known[key]["energy_ha"])

    def self_consistent_density(
        self,
        engine: Engine,
        structure: Structure,
        dft: config.Dft,
        pseudopotentials: Mapping[str, Psp8],
        **how: Any,
    ) -> Snapshot:
        """Return the snapshot that `compute_snapshot` finds for the same arguments.

        Raises
        ------
        EngineError
            If the single point is rejected; nothing is kept of it.
        FileFormatError
            If the file that was kept is damaged.
        """
        key = _sum_of(engine, structure, None, dft, pseudopotentials, how.get("kpoint_seed"))
        file = self._path.with_name(f"self-consistent-{key[:16]}.h5")
        if file.is_file():
            logger.info("self-consistent density of %s taken from %s", structure.formula, file)
            return replace(read_snapshot(file), source=_SELF_CONSISTENT)
        point = _accepted(engine, structure, dft, pseudopotentials, **how)
        write_snapshot(file, point)
        return replace(point, source=_SELF_CONSISTENT)

    def eigenvalues(
        self,
        engine: Engine,
        structure: Structure,
        density: Density,
        kpoints: np.ndarray,
        n_bands: int,
        dft: config.Dft,
        pseudopotentials: Mapping[str, Psp8],
        **how: Any,
    ) -> tuple[np.ndarray, float]:
        """Return what `rhocast.engines.eigenvalues` returns for the same arguments.

        Returns
        -------
        energies : (k, n_bands) array
            Ha.
        wall_time_s
            Time that they took when they were computed, s.
        """
        values, more = density.read("density"), {"kpoints": kpoints.tolist(), "n_bands": n_bands}
        key = _sum_of(engine, structure, values, dft, pseudopotentials, None, more)
        if not self._has(key, structure, {"eigenvalues_ha", "wall_time_s"}, "eigenvalues"):
            began = time.monotonic()
            found = eigenvalues(
                engine, structure, density, kpoints, n_bands, dft, pseudopotentials, **how
            )
            took_s = time.monotonic() - began
            self._keep(key, {"eigenvalues_ha": found.tolist(), "wall_time_s": took_s})
        kept = self._known[key]
        return np.array(kept["eigenvalues_ha"]), float(kept["wall_time_s"])

    def _has(self, key: str, structure: Structure, names: set[str], what: str = "energy") -> bool:
        """Tell whether a result is there with all values; those of earlier versions lack some."""
        if self._known.get(key, {}).keys() != names:
            return False
        logger.info("%s of %s taken from %s", what, structure.formula, self._path)
        return True

    def _keep(self, key: str, values: dict[str, Any]) -> None:
        self._known[key] = values
        with replacing(self._path) as partial:
            partial.write_text(json.dumps(self._known, indent=1) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _accepted(
    engine: Engine,
    structure: Structure,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    **how: Any,
) -> Snapshot:
    """Compute a single point; EngineError if it is rejected."""
    point = compute_snapshot(engine, structure, dft, pseudopotentials, **how)
    if not point.accepted:
        raise EngineError(
            f"{structure.formula}, {structure.volume:.3f} Bohr³, self-consistent density: "
            f"{point.reason}"
        )
    return point


def _sum_of(
    engine: Engine,
    structure: Structure,
    density: np.ndarray | None,
    dft: config.Dft,
    pseudopotentials: Mapping[str, Psp8],
    kpoint_seed: int | None,
    more: Mapping[str, Any] | None = None,
) -> str:
    """Return a SHA-256 of what determines a result; without a density, the self-consistent one."""
    determined_by = {
        "engine": [engine.record.name, engine.record.version],
        "dft": dft.model_copy(update={"engine": "auto"}).model_dump(mode="json"),
        "pseudopotentials": {e: pseudopotentials[e].sha256 for e in structure.species},
        "cell": structure.cell.tolist(),
        "positions": structure.positions.tolist(),
        "numbers": structure.numbers.tolist(),
        "kpoint_seed": kpoint_seed,
        "mesh": None if density is None else [*density.shape, str(density.dtype)],
        **(more or {}),
    }
    found = hashlib.sha256(json.dumps(determined_by, sort_keys=True).encode())
    if density is not None:
        found.update(np.ascontiguousarray(density).tobytes())
    return found.hexdigest()
