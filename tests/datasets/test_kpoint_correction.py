"""A snapshot with more k-points by the difference of two cheaper densities."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rhocast.cli.main import main
from rhocast.datasets.dataset import check_files
from rhocast.datasets.kpoint_correction import correct_kpoints
from rhocast.density import read_snapshot, write_snapshot
from rhocast.engines import Launcher, compute_snapshot, make_engine, resolve_engine
from rhocast.errors import FileFormatError, StructureError
from rhocast.structures import Structure


@pytest.fixture
def known(root):
    """Return a crystal with 4×4×4 k-points shifted by half a step, and with Γ-centred 6×6×6."""
    folder = root / "data/kpoints"
    half, gamma = (
        read_snapshot(folder / f"{kind}/al4/600K/0.h5") for kind in ("half-4", "gamma-6")
    )
    return half, gamma


def misplaced(one, other):
    return np.abs(one.density - other.density).sum() / other.density.sum()


@pytest.mark.abinit
def test_a_difference_at_a_low_cutoff_corrects_a_density_at_a_high_one(
    settings, pseudopotentials, aluminium, tmp_path
):
    def compute(cutoff_ha, kpoint_spacing_per_bohr):
        return compute_snapshot(
            make_engine(resolve_engine("abinit")),
            aluminium,
            settings(
                cutoff_ha=cutoff_ha,
                mesh_spacing_bohr=0.5,
                kpoint_spacing_per_bohr=kpoint_spacing_per_bohr,
            ),
            pseudopotentials,
            temperature_K=500.0,
            launcher=Launcher(),
            workdir=tmp_path / "work",
        )

    few, more = 0.28, 0.21  # 3×3×3 and 4×4×4
    coarse, exact = compute(12.0, few), compute(12.0, more)
    corrected = correct_kpoints(coarse, compute(7.0, more), compute(7.0, few))
    assert misplaced(coarse, exact) > 5e-3
    assert misplaced(corrected, exact) < 0.1 * misplaced(coarse, exact)
    before = abs(coarse.energy_ha - exact.energy_ha)
    assert abs(corrected.energy_ha - exact.energy_ha) < 0.2 * before
    assert (
        np.abs(corrected.forces - exact.forces).max()
        < 0.1 * np.abs(coarse.forces - exact.forces).max()
    )
    assert corrected.kpoints == "4 4 4 shift 0 0 0"


def test_the_finer_density_comes_out_where_all_else_is_alike(known):
    half, gamma = known
    corrected = correct_kpoints(half, gamma, half)
    assert misplaced(corrected, gamma) < 1e-6
    assert misplaced(half, gamma) > 5e-3
    assert corrected.electron_count == pytest.approx(12.0, rel=1e-6)
    kept = json.loads(corrected.record["kpoint_correction"])
    assert kept["plus"]["kpoints"] == corrected.kpoints == "6 6 6 shift 0 0 0"
    assert kept["minus"]["kpoints"] == half.kpoints


def test_negative_values_are_set_to_zero_and_electrons_kept(known):
    half, gamma = known
    higher = replace(half, density=half.density + 2.0 * gamma.density * (gamma.density < 0.005))
    corrected = correct_kpoints(replace(half, density=gamma.density), half, higher)
    assert corrected.density.min() == 0.0
    assert corrected.electron_count == pytest.approx(12.0, rel=1e-6)


def test_the_command_writes_a_sound_snapshot(known, tmp_path, root, capsys):
    half, gamma = known
    runs = {"wall_time_s": 36.0, "ranks": 1, "threads": 1}
    for name, one in (("half", half), ("gamma", gamma)):
        write_snapshot(tmp_path / f"{name}.h5", replace(one, record=one.record | runs))
    files = [str(tmp_path / name) for name in ("half.h5", "gamma.h5", "corrected.h5")]
    label, finer, output = files
    arguments = [
        "dataset",
        "correct-kpoints",
        label,
        "--plus",
        finer,
        "--minus",
        label,
        "-o",
        output,
    ]
    assert main(arguments) == 0
    assert "6 6 6 shift 0 0 0 instead of 4 4 4 shift 0.5 0.5 0.5" in capsys.readouterr().err
    entries, faults = check_files([output])
    assert not faults
    assert entries[0].core_hours == pytest.approx(0.03)
    assert entries[0].kpoint_setting == "6 6 6 shift 0 0 0"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cutoff_ha": 5.0}, "cutoff_ha is 5.0, expected 8.0"),
        ({"psp8_Al_sha256": "0"}, "psp8_Al_sha256 is 0"),
        ({"kpoint_correction": "{}"}, "has been corrected before"),
    ],
)
def test_other_differences_than_the_k_points_are_refused(known, changes, message):
    half, gamma = known
    with pytest.raises(FileFormatError, match=message):
        correct_kpoints(half, gamma, replace(half, record=half.record | changes))


def test_other_k_points_than_those_of_the_snapshot_are_refused(known):
    half, gamma = known
    with pytest.raises(FileFormatError, match=r"expected 4 4 4 shift 0\.5 0\.5 0\.5, those of"):
        correct_kpoints(half, half, gamma)


def test_other_atoms_and_rejected_densities_are_refused(known):
    half, gamma = known
    own = half.structure
    moved = Structure(own.positions + np.array([0.1, 0, 0]), own.cell, own.numbers)
    with pytest.raises(StructureError, match="in other places"):
        correct_kpoints(half, replace(gamma, structure=moved), half)
    with pytest.raises(FileFormatError, match=r"rejected \(not converged\)"):
        correct_kpoints(half, replace(gamma, status="rejected", reason="not converged"), half)
