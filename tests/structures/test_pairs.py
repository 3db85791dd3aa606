"""Closest pairs: the same by all distances as by a tree."""

import numpy as np
import pytest

from rhocast.structures import Structure, pairs
from rhocast.structures.pairs import closest_pairs

CELL = np.array([[9.0, 0.0, 0.0], [3.0, 8.0, 0.0], [-2.0, 1.0, 10.0]])


@pytest.mark.parametrize("cutoff_bohr", [2.0, 6.0, 13.0])
def test_a_tree_finds_the_same_as_all_distances(cutoff_bohr, monkeypatch):
    rng = np.random.default_rng(0)
    structure = Structure(2.0 * rng.random((9, 3)) @ CELL, CELL, np.array([14, 32, 13] * 3))
    few = closest_pairs(structure, cutoff_bohr)
    monkeypatch.setattr(pairs, "_FEW_PAIRS", 0)
    many = closest_pairs(structure, cutoff_bohr)
    assert few.keys() == many.keys()
    for name, (distance, atoms) in few.items():
        assert many[name][0] == pytest.approx(distance, abs=1e-12)
        assert many[name][1] == atoms
