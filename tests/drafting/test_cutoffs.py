"""The cutoff that free atoms need, held to densities whose plane waves are known."""

import numpy as np
import pytest

from rhocast.drafting.cutoffs import misplaced_share, sufficient_cutoff_ha
from rhocast.engines import resolve_pseudopotentials
from rhocast.engines.psp8 import valence_density

RADII = np.linspace(0.0, 6.0, 601)
CUTOFFS = np.arange(5, 80, 5)


def gaussian(width):
    return np.exp(-((RADII / width) ** 2)) / (np.pi**1.5 * width**3)


def test_half_the_width_needs_four_times_the_cutoff():
    wide = misplaced_share(RADII, gaussian(1.0), np.array([4.0, 8.0]))
    narrow = misplaced_share(RADII, gaussian(0.5), np.array([16.0, 32.0]))
    assert narrow == pytest.approx(wide, rel=0.1)
    assert wide[0] > 10.0 * wide[1]


def test_a_finer_cutoff_misplaces_less():
    shares = misplaced_share(RADII, gaussian(0.4), CUTOFFS)
    assert (np.diff(shares) < 0.0).all()
    assert shares[-1] < 1e-3


@pytest.mark.parametrize(("element", "valence"), [("F", 7.0), ("C", 4.0), ("Si", 4.0)])
def test_a_file_holds_the_density_of_its_valence_electrons(element, valence):
    file = resolve_pseudopotentials({element: "spms"})[element]
    radii, density = valence_density(file)
    # The tails beyond the end of the file are missing.
    assert 4 * np.pi * np.trapezoid(density * radii**2, radii) == pytest.approx(valence, rel=0.02)


def test_an_element_with_few_electrons_matters_less():
    files = resolve_pseudopotentials({"Li": "spms", "F": "spms"})
    found = [sufficient_cutoff_ha(files, {"Li": n, "F": 1}, 5e-3) for n in (1, 3, 9)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]
