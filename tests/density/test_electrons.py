"""The cause of a wrong electron count is told, one made on purpose each."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gaussian_atoms import crystal, on_mesh

from rhocast.density import Density, read_density
from rhocast.density.electrons import (
    explain_electrons,
    find_stride,
    negative_share,
    warn_of_other_electrons,
)
from rhocast.density.quantity import MINUS
from rhocast.units import ANGSTROM_PER_BOHR

__all__ = ["crystal"]

DATA = Path(__file__).parent / "data"
ELECTRONS = 11.0


def stretched(density: Density, factors: tuple[float, float, float]) -> Density:
    cell = density.structure.cell * np.array(factors)[:, None]
    return replace(density, structure=replace(density.structure, cell=cell))


def test_cp2ks_stride_of_an_odd_mesh():
    found = read_density(DATA / "cp2k-odd-mesh-default-stride.cube.gz")
    assert "STRIDE 1" in explain_electrons(found, 12.0)


@pytest.mark.parametrize(("stride", "shape"), [(2, (33, 32, 34)), (3, (40, 42, 44))])
def test_a_stride_that_does_not_divide_the_points(crystal, stride, shape):
    full = on_mesh(crystal, shape)
    kept = full[::stride, ::stride, ::stride]
    factors = tuple(len(range(0, n, stride)) * stride / n for n in shape)
    strided = stretched(Density(crystal, kept), factors)
    assert f"one point in {stride} only" in find_stride(strided, ELECTRONS)
    assert not find_stride(Density(crystal, full), 10.0)


def test_steps_of_the_cell_over_n_minus_1(crystal):
    density = Density(crystal, on_mesh(crystal, (13, 14, 15)))
    wrong = stretched(density, (13 / 12, 1.0, 15 / 14))
    assert "steps along x, z are the cell's length over N − 1" in explain_electrons(
        wrong, ELECTRONS
    )


def test_an_axis_whose_last_layer_repeats_the_first(crystal):
    values = on_mesh(crystal)
    closed = np.concatenate([values, values[:, :1]], axis=1)
    density = stretched(Density(crystal, closed), (1.0, 15 / 14, 1.0))
    assert "the last layer along y repeats the first" in explain_electrons(density, ELECTRONS)


@pytest.mark.parametrize(("charge", "said"), [(1, "+1"), (-2, "-2")])
def test_a_charged_cell(crystal, charge, said):
    values = on_mesh(crystal)
    density = Density(crystal, values * (1.0 - charge / ELECTRONS))
    message = explain_electrons(density, ELECTRONS)
    assert f"a charged cell? Then say its charge, --charge {said}" in message


def test_a_pseudopotential_with_other_electrons(crystal):
    """The count is off by the same for every atom of an element; no cell has such a charge."""
    n_al = int((crystal.numbers == 13).sum())
    message = explain_electrons(Density(crystal, on_mesh(crystal)), ELECTRONS + 8 * n_al)
    assert message.startswith("that is 8 fewer for each Al")
    assert f"else a charged cell? Then say its charge, --charge {8 * n_al:+d}" in message


def test_two_densities_of_a_cell_of_which_one_has_another_unit(crystal, caplog):
    a = Density(crystal, on_mesh(crystal), source="a", record={"n_electrons": ELECTRONS})
    b = Density(crystal, a.density * ANGSTROM_PER_BOHR**3, source="b")
    for pair in ((a, b), (b, a)):
        caplog.clear()
        warn_of_other_electrons(*pair)
        assert "; of b: the values are per cubic Bohr (give --density-unit bohr)" in caplog.text
    caplog.clear()
    warn_of_other_electrons(a, a)
    warn_of_other_electrons(a, Density(crystal, 0.0 * a.density, record={MINUS: "c"}))
    assert not caplog.text


def test_part_of_a_cell(crystal):
    part = on_mesh(crystal, (30, 30, 30))[:17]
    density = stretched(Density(crystal, part), (17 / 30, 1.0, 1.0))
    assert "part of the cell" in explain_electrons(density, ELECTRONS)


def test_a_difference_of_densities(crystal):
    values = on_mesh(crystal, (20, 20, 20))
    difference = Density(crystal, values - 0.9 * values.mean())
    assert "a difference of densities" in explain_electrons(difference, ELECTRONS)


def test_pseudo_densities_are_far_below_zero():
    assert negative_share(read_density(DATA / "gpaw-pseudo-density.cube.gz")) > 0.04
    assert negative_share(read_density(DATA / "cp2k-odd-mesh-default-stride.cube.gz")) == 0.0
