"""SPARC: stored outputs of real runs, then the program itself where it is."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rhocast.engines import Launcher, compute_snapshot, make_engine, resolve_engine
from rhocast.engines.engine import CalculationError, EngineRecord
from rhocast.engines.gates import faults
from rhocast.engines.sparc.engine import read_single_point
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


def test_energy_at_a_density_asks_for_orbitals_converged_in_its_potential(alloy, tmp_path):
    """The launcher lays a stored output where SPARC would; what SPARC is told is looked at."""
    launcher = tmp_path / "mpirun"
    stored = DATA / "sparc-single-point"
    launcher.write_text(
        f"#!/bin/sh\ncp {stored}/run.out {stored}/run.static {stored}/run.eigen .\n"
    )
    launcher.chmod(0o755)
    own = {"MIXING_VARIABLE": "potential", "NSTATES": 20}
    dft = alloy.dft.model_copy(update={"sparc": own})
    density = np.full(alloy.mesh.shape, alloy.n_electrons / alloy.structure.volume)
    at = make_engine(replace(RECORD, executable="/bin/true")).harris_foulkes(
        replace(alloy, dft=dft), density, Launcher((str(launcher), "-n", "2")), tmp_path
    )
    assert at.energy_ha == pytest.approx(-12.95478, abs=1e-5)
    assert (at.band_ha, at.xc_ha, at.fermi_ha) == (0.22585374247, -5.0556959743, 0.16734548607)
    assert at.highest_occupation < 1e-3
    lines = (tmp_path / "run.inpt").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line and line[0] != "#")
    assert int(found["RHO_TRIGGER"]) >= 10
    assert (int(found["MAXIT_SCF"]), int(found["NSTATES"])) == (1, 20)
    assert found["MIXING_VARIABLE"].strip() == "density"
    assert int(found["READ_INIT_DENS"]) == int(found["PRINT_EIGEN"]) == 1
    assert (tmp_path / found["INPUT_DENS_FILE"].strip()).is_file()


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
    assert "SCF not converged after 6 iterations" in rejected.reason  # the second attempt's
