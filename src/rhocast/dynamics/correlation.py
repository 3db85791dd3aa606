"""How long atoms in motion remember where and how fast they were, and what that does to means."""

import math
from dataclasses import dataclass

import numpy as np

from rhocast.dynamics.trajectory import Trajectory, masses

#: A correlation that stays below this is forgotten.
FORGOTTEN = 1.0 / math.e
#: A memory is believed if the run is so many times as long: the mean over a shorter one moves with
#: the atoms, so that they seem to forget.
RUN_PER_MEMORY = 8
#: Waves of the density that are followed: the longest, which are the slowest.
MAX_WAVES = 200
#: Width of the Gaussian that stands for an atom's density, Bohr: about that of valence electrons.
ATOM_WIDTH_BOHR = 1.0


@dataclass(frozen=True)
class Memory:
    """Autocorrelation of a run after its equilibration.

    Attributes
    ----------
    lags_fs : (l,) array
        Distances of time, fs.
    velocity, density : (l,) arrays
        Autocorrelation of velocities and of the density of superposed atoms; 1 at lag 0.
    velocity_fs, density_fs
        Time after which it stays below 1/e; infinite where the run is too short to tell.
    """

    lags_fs: np.ndarray
    velocity: np.ndarray
    density: np.ndarray
    velocity_fs: float
    density_fs: float

    @property
    def longest_fs(self) -> float:
        """Time after which both are forgotten, fs."""
        return max(self.velocity_fs, self.density_fs)

    def against(self, spacing_fs: float) -> str:
        """Say what is wrong with frames that are closer in time than this."""
        known = math.isfinite(self.longest_fs)
        found = f"{self.longest_fs:.0f} fs" if known else "a time that the run is too short to tell"
        return (
            f"frames {spacing_fs:.0f} fs apart, but velocities or density remember each other for "
            f"{found}"
        )

    @classmethod
    def of(cls, trajectory: Trajectory, first_step: int) -> "Memory":
        """Measure the memory of a run from a step on."""
        velocity = velocity_correlation(trajectory, first_step)
        density = density_correlation(trajectory, first_step)
        samples = len(trajectory) - first_step
        step_fs = trajectory.timestep_fs
        return cls(
            lags_fs=np.arange(len(velocity)) * step_fs,
            velocity=velocity,
            density=density,
            velocity_fs=forgotten_after(velocity, samples) * step_fs,
            density_fs=forgotten_after(density, samples) * step_fs,
        )


def told_memory(forgotten_fs: float) -> str:
    """Say in words after what time something is forgotten, fs; infinite: the run does not tell."""
    return f"{forgotten_fs:.0f} fs" if math.isfinite(forgotten_fs) else "not resolved by this run"


def velocity_correlation(trajectory: Trajectory, first_step: int) -> np.ndarray:
    """Autocorrelation of the velocities, weighted by mass, at lags up to half the run."""
    weights = np.sqrt(masses(trajectory.numbers))[:, None]
    samples = weights * trajectory.velocities[first_step:]
    return autocorrelation(samples.reshape(len(samples), -1))


def density_correlation(trajectory: Trajectory, first_step: int) -> np.ndarray:
    """Autocorrelation of the superposed atoms' density about its mean, at lags up to half the run.

    The integral of ρ(r, t) ρ(r, t + τ) over the cell is a sum over plane waves (Parseval), of which
    the `MAX_WAVES` longest are taken; each atom is a Gaussian of `ATOM_WIDTH_BOHR`.
    """
    fractional = trajectory.positions[first_step:] @ np.linalg.inv(trajectory.cell)
    waves = longest_waves(trajectory.cell, MAX_WAVES)
    lengths = np.linalg.norm(waves @ (2.0 * np.pi * np.linalg.inv(trajectory.cell).T), axis=1)
    atom = np.exp(-0.5 * (lengths * ATOM_WIDTH_BOHR) ** 2)
    amplitudes = np.array(
        [atom * np.exp(-2j * np.pi * (waves @ step.T)).sum(axis=1) for step in fractional]
    )
    amplitudes -= amplitudes.mean(axis=0)
    return autocorrelation(np.concatenate([amplitudes.real, amplitudes.imag], axis=1))


def longest_waves(cell: np.ndarray, count: int) -> np.ndarray:
    """Return the integer indices (w, 3) of the longest waves that fit a cell, one of each ±G."""
    reach = np.arange(-6, 7)
    indices = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), axis=-1).reshape(-1, 3)
    half = indices[len(indices) // 2 + 1 :]  # what comes before is the negative of these
    lengths = np.linalg.norm(half @ np.linalg.inv(cell).T, axis=1)
    return half[np.argsort(lengths, kind="stable")[:count]]


def autocorrelation(samples: np.ndarray) -> np.ndarray:
    """Return the autocorrelation of samples (s, d), summed over d, at lags 0 to s/2; 1 at lag 0."""
    n = len(samples)
    spectrum = np.abs(np.fft.rfft(samples, 2 * n, axis=0)) ** 2
    products = np.fft.irfft(spectrum.sum(axis=1))[: n // 2 + 1]
    means = products / (n - np.arange(len(products)))
    return means / means[0] if means[0] > 0.0 else np.ones(len(means))


def forgotten_after(correlation: np.ndarray, samples: int) -> float:
    """Return the lag, in steps, from which a correlation stays below 1/e.

    Infinite if it does not, or if the ``samples`` are too few to believe it.
    """
    after = int(np.flatnonzero(np.abs(correlation) >= FORGOTTEN)[-1]) + 1
    return float(after) if after * RUN_PER_MEMORY <= samples else math.inf


def standard_error(values: np.ndarray) -> float:
    """Return the standard error of the mean of correlated values (s,).

    The variance over s counts 1 + 2 Σ C(τ) (1 - τ/s) times, summed until C first falls to zero.
    """
    n = len(values)
    if n < 2 or np.ptp(values) == 0.0:
        return 0.0
    correlation = autocorrelation((values - values.mean())[:, None])
    negative = np.flatnonzero(correlation <= 0.0)
    end = int(negative[0]) if len(negative) else len(correlation)
    lags = np.arange(1, end)
    inefficiency = 1.0 + 2.0 * float(np.sum(correlation[1:end] * (1.0 - lags / n)))
    return float(np.sqrt(values.var() * inefficiency / n))
