"""Random alloys: elements distributed over sites."""

import logging
from collections.abc import Mapping

import numpy as np
from ase.data import atomic_numbers

log = logging.getLogger(__name__)


def nearest_counts(n_sites: int, composition: Mapping[str, float]) -> dict[str, int]:
    """Return the atoms of each element: exact where ``n_sites`` allows it, else the nearest.

    The largest remainders are rounded up.
    """
    wanted = np.array(list(composition.values())) * n_sites
    counts = np.floor(wanted + 1e-9).astype(int)
    short = n_sites - counts.sum()
    counts[np.argsort(counts - wanted, kind="stable")[:short]] += 1
    return dict(zip(composition, counts.tolist(), strict=True))


def arrange(counts: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    """Put so many atoms of each element in random order; (n,) atomic numbers."""
    numbers = np.repeat([atomic_numbers[element] for element in counts], list(counts.values()))
    return rng.permutation(numbers)


def occupy(n_sites: int, composition: Mapping[str, float], rng: np.random.Generator) -> np.ndarray:
    """Distribute elements over sites at random, with a warning where shares are not exact.

    Returns
    -------
    (n_sites,) int array
        Atomic numbers.
    """
    counts = nearest_counts(n_sites, composition)
    if any(abs(counts[e] - share * n_sites) > 1e-3 for e, share in composition.items()):
        log.warning(
            "%d sites cannot hold the composition %s exactly; taken: %s",
            n_sites,
            composition,
            counts,
        )
    return arrange(counts, rng)
