from dataclasses import replace

import numpy as np
import pytest

from rhocast import config
from rhocast.dft import Launcher, compute_snapshot, make_engine, resolve_engine, run_aimd
from rhocast.dft.abinit import _kpoint_groups, dynamics_lines, input_lines, scf_residuals
from rhocast.dft.calculation import Calculation
from rhocast.dft.engine import Dynamics, EngineRecord
from rhocast.dft.trajectory import thermal_velocities
from rhocast.errors import EngineError
from rhocast.units import HARTREE_PER_KELVIN


def keys(lines):
    """Return input lines that hold a key and its value as a mapping."""
    return dict(line.split(maxsplit=1) for line in lines if line[0].isalpha() and " " in line)


# The input.


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


def test_residuals_of_each_cycle(tmp_path):
    path = tmp_path / "run.abo"
    path.write_text(
        " ETOT  1  -9.3268903270623    -9.327E+00 7.914E-06 4.519E+00\n"
        " ETOT  2  -9.1358635037470     1.910E-01 4.721E-05 8.095E-02\n"
        " ETOT  1  -9.3268903270623    -9.327E+00 7.914E-06 3.000E-05\n"
    )
    assert scf_residuals(path) == [[4.519, 0.08095], [3e-5]]
    assert scf_residuals(tmp_path / "absent") == []


@pytest.fixture
def snapshot_by(tmp_path, silicon, settings, pseudopotentials):
    """Compute a snapshot with a program that does what a line of shell says."""

    def compute(line):
        program = tmp_path / "abinit"
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)
        return compute_snapshot(
            make_engine(EngineRecord("abinit", str(program), "9.6.2")),
            silicon,
            settings(),
            pseudopotentials,
            temperature_K=300.0,
            launcher=Launcher(),
            workdir=tmp_path / "work",
        )

    return compute


def test_program_that_fails_at_once_is_an_error_with_its_last_words(snapshot_by):
    with pytest.raises(EngineError, match=r"(?s)exit status 127.*libxc\.so\.9"):
        snapshot_by("echo error while loading libxc.so.9; exit 127")


def test_program_that_fails_in_the_middle_gives_a_rejected_snapshot(snapshot_by, silicon, tmp_path):
    snapshot = snapshot_by("echo ' ETOT  1 -9.3 -9.3 7E-06 4.5' > run.abo; echo NaN met; exit 14")
    assert not snapshot.accepted
    assert "exit status 14" in snapshot.reason
    assert "NaN met" in snapshot.reason
    assert snapshot.forces.shape == silicon.positions.shape
    assert (tmp_path / "work" / "run.log").is_file()


# The program.


@pytest.fixture(scope="module")
def snapshot_of(settings, pseudopotentials, tmp_path_factory):
    engine = make_engine(resolve_engine("abinit"))
    folder = tmp_path_factory.mktemp("abinit")

    def compute(structure, ranks=1, **changes):
        return compute_snapshot(
            engine,
            structure,
            settings(**changes),
            pseudopotentials,
            temperature_K=300.0,
            launcher=Launcher(("mpirun", "-n", str(ranks))) if ranks > 1 else Launcher(),
            workdir=folder / "work",
        )

    return compute


@pytest.fixture(scope="module")
def snapshot(snapshot_of, silicon):
    return snapshot_of(silicon)


@pytest.mark.abinit
def test_density_holds_the_electrons(snapshot):
    assert snapshot.accepted, snapshot.reason
    assert np.isclose(snapshot.mesh.integral(snapshot.density), 8.0, rtol=1e-6)
    assert (snapshot.mesh.spacing <= 0.6).all()
    assert snapshot.record["scf_residual"] < 1e-7
    assert snapshot.record["engine_version"].count(".") >= 1


@pytest.mark.abinit
def test_bond_holds_more_electrons_than_the_void(snapshot, silicon):
    """Density and atoms lie on the same axes: x is the slowest."""
    fractional = np.array([silicon.positions.mean(axis=0), silicon.positions.mean(axis=0)])
    fractional = fractional @ np.linalg.inv(silicon.cell) + [[0.0] * 3, [0.5] * 3]
    shape = np.array(snapshot.density.shape)
    bond, void = (np.round(fractional * shape).astype(int) % shape).tolist()
    assert snapshot.density[tuple(bond)] > 5.0 * snapshot.density[tuple(void)]


@pytest.mark.abinit
def test_forces_are_those_of_the_energy(snapshot_of, snapshot, silicon):
    np.testing.assert_allclose(snapshot.forces.sum(axis=0), 0.0, atol=1e-6)
    step = 0.02 * np.array([1.0, 0.0, 0.0])
    energies = []
    for sign in (-1.0, 1.0):
        positions = silicon.positions.copy()
        positions[0] += sign * step
        energies.append(snapshot_of(replace(silicon, positions=positions)).energy_ha)
    slope = (energies[1] - energies[0]) / 0.04
    assert np.isclose(-slope, snapshot.forces[0, 0], atol=2e-4)


@pytest.mark.abinit
def test_translation_moves_the_density_along(snapshot_of, snapshot, silicon):
    """By one point of the stored mesh, which is no whole number of points of ABINIT's own."""
    shift = silicon.cell[0] / snapshot.density.shape[0]
    moved = snapshot_of(replace(silicon, positions=silicon.positions + shift))
    assert np.isclose(moved.energy_ha, snapshot.energy_ha, atol=5e-4)
    error = np.abs(moved.density - np.roll(snapshot.density, 1, axis=0)).sum()
    assert error / snapshot.density.sum() < 5e-3


@pytest.mark.abinit
def test_left_handed_cell_gives_the_same_crystal(snapshot_of, snapshot, silicon):
    mirrored = snapshot_of(replace(silicon, cell=silicon.cell[[1, 0, 2]]))
    assert np.linalg.det(mirrored.structure.cell) * np.linalg.det(silicon.cell) < 0.0
    assert np.isclose(mirrored.energy_ha, snapshot.energy_ha, atol=1e-6)
    np.testing.assert_allclose(mirrored.density.transpose(1, 0, 2), snapshot.density, atol=1e-5)


@pytest.mark.abinit
def test_ranks_make_no_difference(snapshot_of, snapshot, silicon):
    parallel = snapshot_of(silicon, ranks=2)
    assert parallel.record["ranks"] == 2
    assert np.isclose(parallel.energy_ha, snapshot.energy_ha, atol=1e-6)
    np.testing.assert_allclose(parallel.density, snapshot.density, atol=1e-5)


@pytest.mark.abinit
def test_unconverged_cycle_is_rejected_with_its_reason(snapshot_of, silicon):
    rejected = snapshot_of(silicon, max_scf_iterations=2)
    assert not rejected.accepted
    assert "SCF not converged after 2 iterations" in rejected.reason
    assert rejected.density.shape == rejected.mesh.shape


@pytest.mark.abinit
def test_too_few_bands_for_the_smearing_are_noticed(snapshot_of, silicon):
    assert "highest band is occupied" in snapshot_of(silicon, smearing_K=2e5).reason


@pytest.fixture(scope="module")
def trajectory(aluminium, settings, pseudopotentials, tmp_path_factory):
    aimd = config.Aimd(
        timestep_fs=2.0,
        thermostat_time_fs=30.0,
        equilibration_steps=20,
        steps_between_frames=10,
        scf_tolerance=1e-6,
        cutoff_ha=5.0,
        kpoint_spacing_per_bohr=1.0,
    )
    return run_aimd(
        make_engine(resolve_engine("abinit")),
        aluminium,
        settings(),
        aimd,
        pseudopotentials,
        temperature_K=600.0,
        frames=2,
        seed=1,
        launcher=Launcher(),
        workdir=tmp_path_factory.mktemp("aimd") / "work",
    )


@pytest.mark.abinit
def test_dynamics_starts_where_and_as_fast_as_it_was_told(trajectory, aluminium):
    assert len(trajectory) == 31
    np.testing.assert_allclose(trajectory.positions[0], aluminium.positions, atol=1e-12)
    assert np.isclose(trajectory.temperatures_K[0], 600.0)
    drift = trajectory.positions.mean(axis=1) - trajectory.positions[0].mean(axis=0)
    np.testing.assert_allclose(drift, 0.0, atol=1e-9)


@pytest.mark.abinit
def test_dynamics_conserves_what_it_should(trajectory):
    """The thermostat exchanges a thousand times more energy than is lost."""
    kinetic = trajectory.temperatures_K * 9 * HARTREE_PER_KELVIN / 2.0
    exchanged = np.ptp(trajectory.potential_energies_ha + kinetic)
    assert exchanged > 2e-3
    assert np.ptp(trajectory.conserved_ha) < 0.02 * exchanged


@pytest.mark.abinit
def test_thermostat_holds_the_temperature(trajectory):
    assert 400.0 < trajectory.temperatures_K.mean() < 800.0
    assert trajectory.target_K == 600.0
