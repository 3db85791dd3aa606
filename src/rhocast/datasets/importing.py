"""Turning another program's density into a snapshot: the electrons must be those of its atoms."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rhocast.density import Density, Snapshot, read_density
from rhocast.density.formats import Length
from rhocast.engines.psp8 import Psp8
from rhocast.errors import FileFormatError
from rhocast.structures import Structure
from rhocast.units import ANGSTROM_PER_BOHR

#: Share of the electrons that digits and rounded cells of text files may cost.
ELECTRON_TOLERANCE = 1e-4

logger = logging.getLogger(__name__)


def import_density(
    path: str | Path,
    *,
    temperature_K: float,
    format: str | None = None,
    density_unit: Length | None = None,
    valence: Mapping[str, float] | None = None,
    pseudopotentials: Mapping[str, Psp8] | None = None,
    kpoints: str | None = None,
    electron_tolerance: float = ELECTRON_TOLERANCE,
) -> Snapshot:
    """Read another program's density and check its electrons.

    Forces are NaN, and so is the energy where the file does not tell it: a density is learnt from
    without them.

    Parameters
    ----------
    path, format, density_unit
        As in `rhocast.density.read_density`.
    temperature_K
        Of the ions.
    valence
        Electrons of an atom by chemical symbol; by default those of the pseudopotentials, else
        those that the file tells.
    pseudopotentials
        psp8 files that it was computed with, by element; their hashes are recorded.
    kpoints
        The k-mesh, such as ``3 3 3 shift 0 0 0``, where the file does not tell.
    electron_tolerance
        Share by which ∫ρ may differ from the electrons of the atoms.

    Raises
    ------
    FileFormatError
        If it cannot be read, or its electrons are not those of its atoms.
    StructureError
        If two atoms coincide, or the valence of an element is missing.
    """
    path = Path(path)
    found = read_density(path, format, density_unit)
    found.structure.check_distances(str(path))
    files = {e: p for e, p in (pseudopotentials or {}).items() if e in found.structure.species}
    known = valence or {e: p.valence for e, p in files.items()} or found.valence
    n_electrons = _electrons(path, found, known, electron_tolerance)
    for note in found.notes:
        logger.warning("%s: %s", path, note)
    return Snapshot(
        structure=found.structure,
        density=found.density.astype(np.float32),
        forces=np.full((len(found.structure), 3), np.nan),
        energy_ha=float(found.record.get("energy_Ha", np.nan)),
        n_electrons=n_electrons,
        temperature_K=temperature_K,
        kpoints=kpoints or str(found.record.get("kpoints", "unknown")),
        record={
            **found.record,
            **{f"psp8_{element}": file.name for element, file in files.items()},
            **{f"psp8_{element}_sha256": file.sha256 for element, file in files.items()},
            "imported_from": path.name,
            "imported_sha256": found.sha256,
            "notes": "; ".join(found.notes),
        },
    )


def _electrons(path: Path, found: Density, valence: Mapping[str, float], tolerance: float) -> float:
    """Return the electrons of the atoms, once ∫ρ has been found to be as many."""
    structure = found.structure
    integral = found.electron_count
    all_electrons = float(structure.numbers.sum())
    expected = structure.count_electrons(valence) if valence else float(round(integral))
    if not (expected > 0.0 and abs(integral - expected) <= tolerance * expected):
        raise FileFormatError(
            f"{path}: the density integrates to {integral:.6g} electrons, expected {expected:g} "
            f"for {structure.formula} ({_origin_of(valence)}) to a share of {tolerance:g}; "
            f"{'; '.join([_explanation(integral, expected, structure), *found.notes])}"
        )
    if not valence:
        logger.warning(
            "%s: the density integrates to %.6f electrons; no valence is known to check it by",
            path,
            integral,
        )
    if expected == all_electrons and max(structure.numbers) > 2:
        logger.warning(
            "%s: all electrons, cores included: no mesh of ours resolves them, and no density of "
            "pseudopotentials may stand beside it in one dataset",
            path,
        )
    return expected


def _origin_of(valence: Mapping[str, float]) -> str:
    if not valence:
        return "the nearest whole number, as no valence is given"
    return "valence " + ", ".join(f"{symbol} {count:g}" for symbol, count in valence.items())


def _explanation(integral: float, expected: float, structure: Structure) -> str:
    """Say what usually makes an electron count wrong by just this much."""
    per_angstrom = ANGSTROM_PER_BOHR**3
    volume = structure.volume
    cores = float(structure.numbers.sum()) / expected if expected else np.inf
    known = {
        "the values are per cubic ångström: give --density-unit angstrom": 1.0 / per_angstrom,
        "the values are per cubic Bohr (give --density-unit bohr), or the lengths are in ångström, "
        "of which negative point counts in a cube's header must tell": per_angstrom,
        "the values are multiplied by the volume of the cell (Bohr³)": volume,
        "the values are multiplied by the volume of the cell (Å³)": volume * per_angstrom,
        "it is one of two equal spins": 0.5,
        "it holds all electrons, the cores included; pseudopotential programs know the valence "
        "alone": cores,
    }
    for sentence, factor in known.items():
        if abs(integral - factor * expected) <= 1e-2 * factor * expected:
            return sentence
    return (
        "check the valence, or whether this is the density (not a potential or a spin) of all atoms"
    )
