"""SPARC: stored outputs of real runs, then the program itself where it is."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rhocast import config
from rhocast.dft import Launcher, compute_snapshot, make_engine, resolve_engine, run_aimd
from rhocast.dft.engine import CalculationError, EngineRecord
from rhocast.dft.gates import faults
from rhocast.dft.sparc import read_dynamics, read_single_point
from rhocast.dft.trajectory import check_trajectory, thermal_velocities
from rhocast.errors import EngineError

DATA = Path(__file__).parent / "data"
RECORD = EngineRecord("sparc", "sparc", "2025.12.03")
TWO_RANKS = Launcher(("mpirun", "-n", "2"))


def test_stored_single_point(alloy):
    point = read_single_point(alloy, DATA / "sparc-single-point", TWO_RANKS, RECORD)
    assert faults(point, alloy) == []
    assert point.energy_ha == pytest.approx(-12.95478, abs=1e-5)
    assert point.scf_iterations == 9
    assert point.scf_residual == pytest.approx(5.019e-5)
    assert point.highest_occupation < 1e-9
    np.testing.assert_allclose(point.forces.sum(axis=0), 0.0, atol=1e-9)
    # The first silicon atom is third in SPARC's order.
    np.testing.assert_allclose(point.forces[0], [1.1039e-2, -1.463e-4, 1.3214e-3], rtol=1e-3)


def test_occupation_is_that_of_the_highest_band_at_any_point(alloy, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(DATA / "sparc-single-point", folder)
    eigen = folder / "run.eigen"
    rows = eigen.read_text().splitlines()
    last = max(i for i, row in enumerate(rows) if row.startswith("13 "))
    rows[last] = "13 1.0E-01 0.5"
    eigen.write_text("\n".join(rows) + "\n")
    point = read_single_point(alloy, folder, TWO_RANKS, RECORD)
    assert point.highest_occupation == 0.25
    assert "highest band is occupied to 0.25" in faults(point, alloy)[0]


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
    expected = thermal_velocities(aluminium, 600.0, config.seed_for(7, "velocities"))
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
