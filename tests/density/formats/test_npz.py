"""NumPy's archives: read by NumPy, and written by it."""

import numpy as np
import pytest
from gaussian_atoms import check_gaussians, crystal, on_mesh

from rhocast.density import Density, read_density
from rhocast.errors import FileFormatError

__all__ = ["crystal"]


def test_numpy_reads_what_is_written(crystal, tmp_path):
    values = on_mesh(crystal).astype("f4")
    density = Density(crystal, values, epistemic_std=0.1 * values, aleatoric_std=0.2 * values)
    density.write(tmp_path / "d.npz")
    with np.load(tmp_path / "d.npz") as archive:
        assert set(archive) == {*density.fields, "positions", "cell", "numbers"}
        np.testing.assert_array_equal(archive["cell"], crystal.cell)
    found = read_density(tmp_path / "d.npz")
    assert found.fields == density.fields
    np.testing.assert_array_equal(found.epistemic_std, density.epistemic_std)


def test_an_archive_of_numpy_is_read(crystal, tmp_path):
    arrays = {name: getattr(crystal, name) for name in ("positions", "cell", "numbers")}
    np.savez_compressed(tmp_path / "d.npz", density=on_mesh(crystal), remark="any", **arrays)
    check_gaussians(read_density(tmp_path / "d.npz"), crystal)
    np.savez(tmp_path / "d.npz", density=on_mesh(crystal)[0], **arrays)
    with pytest.raises(FileFormatError, match=r"d\.npz: density should have shape"):
        read_density(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", density=on_mesh(crystal), cell=crystal.cell)
    with pytest.raises(FileFormatError, match=r"d\.npz: numbers, positions: not in it"):
        read_density(tmp_path / "d.npz")
