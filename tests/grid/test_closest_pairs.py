"""Closest pairs: the same by all distances, by a tree, and from one box after the other."""

from itertools import product

import numpy as np
import pytest

from rhocast.grid import closest_pairs as module
from rhocast.grid.closest_pairs import closest_pairs
from rhocast.structures import Structure
from rhocast.structures.pairs import pair_name

CELL = np.array([[9.0, 0.0, 0.0], [3.0, 8.0, 0.0], [-2.0, 1.0, 10.0]])
SYMBOLS = {13: "Al", 14: "Si", 32: "Ge"}


def atoms_anywhere():
    rng = np.random.default_rng(0)
    return Structure(2.0 * rng.random((9, 3)) @ CELL, CELL, np.array([14, 32, 13] * 3))


def shortest_by_hand(structure, cutoff_bohr):
    """All distances over all images that matter, one after the other."""
    found = {}
    shifts = np.array(list(product(range(-4, 5), repeat=3))) @ structure.cell
    for i, j in product(range(len(structure)), repeat=2):
        apart = structure.positions[j] - structure.positions[i] + shifts
        distances = np.linalg.norm(apart, axis=1)
        distance = distances[distances > 1e-6].min()
        name = pair_name(SYMBOLS[structure.numbers[i]], SYMBOLS[structure.numbers[j]])
        if distance <= cutoff_bohr:
            found[name] = min(found.get(name, np.inf), distance)
    return found


@pytest.mark.parametrize("cutoff_bohr", [2.0, 6.0, 13.0])
@pytest.mark.parametrize("few_pairs", [0, module._FEW_PAIRS])
@pytest.mark.parametrize("box_bohr", [3.0, module._BOX_BOHR])
def test_the_closest_atoms_are_found(cutoff_bohr, few_pairs, box_bohr, monkeypatch):
    monkeypatch.setattr(module, "_FEW_PAIRS", few_pairs)
    monkeypatch.setattr(module, "_BOX_BOHR", box_bohr)
    structure = atoms_anywhere()
    found = closest_pairs(structure, cutoff_bohr)
    expected = shortest_by_hand(structure, cutoff_bohr)
    assert {name: distance for name, (distance, _) in found.items()} == pytest.approx(
        expected, abs=1e-9
    )
    for name, (_, (low, high)) in found.items():
        kinds = (SYMBOLS[structure.numbers[atom]] for atom in (low, high))
        assert low <= high
        assert pair_name(*kinds) == name
