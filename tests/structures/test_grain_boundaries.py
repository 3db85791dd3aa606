import numpy as np
import pytest

from rhocast.errors import StructureError
from rhocast.structures import Structure
from rhocast.structures.grain_boundaries import (
    CLOSEST_SHARE,
    misorientation_degree,
    tilt_boundaries,
)
from rhocast.structures.lattices import NEIGHBOUR_DISTANCE, oriented_cell, repeat

A = 7.6


@pytest.mark.parametrize("lattice", ["fcc", "bcc", "diamond"])
@pytest.mark.parametrize(
    ("plane", "sigma", "angle"),  # angles of the coincidence lattices: any table of them
    [((2, 1, 0), 5, 36.87), ((3, 1, 0), 5, 36.87), ((3, 2, 0), 13, 22.62), ((5, 1, 0), 13, 22.62)],
)
def test_misorientation_and_distances(lattice, plane, sigma, angle):
    cell = tilt_boundaries(lattice, A, plane, (1, 2, 1), "Al")
    assert cell.record["sigma"] == sigma
    assert cell.record["misorientation_degree"] == pytest.approx(angle, abs=0.01)
    closest = CLOSEST_SHARE * NEIGHBOUR_DISTANCE[lattice] * A
    shifted = Structure(cell.positions + 0.4 * cell.cell.sum(axis=0), cell.cell, cell.numbers)
    assert cell.minimum_distance() >= closest
    assert shifted.minimum_distance() == pytest.approx(cell.minimum_distance())
    # Little is taken out: the density of the crystal, but for the boundaries.
    perfect = {"fcc": 4, "bcc": 2, "diamond": 8}[lattice] / A**3
    excess = cell.volume * perfect - len(cell)
    area = cell.cell[0, 0] * cell.cell[2, 2] * 2
    assert -1e-6 < excess / (perfect * area) < 0.3 * A


def test_two_boundaries_are_alike():
    cell = tilt_boundaries("fcc", A, (3, 1, 0), (1, 2, 1), "Al")
    height = cell.fractional[:, 1]
    near = [np.count_nonzero(np.abs((height - y + 0.5) % 1 - 0.5) < 0.12) for y in (0.0, 0.5)]
    assert near[0] == near[1]


def test_a_crystal_has_no_misorientation():
    axes = np.array([[1, -2, 0], [2, 1, 0], [0, 0, 1]])
    crystal = repeat(oriented_cell("fcc", A, axes, "Al"), (1, 4, 1))
    assert misorientation_degree(crystal, A) == pytest.approx(0.0, abs=1e-6)


def test_the_measure_does_not_take_the_angle_for_granted():
    rng = np.random.default_rng(0)
    gas = Structure(rng.random((200, 3)) * 40.0, np.diag([40.0] * 3), [13] * 200)
    assert misorientation_degree(gas, 3.0) != pytest.approx(36.87, abs=0.1)


def test_grains_too_thin_to_be_measured_are_refused(monkeypatch):
    monkeypatch.setattr(
        "rhocast.structures.grain_boundaries.misorientation_degree", lambda *_: np.nan
    )
    with pytest.raises(StructureError, match=r"expected a misorientation of 36\.87°"):
        tilt_boundaries("fcc", A, (2, 1, 0), (1, 2, 1), "Al")
