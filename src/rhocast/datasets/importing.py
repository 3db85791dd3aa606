"""Turning another program's density into a snapshot: the electrons must be those of its atoms."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from rhocast.density import Density, Snapshot, read_density
from rhocast.density.electrons import (
    MAX_NEGATIVE_SHARE,
    explain_electrons,
    find_stride,
    negative_share,
)
from rhocast.density.formats import Length
from rhocast.density.quantity import check_whole
from rhocast.engines.psp8 import Psp8
from rhocast.errors import FileFormatError

#: Share of the electrons that digits and rounded cells of text files may cost.
ELECTRON_TOLERANCE = 1e-4

#: Where the right count is not known, a cause would fit by chance alone.
_TO_BE_TOLD = "give --valence or --psp8 to have the cause told"

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
    charge: float = 0.0,
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
    charge
        Charge of the cell in units of e: electrons that its atoms lack.

    Raises
    ------
    FileFormatError
        If it cannot be read, or its electrons are not those of its atoms.
    StructureError
        If two atoms coincide, or the valence of an element is missing.
    """
    path = Path(path)
    found = read_density(path, format, density_unit)
    check_whole(found.record, str(path))
    found.structure.check_distances(str(path))
    files = {e: p for e, p in (pseudopotentials or {}).items() if e in found.structure.species}
    known = valence or {e: p.valence for e, p in files.items()} or found.valence
    n_electrons = _electrons(path, found, known, electron_tolerance, charge)
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
            **({"charge": charge} if charge else {}),
        },
    )


def _electrons(
    path: Path, found: Density, valence: Mapping[str, float], tolerance: float, charge: float
) -> float:
    """Return the electrons of the atoms, once ∫ρ has been found to be as many."""
    structure, integral = found.structure, found.electron_count
    all_electrons = float(structure.numbers.sum()) - charge
    neutral = structure.count_electrons(valence) if valence else round(integral) + charge
    expected = float(neutral - charge)
    _check_sign(path, found)
    if not valence and expected > all_electrons:
        raise FileFormatError(
            f"{path}: the density integrates to {integral:.6g} electrons, expected at most "
            f"{all_electrons:g}, all that {structure.formula} has; {_TO_BE_TOLD}"
        )
    # A stride gives a cell that is too long, whatever the tolerance.
    stride = found.record.get("engine") == "cp2k" and find_stride(found, expected)
    wrong = abs(integral - expected) > ELECTRON_TOLERANCE * expected
    if not (expected > 0.0 and abs(integral - expected) <= tolerance * expected) or (
        wrong and stride
    ):
        raise FileFormatError(
            f"{path}: the density integrates to {integral:.6g} electrons, expected {expected:g} "
            f"for {structure.formula} ({_origin_of(valence, charge)}) to a share of {tolerance:g}; "
            f"{'; '.join([explain_electrons(found, expected), *found.notes])}"
        )
    if not valence:
        logger.warning(
            "%s: the density integrates to %.6f electrons; no valence is known, so this is not "
            "checked",
            path,
            integral,
        )
    if expected == all_electrons and max(structure.numbers) > 2:
        logger.warning(
            "%s: the density holds all electrons, cores included; meshes of Rhocast do not "
            "resolve cores, and one dataset must not mix such densities with those of "
            "pseudopotentials",
            path,
        )
    return expected


def _check_sign(path: Path, found: Density) -> None:
    """Refuse a field that is far below zero, whatever it integrates to."""
    share = negative_share(found)
    if found.electron_count > 0.0 and share > MAX_NEGATIVE_SHARE:
        raise FileFormatError(
            f"{path}: no valence density: it falls to {found.density.min():.3g} e/Bohr³, and "
            f"{share:.1%} of its electrons are below zero, expected at most "
            f"{MAX_NEGATIVE_SHARE:.0%}; a pseudo-density with compensation charges (GPAW's "
            "get_pseudo_density), a spin density or a difference of densities? Write the density "
            "of a calculation with norm-conserving pseudopotentials"
        )


def _origin_of(valence: Mapping[str, float], charge: float) -> str:
    if not valence:
        return f"the nearest whole number; {_TO_BE_TOLD}"
    told = f"charge {charge:+g}, " if charge else ""
    return f"{told}valence " + ", ".join(f"{symbol} {count:g}" for symbol, count in valence.items())
