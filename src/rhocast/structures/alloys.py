"""Random alloys: elements distributed over sites."""

import logging

import numpy as np
from ase.data import atomic_numbers

log = logging.getLogger(__name__)


def occupy(n_sites: int, composition: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """Distribute elements over sites at random.

    Counts are exact where ``n_sites`` allows it, else the nearest (largest remainders), with a
    warning.

    Returns
    -------
    (n_sites,) int array
        Atomic numbers.
    """
    wanted = np.array(list(composition.values())) * n_sites
    counts = np.floor(wanted + 1e-9).astype(int)
    short = n_sites - counts.sum()
    counts[np.argsort(counts - wanted, kind="stable")[:short]] += 1
    if short:
        log.warning(
            "%d sites cannot hold the composition %s exactly; taken: %s",
            n_sites,
            composition,
            dict(zip(composition, counts.tolist(), strict=True)),
        )
    numbers = np.repeat([atomic_numbers[element] for element in composition], counts)
    return rng.permutation(numbers)
