"""SPARC: stored outputs of real runs, then the program itself where it is."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rhocast import config
from rhocast.dft import Launcher, compute_snapshot, make_engine, resolve_engine, run_aimd
from rhocast.dft.calculation import Calculation
from rhocast.dft.engine import CalculationError, Dynamics, EngineRecord
from rhocast.dft.gates import faults
from rhocast.dft.psp8 import read_psp8
from rhocast.dft.sparc import (
    dynamics_keys,
    electronic_keys,
    read_dynamics,
    read_single_point,
    write_input,
    write_restart,
)
from rhocast.dft.trajectory import check_trajectory, thermal_velocities, thermostat_mass
from rhocast.errors import EngineError
from rhocast.structures import Structure

DATA = Path(__file__).parent / "data"
RECORD = EngineRecord("sparc", "sparc", "2025.12.03")
TWO_RANKS = Launcher(("mpirun", "-n", "2"))


@pytest.fixture
def alloy(settings, pseudopotentials) -> Calculation:
    """Return the cell of the stored runs; its elements take turns, SPARC sorts them."""
    fractional = np.array([[0.01, 0, 0], [0, 0.5, 0.49], [0.5, 0, 0.5], [0.5, 0.51, 0]])
    structure = Structure(8.0 * fractional, 8.0 * np.eye(3), [14, 13, 14, 13])
    return Calculation.plan(structure, settings(scf_tolerance=1e-4), pseudopotentials)


@pytest.fixture
def dynamics(alloy) -> Dynamics:
    return Dynamics(thermal_velocities(alloy.structure, 600.0, seed=1), 600.0, 1.0, 40.0, 4)


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


def test_stored_single_point(alloy):
    point = read_single_point(alloy, DATA / "sparc-single-point", TWO_RANKS, RECORD)
    assert faults(point, alloy) == []
    assert point.energy_ha == pytest.approx(-12.95478, abs=1e-5)
    assert point.scf_iterations == 9
    assert point.scf_residual == pytest.approx(5.019e-5)
    np.testing.assert_allclose(point.forces.sum(axis=0), 0.0, atol=1e-9)
    # The first silicon atom is third in SPARC's order.
    np.testing.assert_allclose(point.forces[0], [1.1039e-2, -1.463e-4, 1.3214e-3], rtol=1e-3)


def test_stored_density_is_denser_around_silicon(alloy):
    """Silicon, which has the more electrons, lies in the plane y = 0, aluminium in y = 1/2."""
    point = read_single_point(alloy, DATA / "sparc-single-point", TWO_RANKS, RECORD)
    planes = point.density.mean(axis=(0, 2))
    assert planes[[12, 13, 0, 1, 2]].min() > planes[[5, 6, 7, 8, 9]].max()


def test_stored_run_of_another_version_or_other_ranks_is_not_taken(alloy):
    folder = DATA / "sparc-single-point"
    with pytest.raises(EngineError, match=r"begun with 2024\.01\.01"):
        read_single_point(alloy, folder, TWO_RANKS, replace(RECORD, version="2024.01.01"))
    with pytest.raises(EngineError, match="expected 1 MPI ranks, the engine found 2"):
        read_single_point(alloy, folder, Launcher(), RECORD)


def test_truncated_output_is_a_failed_calculation(alloy, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(DATA / "sparc-single-point", folder)
    output = folder / "run.out"
    output.write_text(output.read_text()[:3000])
    with pytest.raises(CalculationError, match="no complete SCF cycle"):
        read_single_point(alloy, folder, TWO_RANKS, RECORD)


def test_stored_dynamics(alloy, dynamics):
    trajectory = read_dynamics(alloy, dynamics, DATA / "sparc-dynamics", TWO_RANKS, RECORD)
    check_trajectory(trajectory, "stored")
    assert len(trajectory) == 5
    np.testing.assert_array_equal(trajectory.positions[0], alloy.structure.positions)
    # Positions, returned into the cell by SPARC, and velocities are of the same atoms.
    step = 1.0 / 0.02418884326585747
    central = (trajectory.positions[2:] - trajectory.positions[:-2]) / (2.0 * step)
    np.testing.assert_allclose(central, trajectory.velocities[1:-1], atol=1e-9)
    np.testing.assert_allclose(trajectory.temperatures_K[:2], [600.0, 608.59], atol=0.01)


# The program.


@pytest.fixture(scope="module")
def engine():
    return make_engine(resolve_engine("sparc"))


@pytest.mark.sparc
def test_both_ways_of_counting_ranks_agree(engine, aluminium, settings, pseudopotentials, tmp_path):
    snapshots = [
        compute_snapshot(
            engine,
            aluminium,
            settings(scf_tolerance=1e-6),
            pseudopotentials,
            temperature_K=300.0,
            launcher=launcher,
            workdir=tmp_path / "work",
        )
        for launcher in (Launcher(("mpirun", "-n", "1")), TWO_RANKS)
    ]
    assert [snapshot.reason for snapshot in snapshots] == ["", ""]
    assert np.isclose(snapshots[0].energy_ha, snapshots[1].energy_ha, atol=1e-5)
    np.testing.assert_allclose(snapshots[0].density, snapshots[1].density, atol=1e-5)


@pytest.mark.sparc
def test_unconverged_cycle_is_rejected(engine, silicon, settings, pseudopotentials, tmp_path):
    rejected = compute_snapshot(
        engine,
        silicon,
        settings(max_scf_iterations=3),
        pseudopotentials,
        temperature_K=300.0,
        launcher=TWO_RANKS,
        workdir=tmp_path / "work",
    )
    assert "SCF not converged after 3 iterations" in rejected.reason


@pytest.mark.sparc
def test_dynamics_from_given_velocities(engine, aluminium, settings, pseudopotentials, tmp_path):
    aimd = config.Aimd(equilibration_steps=4, steps_between_frames=1, scf_tolerance=1e-3)
    trajectory = run_aimd(
        engine,
        aluminium,
        settings(),
        aimd,
        pseudopotentials,
        temperature_K=600.0,
        frames=2,
        seed=7,
        launcher=TWO_RANKS,
        workdir=tmp_path / "work",
    )
    assert len(trajectory) == 6
    expected = thermal_velocities(aluminium, 600.0, seed=7)
    np.testing.assert_allclose(trajectory.velocities[1], expected, atol=0.2 * expected.std())


@pytest.mark.sparc
@pytest.mark.abinit
def test_densities_of_sparc_and_abinit_agree(
    engine, aluminium, settings, pseudopotentials, tmp_path
):
    """An independent code on another basis: mistaken axes, units or k-points would show."""
    moved = replace(aluminium, positions=aluminium.positions + np.array([0.3, 0.0, 0.0]))
    densities = [
        compute_snapshot(
            program,
            moved,
            settings(mesh_spacing_bohr=0.4, cutoff_ha=15.0, scf_tolerance=1e-6),
            pseudopotentials,
            temperature_K=300.0,
            launcher=TWO_RANKS,
            workdir=tmp_path / "work",
        ).density
        for program in (engine, make_engine(resolve_engine("abinit")))
    ]
    assert np.abs(densities[0] - densities[1]).sum() / densities[1].sum() < 3e-3
