"""The input of the ABINIT engine, line by line."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase.data import atomic_masses

from rhocast.dft.calculation import Calculation
from rhocast.dft.engine import Dynamics
from rhocast.dft.trajectory import degrees_of_freedom, thermostat_mass
from rhocast.units import FEMTOSECOND_PER_ATOMIC_TIME, HARTREE_PER_KELVIN

#: ABINIT's ``ixc`` by functional.
_IXC = {"pbe": 11}


def input_lines(calculation: Calculation, ranks: int) -> list[str]:
    """Return ABINIT's input for the electrons in one configuration of the atoms."""
    structure, dft, kpoints = calculation.structure, calculation.dft, calculation.kpoints
    species = list(calculation.pseudopotentials)
    numbers = list(np.unique(structure.numbers))
    names = ", ".join(f"{element}.psp8" for element in species)
    return [
        f'pseudos "{names}"',
        "acell 3*1.0",
        *_block("rprim", structure.cell),
        f"natom {len(structure)}",
        f"ntypat {len(numbers)}",
        f"znucl {_words(numbers)}",
        f"amu {_words(atomic_masses[numbers])}",
        f"typat {_words([numbers.index(z) + 1 for z in structure.numbers])}",
        *_block("xcart", structure.positions),
        f"ixc {_IXC[dft.functional]}",
        "nsppol 1",
        "occopt 3",  # Fermi-Dirac
        f"tsmear {dft.smearing_K * HARTREE_PER_KELVIN!r}",
        f"ecut {dft.cutoff_ha!r}",
        # Atoms in motion have no symmetry but k and -k.
        "nsym 1",
        "kptopt 2",
        f"ngkpt {_words(kpoints.divisions)}",
        "nshiftk 1",
        f"shiftk {_words(kpoints.shift)}",
        "chkprim 0",
        "chksymbreak 0",
        f"nstep {dft.max_scf_iterations}",
        f"tolvrs {dft.scf_tolerance!r}",
        *_parallel_lines(calculation, ranks),
        "iomode 3",
        "prtwf 0",
        "prteig 0",
        "prtebands 0",
    ]


def dynamics_lines(calculation: Calculation, dynamics: Dynamics) -> list[str]:
    """Return ABINIT's input for the motion of the atoms.

    ABINIT takes every atom to have three degrees of freedom. The centre of mass keeps still, so
    that the thermostat is told the temperature at which 3n of them hold the energy that 3n - 3
    are meant to.
    """
    n_atoms = len(calculation.structure)
    bath_K = dynamics.temperature_K * degrees_of_freedom(n_atoms) / (3 * n_atoms)
    mass = thermostat_mass(n_atoms, dynamics.temperature_K, dynamics.thermostat_time_fs)
    return [
        "ionmov 13",
        "optcell 0",
        "nnos 1",
        f"qmass {mass!r}",
        f"mdtemp {bath_K!r} {bath_K!r}",
        f"dtion {dynamics.timestep_fs / FEMTOSECOND_PER_ATOMIC_TIME!r}",
        # The start, the steps, and one more: velocities are central differences.
        f"ntime {dynamics.n_steps + 2}",
        "boxcutmin 1.5",  # errs by 7e-5 of the electrons, 1e-4 Ha/Bohr; a tenth quicker
        "tolmxf 1.0d-30",  # a crystal at rest is no reason to stop
        *_block("vel", dynamics.velocities),
    ]


def _parallel_lines(calculation: Calculation, ranks: int) -> list[str]:
    """Choose solver and division of the work, as it was fastest in trials with version 9.6."""
    if calculation.kpoints.has_real_waves and ranks <= calculation.kpoints.n_irreducible:
        # Conjugate gradients take real wave functions at half the cost; LOBPCG cannot.
        return [f"nband {calculation.n_bands}", "paral_kgb 0"]
    k_groups = _kpoint_groups(calculation.kpoints.n_irreducible, ranks)
    band_groups = ranks // k_groups
    bands = 4 * math.ceil(calculation.n_bands / (4 * band_groups))
    divisors = [size for size in range(1, bands + 1) if bands % size == 0]
    together = min(divisors, key=lambda size: abs(size - 12))
    return [
        f"nband {bands * band_groups}",
        "paral_kgb 1",
        f"npkpt {k_groups}",
        f"npband {band_groups}",
        "npfft 1",
        f"bandpp {together}",
        "useylm 1",
        "use_gemm_nonlop 1",
        "nline 3",
    ]


def _kpoint_groups(n_kpoints: int, ranks: int) -> int:
    """Return the largest divisor of the ranks that leaves few of them idle at the k-points."""
    divisors = [d for d in range(1, min(ranks, n_kpoints) + 1) if ranks % d == 0]
    return max(d for d in divisors if n_kpoints / (math.ceil(n_kpoints / d) * d) > 0.85)


def _words(values: Sequence[Any] | np.ndarray) -> str:
    return " ".join(str(value) for value in np.asarray(values).tolist())


def _block(name: str, rows: np.ndarray) -> list[str]:
    return [name, *(" ".join(f"{value:.14e}" for value in row) for row in rows)]
