"""Error bars of energies, with ABINIT itself and by arithmetic."""

import numpy as np
import pytest

from rhocast.density import Density
from rhocast.engines import (
    HarrisFoulkes,
    Launcher,
    compute_snapshot,
    harris_foulkes,
    make_engine,
    resolve_engine,
)
from rhocast.errors import ConfigError
from rhocast.properties.energy_samples import EnergySamples


def energy(value):
    return HarrisFoulkes(value, 4, 12.0, 12.0, 1.0, 0.0, 0.0, None, 0.0, 0.0)


def test_mean_and_standard_deviation_are_per_atom():
    found = EnergySamples.of([energy(-8.4), energy(-8.0), energy(-8.2)], energy(-8.0))
    assert found.mean_ha_per_atom == pytest.approx(-0.05)
    assert found.std_ha_per_atom == pytest.approx(0.05)
    assert found.figures["samples_mean_mev_per_atom"] == pytest.approx(-0.05 * 27211.386, rel=1e-6)


def test_one_sample_has_no_standard_deviation():
    with pytest.raises(ConfigError, match="expected at least 2 for a standard deviation, found 1"):
        EnergySamples.of([energy(-8.0)], energy(-8.0))


@pytest.mark.abinit
def test_at_the_self_consistent_density_both_are_of_second_order(
    silicon, settings, pseudopotentials, tmp_path
):
    """Half the deviation gives a quarter of the mean; deviations of both signs nearly agree."""
    engine, dft = make_engine(resolve_engine("abinit")), settings(scf_tolerance=1e-10)
    common = {"launcher": Launcher(), "workdir": tmp_path / "work"}
    exact = compute_snapshot(engine, silicon, dft, pseudopotentials, temperature_K=300.0, **common)
    x, y, _ = np.meshgrid(*(np.arange(n) / n for n in exact.density.shape), indexing="ij")
    wave = 0.05 * exact.density * np.cos(2.0 * np.pi * (x - y))

    def energies(*shares):
        return [
            harris_foulkes(
                engine, silicon, Density(silicon, exact.density + share * wave), dft,
                pseudopotentials, **common,
            )
            for share in shares
        ]  # fmt: skip

    (stationary,) = energies(0.0)
    whole = EnergySamples.of(energies(1.0, -1.0), stationary)
    half = EnergySamples.of(energies(0.5, -0.5), stationary)
    assert abs(whole.mean_ha_per_atom) > 1e-5
    assert whole.mean_ha_per_atom == pytest.approx(4.0 * half.mean_ha_per_atom, rel=0.1)
    assert whole.std_ha_per_atom < 0.2 * abs(whole.mean_ha_per_atom)
