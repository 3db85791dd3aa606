"""How far two densities are apart, on one mesh and on two."""

from dataclasses import replace

import numpy as np
import pytest
from gaussian_atoms import crystal, on_mesh

from rhocast.density import Density
from rhocast.density.difference import difference
from rhocast.errors import FileFormatError, StructureError

__all__ = ["crystal"]


def test_figures_are_those_of_their_definitions(crystal):
    rng = np.random.default_rng(0)
    values = rng.random((40, 5, 6))  # more than one part of layers
    other = values + rng.normal(0.0, 0.1, values.shape)
    a, b = Density(crystal, values), Density(crystal, other)
    found = difference(a, b)
    assert found.nmae == pytest.approx(np.abs(other - values).sum() / values.sum())
    assert found.rmse == pytest.approx(np.sqrt(np.mean((other - values) ** 2)))
    assert found.max_difference == np.abs(other - values).max()
    assert found.electrons_a == a.electron_count
    assert found.electrons_b == b.electron_count


def test_the_same_density_on_two_meshes_is_the_same(crystal):
    coarse, fine = (Density(crystal, on_mesh(crystal, s)) for s in [(24, 25, 26), (27, 24, 30)])
    found = difference(coarse, fine)
    assert found.mesh == (27, 25, 30)
    assert found.nmae < 1e-6


def test_other_cells_and_empty_densities_are_refused(crystal):
    density = Density(crystal, np.ones((3, 3, 3)), source="a.h5")
    other = Density(replace(crystal, cell=1.1 * crystal.cell), np.ones((3, 3, 3)), source="b.h5")
    with pytest.raises(StructureError, match=r"b\.h5: a density of the cell"):
        difference(density, other)
    with pytest.raises(FileFormatError, match=r"a\.h5: holds no electrons"):
        difference(replace(density, density=np.zeros((3, 3, 3))), density)
    signed = np.ones((3, 3, 4))
    signed[..., :2] = -0.99  # whatever the sign of the few electrons that are left
    with pytest.raises(FileFormatError, match=r"a\.h5: .* as many below zero as above"):
        difference(replace(density, density=signed), density)
