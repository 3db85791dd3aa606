"""The file of bands (JSON): what `rhocast bands` writes, and what its picture is drawn from."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.errors import FileFormatError
from rhocast.files import replacing
from rhocast.properties.bands import ElectronicStructure, compare_bands
from rhocast.units import EV_PER_HARTREE

#: The density of states is stored from the lowest state to so far above the window, eV.
_MARGIN_EV, _STEP_EV = 1.0, 0.02

LABELS = ("predicted density", "self-consistent density")


@dataclass(frozen=True)
class StoredBands:
    """Bands and density of states at one density, in eV relative to its Fermi level.

    Attributes
    ----------
    label
        What the density is called in a picture.
    gap_ev
        Gap, eV; None for a metal.
    bands_ev : (k, n) array
        Bands along the path, eV.
    dos_per_ev : (e,) array
        States of both spins per eV and cell.
    """

    label: str
    gap_ev: float | None
    bands_ev: np.ndarray
    dos_per_ev: np.ndarray


@dataclass(frozen=True)
class BandsFile:
    """Bands at a density, and at another one that they were compared with.

    Attributes
    ----------
    system
        Chemical formula.
    path_per_bohr : (k,) array
        Length of the path up to each k-point, 1/Bohr.
    corners
        Points of high symmetry: length of the path up to there, 1/Bohr, and name.
    window_ev
        How far above the Fermi level states were compared, eV.
    dos_energies_ev : (e,) array
        Energies of the density of states, eV.
    density, against
        At both densities; the latter is None without a comparison.
    """

    system: str
    path_per_bohr: np.ndarray
    corners: tuple[tuple[float, str], ...]
    window_ev: float
    dos_energies_ev: np.ndarray
    density: StoredBands
    against: StoredBands | None


def write_bands(
    path: str | Path,
    found: ElectronicStructure,
    reference: ElectronicStructure | None = None,
    *,
    labels: tuple[str, str] = LABELS,
    window_ev: float = 5.0,
    width_ev: float = 0.1,
) -> None:
    """Write bands and density of states, energies in eV relative to the Fermi level.

    Parameters
    ----------
    path
        File to write.
    found
        At the density in question.
    reference
        At another density of the structure, such as the self-consistent one.
    labels
        What the two densities are called in a picture.
    window_ev, width_ev
        As of `compare_bands` and `ElectronicStructure.density_of_states`; the density of states
        reaches 1 eV beyond the window.
    """
    every = [found] if reference is None else [found, reference]
    lowest = min(float(one.mesh_energies_ha.min()) - one.fermi_ha for one in every)
    grid = np.arange(lowest * EV_PER_HARTREE - _MARGIN_EV, window_ev + _MARGIN_EV, _STEP_EV)
    content: dict[str, Any] = {
        "system": found.system,
        "n_electrons": found.n_electrons,
        "kpoints": found.path.kpoints.tolist(),
        "path_per_bohr": found.path.distances_per_bohr.tolist(),
        "corners": [list(corner) for corner in found.path.corners],
        "mesh": list(found.mesh_energies_ha.shape[:3]),
        "window_ev": window_ev,
        "dos_energies_ev": grid.round(6).tolist(),
        "dos_width_ev": width_ev,
    }
    for name, label, one in zip(("density", "against"), labels, every, strict=False):
        content[name] = {
            "source": one.source,
            "label": label,
            "fermi_ha": one.fermi_ha,
            "gap_ev": one.gap_ev,
            "bands_ev": one.energies_ev.round(6).tolist(),
            "dos_per_ev": one.density_of_states(grid, width_ev).round(6).tolist(),
        }
    if reference is not None:
        content["error"] = asdict(compare_bands(found, reference, window_ev))
    with replacing(path) as partial:
        partial.write_text(json.dumps(content) + "\n", encoding="utf-8")


def read_bands(path: str | Path) -> BandsFile:
    """Read what `write_bands` has written.

    Raises
    ------
    FileFormatError
        If the file is missing or of other contents.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return BandsFile(
            system=content["system"],
            path_per_bohr=np.array(content["path_per_bohr"]),
            corners=tuple((place, name) for place, name in content["corners"]),
            window_ev=content["window_ev"],
            dos_energies_ev=np.array(content["dos_energies_ev"]),
            density=_stored(content["density"]),
            against=_stored(content["against"]) if "against" in content else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(f"{path}: expected a file of `rhocast bands`; {error}") from error


def _stored(content: dict[str, Any]) -> StoredBands:
    return StoredBands(
        content["label"],
        content["gap_ev"],
        np.array(content["bands_ev"]),
        np.array(content["dos_per_ev"]),
    )
