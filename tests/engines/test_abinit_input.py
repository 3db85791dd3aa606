from dataclasses import replace

import numpy as np
import pytest

from rhocast.engines.abinit.input import (
    _kpoint_groups,
    check_keys,
    electronic_variables,
    format_input,
)
from rhocast.engines.calculation import Calculation
from rhocast.errors import ConfigError
from rhocast.units import HARTREE_PER_KELVIN


def test_input_for_the_electrons(silicon, settings, pseudopotentials):
    mixed = replace(silicon, numbers=np.array([14, 13]))
    calculation = Calculation.plan(
        mixed, settings(kpoint_shift="half", smearing_K=1000.0), pseudopotentials
    )
    lines = format_input(electronic_variables(calculation, ranks=1)).splitlines()
    found = dict(line.split(maxsplit=1) for line in lines if len(line.split()) > 1)
    assert found["pseudos"] == '"Al.psp8, Si.psp8"'
    assert (found["znucl"], found["typat"]) == ("13 14", "2 1")
    assert (found["occopt"], found["ixc"], found["nsym"], found["kptopt"]) == ("3", "11", "1", "2")
    assert np.isclose(float(found["tsmear"]), 1000.0 * HARTREE_PER_KELVIN)
    assert found["shiftk"] == "0.5 0.5 0.5"
    assert found["ngkpt"].split() == [str(n) for n in calculation.kpoints.divisions]
    assert int(found["nband"]) >= calculation.n_bands
    start = lines.index("rprim ") + 1
    cell = np.array([line.split() for line in lines[start : start + 3]], dtype=float)
    np.testing.assert_array_equal(cell, silicon.cell)


def test_values_of_every_kind_are_written_as_abinit_reads_them():
    variables = {"fftalg": 412, "boxcutmin": 1.6, "occ": (2.0, 1.5), "acell": "3*1.0"}
    assert format_input(variables) == "fftalg 412\nboxcutmin 1.6\nocc 2.0 1.5\nacell 3*1.0\n"


@pytest.mark.parametrize("key", ["ecut", "ECUT", "toldfe", "ngkpt", "nspden", "charge"])
def test_keys_that_would_contradict_the_record_are_refused(key):
    with pytest.raises(ConfigError, match=rf"dft\.abinit\.{key}: set by other keys"):
        check_keys({"boxcutmin": 1.6, key: 1})


@pytest.mark.parametrize("keys", [{"nline 3 ecut": 4}, {"nline": "3\necut 4"}])
def test_keys_that_would_smuggle_another_in_are_refused(keys):
    with pytest.raises(ConfigError, match="expected the name of an ABINIT variable"):
        check_keys(keys)


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 6, 12, 32])
@pytest.mark.parametrize("spacing", [0.1, 0.2, 0.4])
def test_every_rank_has_work(aluminium, settings, pseudopotentials, ranks, spacing):
    dft = settings(kpoint_spacing_per_bohr=spacing)
    calculation = Calculation.plan(aluminium, dft, pseudopotentials)
    found = electronic_variables(calculation, ranks)
    if found["paral_kgb"] == 0:
        assert ranks <= calculation.kpoints.n_irreducible
    else:
        assert found["npkpt"] * found["npband"] == ranks
        assert found["npkpt"] <= calculation.kpoints.n_irreducible
        assert found["nband"] % (found["npband"] * found["bandpp"]) == 0


@pytest.mark.parametrize("ranks", [1, 2, 16])
@pytest.mark.parametrize("bands", [4, 41, 52, 66, 75, 92])
def test_bands_at_gamma_are_divided_in_pairs(aluminium, settings, pseudopotentials, ranks, bands):
    """ABINIT 9.6 ends with an error otherwise; 52 bands were divided into four times 13."""
    dft = settings(kpoint_spacing_per_bohr=0.2, kpoint_shift="gamma")
    calculation = replace(Calculation.plan(aluminium, dft, pseudopotentials), n_bands=bands)
    found = electronic_variables(calculation, ranks)
    assert calculation.kpoints.n_irreducible > 1
    assert found["paral_kgb"] == 1
    assert found["bandpp"] % 2 == 0
    assert found["nband"] % (found["npband"] * found["bandpp"]) == 0


@pytest.mark.parametrize(("shift", "bands"), [("gamma", 26), ("half", 26), ("half", 27)])
def test_given_bands_are_divided(aluminium, settings, pseudopotentials, shift, bands):
    """ABINIT 9.6 ends with an error if blocks of bands do not divide them."""
    keys = {"abinit": {"NBAND": bands}, "kpoint_shift": shift, "kpoint_spacing_per_bohr": 0.2}
    calculation = Calculation.plan(aluminium, settings(**keys), pseudopotentials)
    found = electronic_variables(calculation, ranks=1)
    assert found["nband"] == bands
    assert bands % found["bandpp"] == 0


def test_given_bands_that_cannot_be_divided(aluminium, settings, pseudopotentials):
    dft = settings(abinit={"nband": 27}, kpoint_shift="gamma", kpoint_spacing_per_bohr=0.2)
    calculation = Calculation.plan(aluminium, dft, pseudopotentials)
    with pytest.raises(ConfigError, match=r"dft\.abinit\.nband: expected a multiple of 2, .* 27"):
        electronic_variables(calculation, ranks=1)


def test_kpoints_are_divided_evenly():
    assert [_kpoint_groups(14, ranks) for ranks in (1, 2, 4, 7, 14, 28)] == [1, 2, 4, 7, 14, 14]
    assert _kpoint_groups(4, 3) == 1
