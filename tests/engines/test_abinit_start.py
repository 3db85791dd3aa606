"""What ABINIT begins from: headers for given densities, wave functions of another snapshot."""

from dataclasses import replace

import numpy as np
import pytest

from rhocast.density import Density
from rhocast.engines import (
    Launcher,
    compute_snapshot,
    harris_foulkes,
    make_engine,
    resolve_engine,
)
from rhocast.engines.abinit.input import electronic_variables
from rhocast.engines.abinit.process import open_netcdf, run_abinit
from rhocast.engines.abinit.start import DENSITY, WAVES, KeptStart, write_header
from rhocast.engines.calculation import Calculation

RUN = {"temperature_K": 300.0, "launcher": Launcher()}


@pytest.fixture
def dft(settings):
    return settings(kpoint_spacing_per_bohr=0.42, kpoint_shift="half", scf_tolerance=1e-8)


@pytest.fixture
def moved(aluminium):
    """The same cell with its atoms elsewhere."""
    shifts = 0.15 * np.random.default_rng(3).standard_normal((4, 3))
    return replace(aluminium, positions=aluminium.positions + shifts)


def test_waves_of_another_calculation_count_as_absent(
    aluminium, moved, settings, pseudopotentials, tmp_path
):
    plan = Calculation.plan(aluminium, settings(), pseudopotentials)
    for name in (WAVES, "run_DEN.nc"):
        (tmp_path / name).write_bytes(b"abc")
    kept = KeptStart.of(tmp_path / "kept", "/bin/abinit", plan, ranks=1)
    assert kept.waves is None
    kept.keep(tmp_path, tmp_path / "run_DEN.nc")
    assert kept.waves.read_bytes() == kept.header.read_bytes() == b"abc"
    same = {
        "another snapshot": replace(plan, structure=moved),
        "another tolerance": replace(plan, dft=settings(scf_tolerance=1e-5)),
    }
    for name, calculation in same.items():
        found = KeptStart.of(tmp_path / "kept", "/bin/abinit", calculation, ranks=1)
        assert found.waves is not None, name
    strained = replace(aluminium, cell=1.01 * aluminium.cell)
    other = {
        "another cell": Calculation.plan(strained, settings(), pseudopotentials),
        "another cutoff": Calculation.plan(aluminium, settings(cutoff_ha=7), pseudopotentials),
        "other keys": replace(plan, dft=settings(abinit={"boxcutmin": 1.6})),
        "other elements": Calculation.plan(
            replace(aluminium, numbers=np.array([13, 13, 13, 14])), settings(), pseudopotentials
        ),
    }
    for name, calculation in other.items():
        found = KeptStart.of(tmp_path / "kept", "/bin/abinit", calculation, ranks=1)
        assert found.waves is None, name
    assert KeptStart.of(tmp_path / "kept", "/bin/other", plan, ranks=1).waves is None


@pytest.mark.abinit
@pytest.mark.parametrize("keys", [{}, {"boxcutmin": 1.5}])
def test_the_header_of_one_atom_of_each_element_has_the_mesh_of_the_run(
    alloy, settings, keys, tmp_path
):
    calculation = replace(alloy, dft=settings(abinit=keys))
    executable = resolve_engine("abinit").executable
    header = write_header(calculation, executable, Launcher(), tmp_path)
    folder = tmp_path / "run"
    folder.mkdir()
    variables = electronic_variables(calculation, ranks=1)
    hasty = {"nstep": 1, "nnsclo": 1, "prtden": 1}
    run_abinit(executable, calculation, variables | hasty, Launcher(), folder)
    with open_netcdf(header) as found, open_netcdf(folder / DENSITY) as expected:
        assert found["density"].shape == expected["density"].shape


@pytest.mark.abinit
def test_waves_of_another_snapshot_save_sweeps_and_change_no_result(
    aluminium, moved, dft, pseudopotentials, tmp_path
):
    engine = make_engine(resolve_engine("abinit"))
    common = {**RUN, "workdir": tmp_path / "work"}
    usual = compute_snapshot(engine, aluminium, dft, pseudopotentials, **common)
    assert not usual.record["start_waves"]
    common["waves"] = tmp_path / "waves"
    first = compute_snapshot(engine, moved, dft, pseudopotentials, **common)
    assert not first.record["start_waves"]  # there were none yet
    start = Density(aluminium, usual.density, source="given")
    again = compute_snapshot(engine, aluminium, dft, pseudopotentials, start=start, **common)
    assert again.accepted, again.reason
    assert again.record["start_waves"]
    assert again.record["scf_iterations"] < usual.record["scf_iterations"]
    assert np.isclose(again.energy_ha, usual.energy_ha, atol=1e-7)
    np.testing.assert_allclose(again.density, usual.density, atol=1e-5)
    np.testing.assert_allclose(again.forces, usual.forces, atol=2e-5)


@pytest.mark.abinit
def test_energy_at_a_density_is_the_same_from_random_waves_and_from_another_snapshots(
    aluminium, moved, dft, pseudopotentials, tmp_path
):
    engine = make_engine(resolve_engine("abinit"))
    density = compute_snapshot(
        engine, moved, dft, pseudopotentials, **RUN, workdir=tmp_path / "work"
    ).density
    options = {"launcher": Launcher(), "workdir": tmp_path / "work"}
    given = Density(aluminium, density, source="given")  # of other places: far from its own
    cold = harris_foulkes(engine, aluminium, given, dft, pseudopotentials, **options)
    options["waves"] = tmp_path / "waves"
    own = Density(moved, density, source="given")
    harris_foulkes(engine, moved, own, dft, pseudopotentials, **options)
    warm = harris_foulkes(engine, aluminium, given, dft, pseudopotentials, **options)
    assert np.isclose(warm.energy_ha, cold.energy_ha, atol=4 * 2e-6)
    for part in ("band_ha", "xc_ha", "hartree_ha", "fermi_ha"):
        assert np.isclose(getattr(warm, part), getattr(cold, part), atol=2e-4), part


@pytest.mark.abinit
@pytest.mark.mpi
@pytest.mark.parametrize(("spacing_per_bohr", "has_waves"), [(0.42, True), (0.9, False)])
def test_two_ranks_keep_waves_unless_they_share_bands(
    aluminium, moved, settings, pseudopotentials, tmp_path, spacing_per_bohr, has_waves
):
    """Eight k-points have waves of their own on each rank; of one k-point ranks share the bands."""
    dft = settings(
        kpoint_spacing_per_bohr=spacing_per_bohr, kpoint_shift="quarter", scf_tolerance=1e-8
    )
    engine = make_engine(resolve_engine("abinit"))
    options = {
        "temperature_K": 300.0,
        "launcher": Launcher(("mpirun", "-n", "2")),
        "workdir": tmp_path / "work",
        "waves": tmp_path / "waves",
    }
    first = compute_snapshot(engine, moved, dft, pseudopotentials, **options)
    start = Density(moved, first.density, source="given")
    again = compute_snapshot(engine, moved, dft, pseudopotentials, start=start, **options)
    assert again.accepted, again.reason
    assert again.record["start_waves"] == has_waves
    assert again.record["scf_iterations"] <= (3 if has_waves else first.record["scf_iterations"])
    assert np.isclose(again.energy_ha, first.energy_ha, atol=1e-7)
    energy = harris_foulkes(
        engine, moved, start, dft, pseudopotentials, launcher=options["launcher"],
        workdir=tmp_path / "work", waves=tmp_path / "waves",
    )  # fmt: skip
    assert np.isclose(energy.energy_ha, first.energy_ha, atol=1e-6)
