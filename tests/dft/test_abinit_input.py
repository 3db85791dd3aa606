from dataclasses import replace

import numpy as np
import pytest

from rhocast.dft.abinit_input import _kpoint_groups, dynamics_lines, input_lines
from rhocast.dft.calculation import Calculation
from rhocast.dft.engine import Dynamics
from rhocast.dft.trajectory import thermal_velocities
from rhocast.units import HARTREE_PER_KELVIN


def keys(lines):
    """Return input lines that hold a key and its value as a mapping."""
    return dict(line.split(maxsplit=1) for line in lines if line[0].isalpha() and " " in line)


def test_input_for_the_electrons(silicon, settings, pseudopotentials):
    mixed = replace(silicon, numbers=np.array([14, 13]))
    calculation = Calculation.plan(
        mixed, settings(kpoint_shift="half", smearing_K=1000.0), pseudopotentials
    )
    found = keys(input_lines(calculation, ranks=1))
    assert found["pseudos"] == '"Al.psp8, Si.psp8"'
    assert (found["znucl"], found["typat"]) == ("13 14", "2 1")
    assert (found["occopt"], found["ixc"], found["nsym"], found["kptopt"]) == ("3", "11", "1", "2")
    assert np.isclose(float(found["tsmear"]), 1000.0 * HARTREE_PER_KELVIN)
    assert found["shiftk"] == "0.5 0.5 0.5"
    assert found["ngkpt"].split() == [str(n) for n in calculation.kpoints.divisions]
    assert int(found["nband"]) >= calculation.n_bands


def test_thermostat_heats_no_more_than_the_atoms_freedom(aluminium, settings, pseudopotentials):
    calculation = Calculation.plan(aluminium, settings(), pseudopotentials)
    velocities = thermal_velocities(aluminium, 600.0, seed=0)
    found = keys(dynamics_lines(calculation, Dynamics(velocities, 600.0, 1.0, 40.0, 10)))
    bath_K = float(found["mdtemp"].split()[0])
    assert np.isclose(3 * 4 * bath_K, (3 * 4 - 3) * 600.0)
    assert found["ntime"] == "12"
    assert (found["ionmov"], found["nnos"]) == ("13", "1")


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 6, 12, 32])
@pytest.mark.parametrize("spacing", [0.1, 0.2, 0.4])
def test_every_rank_has_work(aluminium, settings, pseudopotentials, ranks, spacing):
    dft = settings(kpoint_spacing_per_bohr=spacing)
    calculation = Calculation.plan(aluminium, dft, pseudopotentials)
    found = keys(input_lines(calculation, ranks))
    if found["paral_kgb"] == "0":
        assert ranks <= calculation.kpoints.n_irreducible
    else:
        groups = int(found["npkpt"]), int(found["npband"])
        assert groups[0] * groups[1] == ranks
        assert groups[0] <= calculation.kpoints.n_irreducible
        assert int(found["nband"]) % (groups[1] * int(found["bandpp"])) == 0


def test_kpoints_are_divided_evenly():
    assert [_kpoint_groups(14, ranks) for ranks in (1, 2, 4, 7, 14, 28)] == [1, 2, 4, 7, 14, 14]
    assert _kpoint_groups(4, 3) == 1
