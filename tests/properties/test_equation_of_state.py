"""Fits of energies over volumes, and the fixed basis that they need; with ABINIT itself too."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from rhocast.cli.main import main
from rhocast.engines import Launcher, make_engine, resolve_engine
from rhocast.engines.calculation import Calculation
from rhocast.errors import EngineError
from rhocast.inference import Predictor
from rhocast.properties import VolumeEnergies, volume_energies
from rhocast.properties.birch_murnaghan import fit
from rhocast.properties.equation_of_state import fixed_basis, strained
from rhocast.structures import Structure
from rhocast.units import GPA_PER_ATOMIC_PRESSURE

VOLUMES = np.linspace(100.0, 125.0, 7)


@pytest.fixture
def one_atom():
    cell = 3.8 * np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    return Structure(np.zeros((1, 3)), cell, [13])


def birch_murnaghan(volume, modulus, derivative, equilibrium):
    """Energy of the third-order equation, as its authors write it (Phys. Rev. 71, 809, 1947)."""
    x = (equilibrium / volume) ** (2.0 / 3.0)
    bracket = derivative * (x - 1.0) ** 3 + (x - 1.0) ** 2 * (6.0 - 4.0 * x)
    return -2.0 + 9.0 * equilibrium * modulus / 16.0 * bracket


def test_the_fit_finds_the_parameters_of_its_own_curve():
    modulus = 77.4 / GPA_PER_ATOMIC_PRESSURE
    found = fit(VOLUMES, birch_murnaghan(VOLUMES, modulus, 4.6, 111.0), 111.0 / 1.01**3)
    assert np.isclose(found.volume_bohr3_per_atom, 111.0, rtol=1e-6)
    assert np.isclose(found.length_factor, 1.01, rtol=1e-6)
    assert np.isclose(found.bulk_modulus_gpa, 77.4, rtol=1e-4)
    assert np.isclose(found.energy_ha_per_atom, -2.0, atol=1e-9)
    assert found.volume_error < 1e-3
    assert found.bulk_modulus_error < 1e-2


def test_the_uncertainty_is_that_of_many_noisy_curves():
    """Jackknife errors are about the spread of fits to energies with independent noise."""
    modulus = 77.4 / GPA_PER_ATOMIC_PRESSURE
    volumes = np.linspace(95.0, 130.0, 21)
    curve = birch_murnaghan(volumes, modulus, 4.6, 111.0)
    rng = np.random.default_rng(5)
    fits = [fit(volumes, curve + 1e-5 * rng.standard_normal(21), 111.0) for _ in range(60)]
    for value, error in (("volume_bohr3_per_atom", "volume_error"),
                         ("bulk_modulus_gpa", "bulk_modulus_error")):  # fmt: skip
        spread = np.std([getattr(found, value) for found in fits])
        told = np.median([getattr(found, error) for found in fits])
        assert 0.6 < told / spread < 1.6, value


def test_error_bars_are_those_of_the_curve_of_each_sample():
    """Energies of samples that lie on curves of their own: their parameters are told exactly."""
    modulus = 77.4 / GPA_PER_ATOMIC_PRESSURE
    predicted = birch_murnaghan(VOLUMES, modulus, 4.6, 111.0)
    found = VolumeEnergies(
        "Al", 1, np.cbrt(VOLUMES / 110.0) - 1.0, VOLUMES, predicted, None,
        np.array([birch_murnaghan(VOLUMES, m * modulus, 4.6, v)
                  for m, v in ((1.0, 110.7), (1.1, 111.0), (1.2, 111.9))]),
    ).fitted().samples  # fmt: skip
    assert found.number == 3
    assert np.isclose(found.volume_mean, 0.2, rtol=1e-3)
    assert np.isclose(found.volume_std, np.std([110.7, 111.0, 111.9], ddof=1), rtol=1e-3)
    constants = np.cbrt(np.array([110.7, 111.0, 111.9]) / 110.0)
    assert np.isclose(found.length_factor_std, constants.std(ddof=1), rtol=1e-3)
    assert np.isclose(found.bulk_modulus_mean, 7.74, rtol=1e-3)
    assert np.isclose(found.bulk_modulus_std, 7.74, rtol=1e-3)


def test_energies_without_a_minimum_are_refused():
    rising = birch_murnaghan(VOLUMES, 77.4 / GPA_PER_ATOMIC_PRESSURE, 4.6, 95.0)
    with pytest.raises(EngineError, match=r"the minimum, 95\.0.* lies outside the volumes"):
        fit(VOLUMES, rising, 100.0)


@pytest.mark.parametrize("repeat", [1, 2])
def test_all_volumes_have_the_same_kpoints_and_mesh(one_atom, settings, pseudopotentials, repeat):
    cell = replace(one_atom, cell=repeat * one_atom.cell)
    cells = [strained(cell, strain) for strain in (-0.25, -0.1, -0.03, 0.0, 0.01, 0.2)]
    dft = settings(kpoint_spacing_per_bohr=0.23, mesh_spacing_bohr=0.37)
    plans = [
        Calculation.plan(cell, own, pseudopotentials)
        for cell, own in zip(cells, fixed_basis(dft, cells), strict=True)
    ]
    assert len({(plan.kpoints, plan.mesh.shape, plan.dft.abinit["ngfft"]) for plan in plans}) == 1
    usual = Calculation.plan(cells[-1], dft, pseudopotentials)
    assert plans[0].mesh.shape == usual.mesh.shape
    assert plans[0].kpoints == usual.kpoints


@pytest.mark.abinit
def test_the_shipped_model_has_the_lattice_constant_and_bulk_modulus_of_dft(
    one_atom, settings, pseudopotentials, tmp_path
):
    dft = settings(
        cutoff_ha=9.0, kpoint_spacing_per_bohr=0.33, kpoint_shift="half", scf_tolerance=1e-8
    )
    found = volume_energies(
        Predictor.load("al"),
        one_atom,
        (-0.03, -0.015, 0.0, 0.015, 0.03),
        make_engine(resolve_engine("abinit")),
        dft,
        pseudopotentials,
        launcher=Launcher(),
        workdir=tmp_path,
        samples=2,
    ).fitted()
    # The error bar is of the size of the error, and samples differ.
    sampled = found.samples_ha_per_atom - found.predicted_ha_per_atom
    assert sampled.shape == (2, 5)
    assert 0.0 < np.abs(sampled).max() < 2e-4
    assert 0.0 < 7.6 * found.samples.length_factor_std < 0.02
    predicted, computed = found.predicted, found.dft
    assert computed is not None
    np.testing.assert_allclose(found.predicted_ha_per_atom, found.dft_ha_per_atom, atol=1e-4)
    shift = predicted.length_factor - computed.length_factor
    assert abs(shift) * 7.6 < 0.004  # Bohr; k-points are coarse here
    assert np.isclose(predicted.bulk_modulus_gpa, computed.bulk_modulus_gpa, rtol=0.006)
    assert 60.0 < computed.bulk_modulus_gpa < 95.0


@pytest.mark.abinit
def test_energies_without_a_minimum_are_kept(one_atom, settings, tmp_path, capsys):
    one_atom.to_ase().write(tmp_path / "al.extxyz")
    table = tmp_path / "eos.tsv"
    sections = {
        "dft": settings(engine="abinit").model_dump(mode="json", exclude_unset=True),
        "material": {"pseudopotentials": {"Al": "spms"}},
    }
    words = ["eos", "al", str(tmp_path / "al.extxyz"), "-o", str(table), "--without-dft"]
    words += ["--settings", json.dumps(sections), "--samples", "2"]
    assert main([*words, "--strains", "0.04", "0.05", "0.06", "0.07", "0.08"]) == 5
    told = capsys.readouterr().err
    assert "lies outside the volumes" in told
    assert f"the energies are kept in {table}" in told
    with table.open() as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert [row["strain"] for row in rows] == ["0.04", "0.05", "0.06", "0.07", "0.08"]
    energies = [float(row["predicted_ha_per_atom"]) for row in rows]
    assert energies == sorted(energies)
    assert {"sample_0_ha_per_atom", "sample_1_ha_per_atom"} < rows[0].keys()
    # What a cell has to do with the training range is told once, not for each sample again.
    assert told.count("of the points lie outside the model's training range") == 5
