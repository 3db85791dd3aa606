from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rhocast.dft.psp8 import read_psp8
from rhocast.dft.sparc_input import dynamics_keys, electronic_keys, write_input, write_restart
from rhocast.dft.trajectory import thermostat_mass
from rhocast.errors import EngineError


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


def test_restart_file_follows_the_sorted_order(alloy, dynamics, tmp_path):
    resort = write_input(alloy, dynamics_keys(alloy, dynamics) | electronic_keys(alloy), tmp_path)
    write_restart(alloy, dynamics, np.argsort(resort), tmp_path)
    lines = (tmp_path / "run.restart").read_text().splitlines()
    start = lines.index(":V(Bohr/atu):") + 1
    velocities = np.array([line.split() for line in lines[start : start + 4]], dtype=float)
    np.testing.assert_allclose(velocities[resort], dynamics.velocities)


def test_thermostat_mass_is_not_sparcs_default(alloy, dynamics):
    found = dynamics_keys(alloy, dynamics)
    assert found["QMASS"] == thermostat_mass(4, 600.0, 40.0)
    assert found["MD_METHOD"] == "NVT_NH"


def test_fortran_exponents_are_refused(alloy, tmp_path):
    text = alloy.pseudopotentials["Al"].path.read_text().replace("E-0", "D-0")
    (tmp_path / "fortran.psp8").write_text(text)
    own = alloy.pseudopotentials | {"Al": read_psp8(tmp_path / "fortran.psp8", "Al")}
    with pytest.raises(EngineError, match=r"fortran\.psp8: numbers written as 1\.0D-03"):
        write_input(replace(alloy, pseudopotentials=own), {}, tmp_path)
