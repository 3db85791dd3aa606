"""The input of the ABINIT engine, variable by variable."""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from ase.data import atomic_masses

from rhocast.engines.calculation import Calculation
from rhocast.errors import ConfigError
from rhocast.units import HARTREE_PER_KELVIN

#: ABINIT's ``ixc`` by functional.
_IXC = {"pbe": 11, "pbesol": -116133, "lda": 7}

#: Variables that say what is computed or where files lie: other keys of the configuration or the
#: program itself set them, and snapshot files tell of them.
_OWN = """
    acell angdeg rprim scalecart natom natrd ntypat npsp znucl amu typat xcart xred pseudos
    pp_dirpath nsym spgroup symrel tnons
    ixc xclevel nsppol nspden nspinor spinat charge cellcharge occopt occ tsmear tphysel ecut
    kptopt ngkpt nshiftk shiftk kptrlatt kptrlen kptnrm kpt nkpt wtk
    nstep tolvrs tolwfr toldfe toldff tolrff iscf
    ionmov optcell imgmov nimage nnos qmass mdtemp dtion ntime nctime vel tolmxf restartxf
    optdriver ndtset jdtset udtset iomode prtden prtwf prteig prtebands
    getden getden_filepath irdden getwfk getwfk_filepath irdwfk
    indata_prefix outdata_prefix tmpdata_prefix output_file
"""

#: What stands for k-mesh, convergence and solver of a cycle; none of it at a fixed density.
_OF_A_CYCLE = """
    ngkpt nshiftk shiftk tolvrs npkpt npband npfft bandpp useylm use_gemm_nonlop nline
"""

#: Bound on |(H - ε)ψ|², Ha²; eigenvalues then err by 1e-5 Ha at most.
_RESIDUAL = 1e-10

_NAME = re.compile(r"[A-Za-z]\w*")


def electronic_variables(calculation: Calculation, ranks: int) -> dict[str, Any]:
    """Return ABINIT's variables for the electrons in one configuration of the atoms."""
    structure, dft, kpoints = calculation.structure, calculation.dft, calculation.kpoints
    species = list(calculation.pseudopotentials)
    numbers = list(np.unique(structure.numbers))
    names = ", ".join(f"{element}.psp8" for element in species)
    return {
        "pseudos": f'"{names}"',
        "acell": "3*1.0",
        "rprim": structure.cell,
        "natom": len(structure),
        "ntypat": len(numbers),
        "znucl": numbers,
        "amu": atomic_masses[numbers],
        "typat": [numbers.index(z) + 1 for z in structure.numbers],
        "xcart": structure.positions,
        "ixc": _IXC[dft.functional],
        "nsppol": 1,
        "occopt": 3,  # Fermi-Dirac
        "tsmear": dft.smearing_K * HARTREE_PER_KELVIN,
        "ecut": dft.cutoff_ha,
        # Atoms in motion have no symmetry but k and -k.
        "nsym": 1,
        "kptopt": 2,
        "ngkpt": kpoints.divisions,
        "nshiftk": 1,
        "shiftk": kpoints.shift,
        "chkprim": 0,
        "chksymbreak": 0,
        "nstep": dft.max_scf_iterations,
        "tolvrs": dft.scf_tolerance,
        **_solver(calculation, ranks),
        "iomode": 3,
        "prtden": 0,
        "prtwf": 0,
        "prteig": 0,
        "prtebands": 0,
    }


def fixed_density_variables(calculation: Calculation, kpoints: np.ndarray) -> dict[str, Any]:
    """Return ABINIT's variables for eigenvalues at k-points (k, 3) in the potential of a density.

    The bands beyond those of the calculation are not waited for: the highest ones converge last.
    """
    spare = max(4, math.ceil(0.1 * calculation.n_bands))
    usual = electronic_variables(calculation, ranks=1)
    return {name: value for name, value in usual.items() if name not in _OF_A_CYCLE.split()} | {
        "kptopt": 0,
        "nkpt": len(kpoints),
        "kpt": kpoints,
        "nband": calculation.n_bands + spare,
        "nbdbuf": spare,
        "iscf": -2,
        "nstep": 150,
        "tolwfr": _RESIDUAL,
        "paral_kgb": 0,
        "prteig": 1,  # without it ABINIT refuses more than 50 k-points
    }


def check_keys(keys: Mapping[str, Any]) -> None:
    """Refuse keys of ``dft.abinit`` that would contradict the rest of the configuration.

    ABINIT itself refuses those that it does not know.

    Raises
    ------
    ConfigError
        Naming the key.
    """
    for key, value in keys.items():
        if key.lower() in _OWN.split():
            raise ConfigError(
                f"dft.abinit.{key}: set by other keys of the configuration, or by the program; "
                "take it out"
            )
        if not _NAME.fullmatch(key) or "\n" in str(value):
            raise ConfigError(
                f"dft.abinit.{key}: expected the name of an ABINIT variable and its value, on one "
                f"line, found {value!r}"
            )


def format_input(variables: Mapping[str, Any]) -> str:
    """Return ABINIT's input file: numbers, text as it is, lists on one line, tables on several."""
    return "".join(f"{name} {_words(value)}\n" for name, value in variables.items())


def _solver(calculation: Calculation, ranks: int) -> dict[str, int]:
    """Choose solver and division of the work, as it was fastest in trials with version 9.6."""
    if calculation.kpoints.has_real_waves and ranks <= calculation.kpoints.n_irreducible:
        # Conjugate gradients take real wave functions at half the cost; LOBPCG cannot.
        return {"nband": calculation.n_bands, "paral_kgb": 0}
    k_groups = _kpoint_groups(calculation.kpoints.n_irreducible, ranks)
    band_groups = ranks // k_groups
    # ABINIT takes the wave functions at Γ as real ones, two at a time.
    step = 2 if calculation.kpoints.holds_gamma else 1
    bands = _bands_of_group(calculation, band_groups, step)
    divisors = [size for size in range(step, bands + 1, step) if bands % size == 0]
    together = min(divisors, key=lambda size: abs(size - 12))
    return {
        "nband": bands * band_groups,
        "paral_kgb": 1,
        "npkpt": k_groups,
        "npband": band_groups,
        "npfft": 1,
        "bandpp": together,
        "useylm": 1,
        "use_gemm_nonlop": 1,
        "nline": 3,
    }


def _bands_of_group(calculation: Calculation, groups: int, step: int) -> int:
    """Return how many bands each group of ranks computes: of those given, or a multiple of 4.

    Raises
    ------
    ConfigError
        If the number that ``dft.abinit.nband`` gives cannot be divided among the groups in steps.
    """
    keys = {name.lower(): value for name, value in calculation.dft.engine_keys("abinit").items()}
    if "nband" not in keys:
        return 4 * math.ceil(calculation.n_bands / (4 * groups))
    given = int(str(keys["nband"]))
    if given % (groups * step):
        raise ConfigError(
            f"dft.abinit.nband: expected a multiple of {groups * step}, so that {groups} groups of "
            f"ranks can share the bands of each k-point, found {given}"
        )
    return given // groups


def _kpoint_groups(n_kpoints: int, ranks: int) -> int:
    """Return the largest divisor of the ranks that leaves few of them idle at the k-points."""
    divisors = [d for d in range(1, min(ranks, n_kpoints) + 1) if ranks % d == 0]
    return max(d for d in divisors if n_kpoints / (math.ceil(n_kpoints / d) * d) > 0.85)


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if np.ndim(value) == 2:
        return "".join(f"\n{_words(row)}" for row in value)
    return " ".join(str(number) for number in np.atleast_1d(value).tolist())
