from dataclasses import replace

import numpy as np
import pytest

from rhocast.engines.calculation import Calculation
from rhocast.engines.engine import SinglePoint
from rhocast.engines.gates import bands_fault, faults, temperature_fault


@pytest.fixture
def calculation(silicon, settings, pseudopotentials):
    return Calculation.plan(silicon, settings(), pseudopotentials)


@pytest.fixture
def sound(calculation):
    density = np.full(calculation.mesh.shape, 8.0 / calculation.structure.volume)
    return SinglePoint(density, np.zeros((2, 3)), -8.0, True, 9, 1e-9, 1e-6)


def test_sound_point_passes(sound, calculation):
    assert faults(sound, calculation) == []


def test_each_fault_is_found_and_told(sound, calculation):
    broken = sound.density.copy()
    broken[0, 0, 0] = np.nan
    dipped = sound.density.copy()
    dipped[0] -= 4.0 * dipped.mean()
    dipped[1] += 4.0 * sound.density.mean()
    cases = {
        "not converged after 9": replace(sound, converged=False),
        "density holds NaN": replace(sound, density=broken),
        "forces hold NaN": replace(sound, forces=np.full((2, 3), np.nan)),
        "energy is inf": replace(sound, energy_ha=np.inf),
        "integrates to 8.0008": replace(sound, density=sound.density * 1.0001),
        "negative density": replace(sound, density=dipped),
        "highest band is occupied to 0.2": replace(sound, highest_occupation=0.2),
        "highest band is occupied to nan": replace(sound, highest_occupation=np.nan),
    }
    for expected, point in cases.items():
        (told,) = faults(point, calculation)
        assert expected in told


def test_all_faults_are_told_at_once(sound, calculation):
    point = replace(sound, converged=False, forces=np.full((2, 3), np.inf))
    assert len(faults(point, calculation)) == 2


def test_what_sets_the_bands_is_told():
    assert bands_fault(1e-3) == ""
    assert "set more bands by --empty-bands, or" in bands_fault(1.1e-3, "--empty-bands")
    assert "set more bands by dft.abinit.nband" in bands_fault(np.nan)


def test_temperature_of_a_frame_may_fluctuate_as_the_canonical_ensemble_does():
    """3n - 3 = 93 degrees of freedom spread by sqrt(2/93) = 15 % of the temperature."""
    assert temperature_fault(None, 600.0, 32) == ""
    assert temperature_fault(600.0 * (1.0 + 4.9 * np.sqrt(2.0 / 93.0)), 600.0, 32) == ""
    assert "1200 K, expected 600 K within 440 K" in temperature_fault(1200.0, 600.0, 32)
    assert "100 K, expected 600 K" in temperature_fault(100.0, 600.0, 32)
    assert "nan" in temperature_fault(np.nan, 600.0, 32)
