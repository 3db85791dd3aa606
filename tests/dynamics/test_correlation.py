import math
from dataclasses import replace

import numpy as np
import pytest

from rhocast.dynamics.correlation import (
    Memory,
    autocorrelation,
    density_correlation,
    forgotten_after,
    longest_waves,
    standard_error,
)
from rhocast.dynamics.trajectory import Trajectory, masses


def fading(n, decay, columns=1, seed=0):
    """Noise of unit variance whose autocorrelation is decay to the power of the lag."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, columns))
    for i in range(1, n):
        values[i] = decay * values[i - 1] + math.sqrt(1.0 - decay**2) * values[i]
    return values


@pytest.fixture
def shaken(aluminium):
    """Atoms whose displacements and velocities fade independently: 10 and 5 steps to 1/e."""
    n, atoms = 3000, len(aluminium)
    moves = fading(n, math.exp(-1 / 10), 3 * atoms, seed=1).reshape(n, atoms, 3)
    speeds = fading(n, math.exp(-1 / 5), 3 * atoms, seed=2).reshape(n, atoms, 3)
    return Trajectory(
        cell=aluminium.cell,
        numbers=aluminium.numbers,
        times_fs=2.0 * np.arange(n),
        positions=aluminium.positions + 0.1 * moves,
        velocities=1e-4 * speeds / np.sqrt(masses(aluminium.numbers))[:, None],
        potential_energies_ha=np.zeros(n),
        conserved_ha=np.zeros(n),
        target_K=300.0,
    )


def test_autocorrelation_is_the_sum_of_products():
    samples = fading(41, 0.5, 3)
    found = autocorrelation(samples)
    for lag in (0, 1, 7, 20):
        expected = np.sum(samples[lag:] * samples[: 41 - lag]) / (41 - lag)
        assert np.isclose(found[lag], expected / np.mean(np.sum(samples**2, axis=1)))
    assert len(found) == 21


def test_memory_is_what_was_put_in(shaken):
    memory = Memory.of(shaken, 100)
    assert memory.velocity_fs == pytest.approx(10.0, abs=2.0)
    assert memory.density_fs == pytest.approx(20.0, abs=4.0)
    assert memory.longest_fs == memory.density_fs


def test_equilibration_does_not_count(shaken):
    positions = shaken.positions.copy()
    positions[:100] += np.linspace(8.0, 0.0, 100)[:, None, None] * [1.0, 0.3, 0.0]
    disturbed = Memory.of(replace(shaken, positions=positions), 100)
    np.testing.assert_allclose(disturbed.density, Memory.of(shaken, 100).density)


def test_density_is_the_same_for_images_of_the_atoms(shaken):
    moved = replace(shaken, positions=shaken.positions + shaken.cell[0] - 2.0 * shaken.cell[2])
    found = density_correlation(moved, 0)
    np.testing.assert_allclose(found, density_correlation(shaken, 0), atol=1e-9)


def test_too_short_a_run_tells_nothing(shaken):
    assert math.isinf(Memory.of(shaken, len(shaken) - 30).density_fs)


def test_swings_that_never_fade_are_never_forgotten(trajectory):
    """They pass through zero a quarter of a period on, and come back."""
    assert math.isinf(Memory.of(trajectory, 0).velocity_fs)


def test_forgotten_means_for_good():
    correlation = np.concatenate([[1.0, 0.2, -0.5, 0.1], np.zeros(60)])
    assert forgotten_after(correlation, samples=24) == 3.0
    assert math.isinf(forgotten_after(correlation, samples=23))


def test_waves_are_the_longest_and_none_is_another_backwards(aluminium):
    waves = longest_waves(aluminium.cell, 13)
    assert {tuple(wave) for wave in waves} == {tuple(w) for w in waves if tuple(w) > (0, 0, 0)}
    lengths = np.linalg.norm(waves, axis=1)
    np.testing.assert_allclose(lengths, np.sqrt([1] * 3 + [2] * 6 + [3] * 4))


def test_standard_error_knows_of_the_memory():
    """The scatter of the means of 200 runs is what one run says of itself."""
    runs = [fading(400, 0.8, seed=seed)[:, 0] for seed in range(200)]
    scatter = np.std([run.mean() for run in runs])
    assert np.mean([standard_error(run) for run in runs]) == pytest.approx(scatter, rel=0.2)
    assert np.std(runs[0]) / math.sqrt(400) < 0.5 * scatter


def test_standard_error_of_a_constant():
    assert standard_error(np.full(10, 300.0)) == 0.0
