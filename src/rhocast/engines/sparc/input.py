"""The input of the SPARC engine, written by SPARC's Python API."""

import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from sparc.api import SparcAPI
from sparc.io import write_sparc

from rhocast.density import Density
from rhocast.density.formats import cube
from rhocast.engines.calculation import Calculation
from rhocast.engines.given_density import fitted
from rhocast.errors import ConfigError, EngineError

#: Every file of a run is called this, with a suffix.
LABEL = "run"

_START = "start.cube"

_FUNCTIONAL = {"pbe": "GGA_PBE", "pbesol": "GGA_PBEsol", "lda": "LDA_PW"}

#: What ``dft.sparc`` may hold: how the equations are solved. All else says what is computed or
#: printed: other keys of the configuration or the program itself set it, and files tell of it.
_OPEN_CATEGORIES = ("scf", "electrostatics", "parallelization options")
_OPEN = ("FD_ORDER", "NSTATES")
_OWN = ("MAXIT_SCF", "TOL_SCF", "SCF_ENERGY_ACC", "SCF_FORCE_ACC", "READ_INIT_DENS")


def electronic_keys(calculation: Calculation) -> dict[str, Any]:
    """Return SPARC's keys for the electrons; every one whose default depends on something else."""
    dft, kpoints = calculation.dft, calculation.kpoints
    return {
        "EXCHANGE_CORRELATION": _FUNCTIONAL[dft.functional],
        "FD_GRID": list(calculation.mesh.shape),
        "KPOINT_GRID": list(kpoints.divisions),
        "KPOINT_SHIFT": list(kpoints.shift),  # the default shifts even meshes
        "ELEC_TEMP_TYPE": "fermi-dirac",  # the default is Gaussian
        "ELEC_TEMP": dft.smearing_K,
        "NSTATES": _n_states(calculation),
        "TOL_SCF": dft.scf_tolerance,
        "MAXIT_SCF": dft.max_scf_iterations,
    }


def _n_states(calculation: Calculation) -> int:
    """Return the number of bands, spare ones for Chebyshev filtering included.

    For 32 atoms of aluminium a third more cost as much as half. In smaller cells of a metal the
    number of bands below the Fermi level differs more from one k-point to the next: in ten atoms of
    aluminium up to 22 bands of free electrons hold the 30 electrons.
    """
    full = calculation.n_electrons / 2.0
    return max(calculation.n_bands, math.ceil(max(1.3 * full, full + 2.0 * math.sqrt(full))))


def check_keys(keys: Mapping[str, Any]) -> None:
    """Refuse keys of ``dft.sparc`` that SPARC does not know, or that contradict other settings.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    api = SparcAPI()
    for key, value in keys.items():
        known = api.parameters.get(key.upper())
        if known is None:
            raise ConfigError(
                f"dft.sparc.{key}: no key of SPARC {api.sparc_version}'s input; see its manual"
            )
        solves = known["category"] in _OPEN_CATEGORIES or key.upper() in _OPEN
        if not solves or key.upper() in _OWN:
            raise ConfigError(
                f"dft.sparc.{key}: set by other keys of the configuration, or by the program; "
                "take it out"
            )
        if not _is_valid(api, key.upper(), value):
            raise ConfigError(
                f"dft.sparc.{key}: expected {known['type']} as in {known['example']!r}, found "
                f"{value!r}"
            )


def _is_valid(api: SparcAPI, key: str, value: Any) -> bool:
    if api.parameters[key]["type"] == "integer" and not isinstance(value, int):
        return False  # the API would round it
    try:
        return bool(api.validate_input(key, value))
    except ValueError:
        return False


def write_input(calculation: Calculation, keys: dict[str, Any], workdir: Path) -> np.ndarray:
    """Write ``.inpt`` and ``.ion``; return where each atom stands in SPARC's order, shape (n,).

    ``dft.sparc`` of the configuration adds to the keys.

    Raises
    ------
    ConfigError
        If it holds what it may not.
    EngineError
        If a pseudopotential is written in a way that SPARC does not read.
    """
    own = calculation.dft.sparc
    check_keys(own)
    for file in calculation.pseudopotentials.values():
        if file.fortran_exponents:
            raise EngineError(
                f"{file.path}: numbers written as 1.0D-03, which SPARC does not read; write E for "
                "D, in a copy"
            )
    with silence():
        write_sparc(
            workdir,
            calculation.structure.to_ase(),
            label=LABEL,
            copy_psp=True,
            pseudopotentials={e: str(f.path) for e, f in calculation.pseudopotentials.items()},
            input_parameters=keys | {key.upper(): value for key, value in own.items()},
        )
    return places(workdir, len(calculation.structure))


def places(workdir: Path, n_atoms: int) -> np.ndarray:
    """Return where each atom of the structure stands in SPARC's order, shape (n,).

    SPARC's API sorts the atoms by element and notes the order in a comment of the ``.ion`` file;
    without one it is that of the structure.
    """
    text = (workdir / f"{LABEL}.ion").read_text(encoding="ascii")
    sorting = re.search(r"# ASE-SORT:\n(.*)# END ASE-SORT", text, flags=re.DOTALL)
    return np.array(re.findall(r"\d+", sorting.group(1)) if sorting else range(n_atoms), dtype=int)


def hand_over(density: np.ndarray, calculation: Calculation, workdir: Path) -> dict[str, Any]:
    """Write a density for SPARC to begin from; return the keys that name the file.

    Parameters
    ----------
    density : (nx, ny, nz) array
        e/Bohr³ on any mesh of the cell.
    calculation
        Its mesh is SPARC's.
    workdir
        SPARC's folder.
    """
    values = fitted(density, calculation.mesh.shape, calculation)
    # SPARC holds the steps to 1e-4 of the cell.
    cube.write(workdir / _START, Density(calculation.structure, values), "density", " %.12e")
    return {"READ_INIT_DENS": 1, "INPUT_DENS_FILE": _START}


@contextmanager
def silence() -> Iterator[None]:
    """SPARC's API prints, and warns of what is no concern."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
