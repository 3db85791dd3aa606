from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rhocast.engines.psp8 import read_psp8
from rhocast.engines.sparc.input import check_keys, electronic_keys, write_input
from rhocast.errors import ConfigError, EngineError


def entries(path: Path) -> dict[str, list[str]]:
    """Return the values of each key in a SPARC input, those of several lines too."""
    found: dict[str, list[str]] = {}
    key = ""
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            continue
        if ":" in line:
            key, _, line = line.partition(":")
        found.setdefault(key, []).extend(line.split())
    return found


def test_no_default_of_sparc_is_left_to_chance(alloy, tmp_path):
    write_input(alloy, electronic_keys(alloy), tmp_path)
    found = entries(tmp_path / "run.inpt")
    assert [float(x) for x in found["KPOINT_SHIFT"]] == [0.0, 0.0, 0.0]
    assert found["KPOINT_GRID"] == [str(n) for n in alloy.kpoints.divisions]
    assert found["FD_GRID"] == [str(n) for n in alloy.mesh.shape]
    assert found["ELEC_TEMP_TYPE"] == ["fermi-dirac"]
    assert float(found["ELEC_TEMP"][0]) == alloy.dft.smearing_K
    assert float(found["TOL_SCF"][0]) == 1e-4
    np.testing.assert_allclose(
        np.array(found["LATVEC"], dtype=float).reshape(3, 3), alloy.structure.cell, atol=1e-12
    )


def test_atoms_are_sorted_and_their_order_is_known(alloy, tmp_path):
    resort = write_input(alloy, electronic_keys(alloy), tmp_path)
    text = (tmp_path / "run.ion").read_text()
    rows = [line.split() for line in text.splitlines() if line and line[0].isdigit()]
    np.testing.assert_allclose(
        np.array(rows, dtype=float)[resort], alloy.structure.positions, atol=1e-12
    )
    assert (tmp_path / alloy.pseudopotentials["Si"].name).is_file()


def test_small_cells_of_a_metal_have_states_for_each_kpoint(alloy):
    """Ten atoms of aluminium fill up to 22 bands at a k-point, 15 on average."""
    ten = replace(alloy, n_electrons=30.0, n_bands=19)
    assert electronic_keys(ten)["NSTATES"] >= 22
    many = replace(alloy, n_electrons=96.0, n_bands=53)
    assert electronic_keys(many)["NSTATES"] == 63


def test_keys_of_the_expert_win(alloy, tmp_path):
    own = {"mixing_parameter": 0.6, "MIXING_HISTORY": 12, "NSTATES": 40}
    dft = alloy.dft.model_copy(update={"sparc": own})
    write_input(replace(alloy, dft=dft), electronic_keys(alloy), tmp_path)
    found = entries(tmp_path / "run.inpt")
    assert float(found["MIXING_PARAMETER"][0]) == 0.6
    assert (found["MIXING_HISTORY"], found["NSTATES"]) == (["12"], ["40"])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"MIXING_PARAMETR": 0.6}, r"dft\.sparc\.MIXING_PARAMETR: no key of SPARC"),
        ({"MIXING_PARAMETER": "much"}, r"dft\.sparc\.MIXING_PARAMETER: expected double as in"),
        ({"MIXING_HISTORY": 7.5}, r"dft\.sparc\.MIXING_HISTORY: expected integer.*found 7\.5"),
        ({"ELEC_TEMP": 300}, r"dft\.sparc\.ELEC_TEMP: set by other keys"),
        ({"TOL_SCF": 1e-2}, r"dft\.sparc\.TOL_SCF: set by other keys"),
        ({"MD_FLAG": 1}, r"dft\.sparc\.MD_FLAG: set by other keys"),
    ],
)
def test_keys_of_the_expert_are_checked(keys, message):
    with pytest.raises(ConfigError, match=message):
        check_keys(keys)


def test_fortran_exponents_are_refused(alloy, tmp_path):
    text = alloy.pseudopotentials["Al"].path.read_text().replace("E-0", "D-0")
    (tmp_path / "fortran.psp8").write_text(text)
    own = alloy.pseudopotentials | {"Al": read_psp8(tmp_path / "fortran.psp8", "Al")}
    with pytest.raises(EngineError, match=r"fortran\.psp8: numbers written as 1\.0D-03"):
        write_input(replace(alloy, pseudopotentials=own), {}, tmp_path)
