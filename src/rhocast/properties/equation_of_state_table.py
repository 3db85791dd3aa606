"""The table of an equation of state, and beside it the fits."""

import csv
import json
from collections.abc import Mapping
from dataclasses import fields
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from rhocast.errors import EngineError, FileFormatError
from rhocast.files import replacing
from rhocast.properties.birch_murnaghan import Fit
from rhocast.properties.equation_of_state import EquationOfState, VolumeEnergies
from rhocast.structures import Structure
from rhocast.tables import read_table

_WRITER = "rhocast eos"

#: Column of the energies at a sample.
_SAMPLE = "sample_{}_ha_per_atom"


def write_volume_energies(path: str | Path, found: VolumeEnergies) -> None:
    """Write a table (TSV, a row for each volume); fits of other energies beside it are removed."""
    path = Path(path)
    columns = {
        "strain": found.strains,
        "volume_bohr3_per_atom": found.volumes_bohr3_per_atom,
        "predicted_ha_per_atom": found.predicted_ha_per_atom,
    }
    if found.dft_ha_per_atom is not None:
        columns["dft_ha_per_atom"] = found.dft_ha_per_atom
    if found.samples_ha_per_atom is not None:
        names = map(_SAMPLE.format, count())
        columns |= dict(zip(names, found.samples_ha_per_atom, strict=False))
    path.with_suffix(".json").unlink(missing_ok=True)
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream, delimiter="\t", lineterminator="\n")
        table.writerow(columns)
        table.writerows(
            [f"{value:.12g}" for value in row] for row in zip(*columns.values(), strict=True)
        )


def write_equation_of_state(
    path: str | Path, found: EquationOfState, lattice_constant_bohr: float | None = None
) -> None:
    """Write the fits (``.json``) beside ``path``, the table of the energies.

    Raises
    ------
    EngineError
        If no curve fits the energies of a sample.
    """
    text = json.dumps(found.report(lattice_constant_bohr), indent=2)
    with replacing(Path(path).with_suffix(".json")) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def fit_and_write(
    path: str | Path, energies: VolumeEnergies, lattice_constant_bohr: float | None = None
) -> EquationOfState:
    """Fit the energies of the table ``path``, and write the fits (``.json``) beside it.

    Raises
    ------
    EngineError
        If they have no minimum within the volumes, or no curve fits those of a sample; the table
        stays.
    """
    try:
        found = energies.fitted()
        write_equation_of_state(path, found, lattice_constant_bohr)
    except EngineError as error:
        raise EngineError(f"{error}; the energies are kept in {path}") from error
    return found


def read_volume_energies(path: str | Path, structure: Structure) -> VolumeEnergies:
    """Read energies as written.

    Parameters
    ----------
    path
        The table.
    structure
        The cell at strain 0, of which the table tells neither formula nor number of atoms.

    Raises
    ------
    FileFormatError
        If the file is missing or no such table.
    """
    return VolumeEnergies(
        system=structure.formula, n_atoms=len(structure), **_columns_of(Path(path))
    )


def read_equation_of_state(path: str | Path) -> tuple[EquationOfState, float | None]:
    """Read energies and their fits as written, and the lattice constant of the given cell.

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
    energies = _columns_of(path)
    beside = path.with_suffix(".json")
    try:
        report = json.loads(beside.read_text(encoding="utf-8"))
        fits = {name: _fit_of(report[name]) for name in ("predicted", "dft") if name in report}
        found = EquationOfState(
            system=report["system"],
            n_atoms=report["n_atoms"],
            predicted=fits["predicted"],
            dft=fits.get("dft"),
            **energies,
        )
        constant = report["predicted"].get("lattice_constant_bohr")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{beside}: expected the fits that `{_WRITER}` writes beside {path.name}; {error}"
        ) from error
    return found, None if constant is None else constant / found.predicted.length_factor


def _columns_of(path: Path) -> dict[str, Any]:
    """Return the energies of a table by the names of the attributes of `VolumeEnergies`."""
    rows = read_table(path, ("strain", "volume_bohr3_per_atom", "predicted_ha_per_atom"), _WRITER)
    try:
        columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    except ValueError as error:
        raise FileFormatError(f"{path}: expected a table of `{_WRITER}`; {error}") from error
    return {
        "strains": columns["strain"],
        "volumes_bohr3_per_atom": columns["volume_bohr3_per_atom"],
        "predicted_ha_per_atom": columns["predicted_ha_per_atom"],
        "dft_ha_per_atom": columns.get("dft_ha_per_atom"),
        "samples_ha_per_atom": _samples_of(columns),
    }


def _samples_of(columns: Mapping[str, np.ndarray]) -> np.ndarray | None:
    names = takewhile(columns.__contains__, map(_SAMPLE.format, count()))
    found = [columns[name] for name in names]
    return np.array(found) if found else None


def _fit_of(values: Mapping[str, float]) -> Fit:
    return Fit(**{field.name: values[field.name] for field in fields(Fit)})
