"""The error bars of volume and bulk modulus, from fits to energies at samples of the field."""

from dataclasses import dataclass

import numpy as np

from rhocast.properties.birch_murnaghan import Fit, minimum
from rhocast.units import GPA_PER_ATOMIC_PRESSURE


@dataclass(frozen=True)
class FitSamples:
    """How curves through energies at samples of the field differ from the one at the predictions.

    A sample is one draw of a function of the surroundings of a point, the same at all volumes, so
    its energies make one curve. Small differences between curves are linear in those between
    energies; means and standard deviations therefore mean what they mean for energies
    (`rhocast.properties.energy_samples.EnergySamples`; method.md, Eq. 44): the error to expect of
    the value at the predicted densities, and √3 times the standard deviation of that error.

    Attributes
    ----------
    number
        Samples.
    volume_mean, volume_std
        Of the volume of the minimum, Bohr³ per atom.
    length_factor_mean, length_factor_std
        Of the lengths of the minimum over those of the given cell.
    bulk_modulus_mean, bulk_modulus_std
        GPa.
    """

    number: int
    volume_mean: float
    volume_std: float
    length_factor_mean: float
    length_factor_std: float
    bulk_modulus_mean: float
    bulk_modulus_std: float

    @classmethod
    def of(
        cls, volumes: np.ndarray, energies_ha: np.ndarray, predicted: Fit, reference_volume: float
    ) -> "FitSamples":
        """Fit a curve to the energies of each sample.

        Parameters
        ----------
        volumes : (s,) array
            Bohr³ per atom.
        energies_ha : (n, s) array
            Of two samples or more, Ha per atom.
        predicted
            The fit to the energies at the predicted densities.
        reference_volume
            Volume per atom that ``length_factor`` refers to, Bohr³.

        Raises
        ------
        EngineError
            If no curve fits the energies of a sample.
        """
        found = np.array([minimum(volumes, sample) for sample in energies_ha])
        volume, modulus = found[:, 0], found[:, 2] * GPA_PER_ATOMIC_PRESSURE
        return cls(
            len(found),
            *_mean_and_std(volume - predicted.volume_bohr3_per_atom),
            *_mean_and_std(np.cbrt(volume / reference_volume) - predicted.length_factor),
            *_mean_and_std(modulus - predicted.bulk_modulus_gpa),
        )


def _mean_and_std(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1))
