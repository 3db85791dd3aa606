"""The error bar of a Harris-Foulkes energy, from samples of the field (method.md, Eq. 44)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rhocast.engines import HarrisFoulkes
from rhocast.errors import ConfigError
from rhocast.units import EV_PER_HARTREE


@dataclass(frozen=True)
class EnergySamples:
    """How energies at samples of the field differ from the energy at the predicted density.

    The functional is stationary at the self-consistent density. Both values are therefore of
    second order in the standard deviation of the density.

    Attributes
    ----------
    mean_ha_per_atom
        Mean difference, Ha per atom: the error to expect of the energy at the predicted density.
    std_ha_per_atom
        Standard deviation of the differences, Ha per atom. The error lies nearer to its
        expectation: for normal errors this is √3 times its standard deviation.
    """

    mean_ha_per_atom: float
    std_ha_per_atom: float

    def __str__(self) -> str:
        """Mean and standard deviation, meV per atom."""
        mean, std = self.figures.values()
        return f"{mean:.3g} ± {std:.2g} meV/atom"

    @property
    def figures(self) -> dict[str, float]:
        """What is told to a person, meV per atom."""
        return {
            "samples_mean_mev_per_atom": 1e3 * EV_PER_HARTREE * self.mean_ha_per_atom,
            "samples_std_mev_per_atom": 1e3 * EV_PER_HARTREE * self.std_ha_per_atom,
        }

    @classmethod
    def of(cls, samples: Sequence[HarrisFoulkes], predicted: HarrisFoulkes) -> "EnergySamples":
        """Compare energies at samples with the energy at the predicted density.

        Parameters
        ----------
        samples
            At two samples or more, with the settings of ``predicted`` and wave functions that
            began alike, so that what is not converged of them cancels.
        predicted
            At the density that they are samples of.

        Raises
        ------
        ConfigError
            If there are fewer than two samples.
        """
        check_number(len(samples))
        energies = np.array([sample.energy_ha for sample in samples]) - predicted.energy_ha
        per_atom = energies / predicted.n_atoms
        return cls(float(per_atom.mean()), float(per_atom.std(ddof=1)))


def check_number(samples: int) -> None:
    """Raise ConfigError if there are too few samples for a standard deviation."""
    if samples < 2:
        raise ConfigError(f"samples: expected at least 2 for a standard deviation, found {samples}")
