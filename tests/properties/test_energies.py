"""Energies at predicted densities, with ABINIT itself."""

import csv

import numpy as np
import pytest

from rhocast.density import read_snapshot, write_snapshot
from rhocast.engines import Launcher, compute_snapshot, make_engine, resolve_engine
from rhocast.inference import Predictor
from rhocast.properties import compare_energies, read_energies, write_energies
from rhocast.properties.energies import summary

pytestmark = pytest.mark.abinit


@pytest.fixture(scope="module")
def snapshot_file(aluminium, settings, pseudopotentials, tmp_path_factory):
    folder = tmp_path_factory.mktemp("energies")
    snapshot = compute_snapshot(
        make_engine(resolve_engine("abinit")),
        aluminium,
        dense(settings),
        pseudopotentials,
        temperature_K=300.0,
        launcher=Launcher(),
        workdir=folder / "work",
    )
    assert snapshot.accepted, snapshot.reason
    write_snapshot(folder / "al4.h5", snapshot)
    return folder / "al4.h5"


def dense(settings):
    """Return settings with k-points that the shipped model's density is nearly converged to."""
    return settings(
        cutoff_ha=9.0, kpoint_spacing_per_bohr=0.28, kpoint_shift="half", scf_tolerance=1e-8
    )


def test_the_energy_at_the_predicted_density_is_nearly_dfts(
    snapshot_file, settings, pseudopotentials, tmp_path
):
    found = compare_energies(
        Predictor.load("al").model,
        [snapshot_file],
        make_engine(resolve_engine("abinit")),
        dense(settings),
        pseudopotentials,
        launcher=Launcher(),
        workdir=tmp_path / "work",
        samples=2,
    )
    only = found[0]
    stored = read_snapshot(snapshot_file)
    assert np.isclose(only.energy_dft_ha_per_atom, stored.energy_ha / 4, atol=2e-6)
    assert 0.0 < only.density_error < 0.03
    assert abs(only.energy_error_ha_per_atom) < 2e-4
    # Errors of the parts are of first order in that of the density, the energy's of second.
    assert abs(only.hartree_error_ha_per_atom) > abs(only.energy_error_ha_per_atom)
    assert summary(found)["max_energy_error_ha_per_atom"] == abs(only.energy_error_ha_per_atom)
    # The error bar is of its order: energies at samples differ by as little.
    assert 0.0 < only.samples_std_ha_per_atom < 2e-4
    assert abs(only.samples_mean_ha_per_atom) < 2e-4
    assert {"median_samples_mean_mev_per_atom", "median_samples_std_mev_per_atom"} < summary(
        found
    ).keys()
    write_energies(tmp_path / "energies.tsv", found)
    assert read_energies([tmp_path / "energies.tsv"]) == found
    with (tmp_path / "energies.tsv").open() as stream:
        (row,) = csv.DictReader(stream, delimiter="\t")
    assert row["system"] == "Al4"
    assert float(row["energy_error_ha_per_atom"]) == only.energy_error_ha_per_atom
