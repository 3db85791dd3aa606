import json
from dataclasses import replace

import numpy as np
import pytest

from rhocast.engines import Launcher, compute_snapshot, make_engine, resolve_engine
from rhocast.engines.abinit.engine import AbinitEngine, check_mesh
from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import EngineRecord
from rhocast.errors import ConfigError, EngineError


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
    assert (tmp_path / "work" / "attempt-2" / "run.log").is_file()


def test_program_that_ends_well_without_a_cycle_gives_a_rejected_snapshot(snapshot_by):
    snapshot = snapshot_by("echo Calculation completed > run.abo")
    assert "no SCF iteration" in snapshot.reason


def test_program_without_a_version(tmp_path):
    program = tmp_path / "abinit"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with pytest.raises(EngineError, match="expected a version, found nothing"):
        AbinitEngine.version(str(program))


def test_mesh_that_takes_the_shortest_waves_for_a_constant(settings, pseudopotentials, aluminium):
    """Two waves of G_max in opposite directions make one of 2 G_max."""
    dft = settings(cutoff_ha=6.0)
    g_max = np.sqrt(2.0 * 6.0)

    def check(n_points):
        spacing = 7.65 / n_points * (1.0 + 1e-9)
        changed = dft.model_copy(update={"mesh_spacing_bohr": spacing})
        check_mesh(Calculation.plan(aluminium, changed, pseudopotentials))

    shortest = int(2.0 * g_max * 7.65 / (2.0 * np.pi))  # in units of 2π over the cell's length
    for n_points in range(1, 20):
        wave = np.cos(2.0 * np.pi * shortest * np.arange(n_points) / n_points)
        if n_points > shortest:
            assert np.isclose(wave.mean(), 0.0)
            check(n_points)
        else:
            with pytest.raises(EngineError, match=r"mesh_spacing_bohr: expected less than 0\.907"):
                check(n_points)


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
    assert "SCF not converged after 4 iterations" in rejected.reason
    assert rejected.density.shape == rejected.mesh.shape


@pytest.mark.abinit
def test_too_few_bands_for_the_smearing_are_noticed(snapshot_of, silicon):
    assert "highest band is occupied" in snapshot_of(silicon, smearing_K=2e5).reason


@pytest.mark.abinit
def test_bands_that_are_occupied_to_the_highest_are_computed_with_more(snapshot_of, silicon):
    found = snapshot_of(silicon, smearing_K=9000.0)
    assert found.accepted, found.reason
    first, second = json.loads(found.record["attempts"])
    assert "highest band is occupied" in first["faults"][0]
    assert second["faults"] == []
    assert (first["n_bands"], found.record["n_bands"]) == (8, 12)
    enough = snapshot_of(silicon, smearing_K=9000.0, abinit={"nband": 24})
    assert len(json.loads(enough.record["attempts"])) == 1
    assert np.isclose(found.energy_ha, enough.energy_ha, atol=1e-5)
    assert np.abs(found.density - enough.density).mean() < 1e-4 * enough.density.mean()


@pytest.mark.abinit
def test_keys_of_the_expert_reach_the_program_and_the_record(snapshot_of, silicon):
    snapshot = snapshot_of(silicon, abinit={"boxcutmin": 1.6, "fftalg": 412})
    assert snapshot.accepted, snapshot.reason
    (attempt,) = json.loads(snapshot.record["attempts"])
    assert attempt["engine_keys"] == {"boxcutmin": 1.6, "fftalg": 412}
    coarse = np.array(snapshot.record["engine_mesh"].split(), dtype=int)
    assert (coarse < 16).all()


@pytest.mark.abinit
@pytest.mark.parametrize("key", [{"boxcutmn": 1.6}, {"boxcutmin": "coarse"}])
def test_key_that_abinit_refuses_is_named(snapshot_of, silicon, key):
    with pytest.raises(ConfigError, match=rf"dft\.abinit\.{next(iter(key))}: expected a variable"):
        snapshot_of(silicon, abinit=key)
