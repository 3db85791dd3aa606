"""Whether springs displace atoms as far as the DFT forces let them go.

The classical virial theorem gives the thermal energy of n atoms that vibrate about their sites,

    −⟨Σ u·F⟩ = 3 (n − 1) kT,

with displacements u from the sites and forces F. Displacements are drawn from springs of a chosen
stiffness; forces are those of DFT. If the crystal is softer than the springs, the sum is smaller.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rhocast.density import Snapshot, read_snapshot
from rhocast.structures import Structure, read_structure
from rhocast.units import HARTREE_PER_KELVIN

#: Shares that differ from 1 by less, or by less than two standard errors, need no remedy.
_CLOSE = 0.15


@dataclass(frozen=True)
class ThermalEnergy:
    """What share of the thermal energy the DFT forces give displaced atoms.

    Attributes
    ----------
    share
        −Σ u·F over 3 (n − 1) kT, of all frames together.
    error
        Its standard error, of independent harmonic modes.
    debye_K
        Debye temperature that the springs follow from, K.
    """

    share: float
    error: float
    debye_K: float

    def __str__(self) -> str:
        """Say the share in words, and which Debye temperature would give all of the energy."""
        said = (
            f"the DFT forces give the atoms, displaced by springs, {self.share:.2f} ± "
            f"{self.error:.2f} of the thermal energy of their temperature"
        )
        away = abs(self.share - 1.0)
        if away < _CLOSE or away < 2.0 * self.error or self.share <= 0.0:
            return f"{said}: the springs are about as stiff as the crystal"
        softer, further = ("softer", "further") if self.share < 1.0 else ("stiffer", "less far")
        wanted = round(self.debye_K * math.sqrt(self.share), -1)
        return (
            f"{said}: the crystal is {softer} than the springs, and its atoms move {further} than "
            f"in these frames; a new campaign (`rhocast new --debye-K {wanted:.0f}`, instead of "
            f"{self.debye_K:.0f}) would match it"
        )


def thermal_energy(
    snapshots: Iterable[str | Path], rest: Iterable[str | Path]
) -> ThermalEnergy | None:
    """Measure the share of the thermal energy in snapshots whose atoms springs have displaced.

    Parameters
    ----------
    snapshots
        Files ``{system}/{T}K/{frame}.h5``; those of other samplers are left out.
    rest
        Files ``{system}.extxyz`` of the atoms at rest.

    Returns
    -------
    ThermalEnergy or None
        None if springs have displaced no snapshot.
    """
    sites = {Path(path).stem: read_structure(path) for path in rest}
    found, modes, debye_K = 0.0, 0, 0.0
    for path in map(Path, snapshots):
        if (system := path.parts[-3]) not in sites:
            continue
        snapshot = read_snapshot(path)
        drawn = _springs_of(snapshot)
        if drawn is None or not snapshot.accepted:
            continue
        debye_K = float(drawn["debye_temperature_K"])
        moved = _displacements(snapshot.structure, sites[system])
        thermal = snapshot.temperature_K * HARTREE_PER_KELVIN
        found -= float((moved * snapshot.forces).sum()) / thermal
        modes += 3 * (len(moved) - 1)
    if not modes:
        return None
    return ThermalEnergy(found / modes, math.sqrt(2.0 / modes), debye_K)


def _springs_of(snapshot: Snapshot) -> Mapping[str, float] | None:
    """Return how springs have displaced the atoms; None if something else has."""
    record = json.loads(str(snapshot.record.get("structure", "{}")))
    return record if record.get("sampler") == "springs" else None


def _displacements(structure: Structure, rest: Structure) -> np.ndarray:
    """Return how far the atoms are from their sites, without a common shift, Bohr; (n, 3)."""
    inverse = np.linalg.inv(rest.cell)
    fractional = (structure.positions - rest.positions) @ inverse
    moved = (fractional - np.round(fractional)) @ rest.cell
    return np.asarray(moved - moved.mean(axis=0))
