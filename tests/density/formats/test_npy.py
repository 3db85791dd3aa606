"""NumPy's arrays, read by NumPy."""

import numpy as np
import pytest
from gaussian_atoms import crystal, on_mesh

from rhocast.density import Density, read_density
from rhocast.errors import RhocastError

__all__ = ["crystal"]


def test_numpy_reads_any_field(crystal, tmp_path):
    values = on_mesh(crystal).astype("f4")
    density = Density(crystal, values, epistemic_std=0.1 * values, aleatoric_std=0.2 * values)
    for name in density.fields:
        density.write(tmp_path / "d.npy", field=name)
        np.testing.assert_array_equal(np.load(tmp_path / "d.npy"), density.read(name))


def test_an_array_is_not_read_as_a_density(crystal, tmp_path):
    Density(crystal, on_mesh(crystal)).write(tmp_path / "d.npy")
    with pytest.raises(RhocastError, match="the format npy is only written"):
        read_density(tmp_path / "d.npy")
