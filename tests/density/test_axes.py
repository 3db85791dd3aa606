"""A density that does not lie about its atoms is told."""

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from rhocast.density import read_snapshot
from rhocast.density.axes import misplaced

ROOT = Path(__file__).parents[2]
PATHS = [
    *sorted(ROOT.glob("tests/data/densities/**/*.h5")),
    *sorted(ROOT.glob("data/al*/*/*/0.h5")),
]


@pytest.fixture(scope="module")
def snapshots():
    return [read_snapshot(path) for path in PATHS]


def test_reference_densities_lie_about_their_atoms(snapshots):
    assert len(snapshots) > 20
    assert [snapshot.source for snapshot in snapshots if misplaced(snapshot)] == []


def test_exchanged_axes_are_told(snapshots):
    for snapshot in snapshots:
        for order in list(permutations(range(3)))[1:]:
            turned = replace(
                snapshot, density=np.ascontiguousarray(snapshot.density.transpose(order))
            )
            back = "".join("xyz"[axis] for axis in np.argsort(order))
            assert f"taken as {back}" in misplaced(turned), (snapshot.source, order)


def test_fractional_positions_and_other_atoms_are_told(snapshots):
    """Not of the slab: with one atom in each of its layers, other atoms can fit it as well."""
    rng = np.random.default_rng(0)
    bulk = [s for s, path in zip(snapshots, PATHS, strict=True) if "slab" not in str(path)]
    for snapshot in bulk[-6:]:
        atoms = snapshot.structure
        for positions in (atoms.fractional, rng.random((len(atoms), 3)) @ atoms.cell):
            wrong = replace(snapshot, structure=replace(atoms, positions=positions))
            assert misplaced(wrong)
