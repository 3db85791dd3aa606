import numpy as np
import pytest

from rhocast.dft.trajectory_file import read_trajectory, write_trajectory
from rhocast.errors import FileFormatError


def test_file_round_trip(tmp_path, trajectory):
    write_trajectory(tmp_path / "trajectory.extxyz", trajectory)
    again = read_trajectory(tmp_path / "trajectory.extxyz")
    for name in ("cell", "positions", "potential_energies_ha", "conserved_ha", "times_fs"):
        np.testing.assert_allclose(getattr(again, name), getattr(trajectory, name), atol=1e-7)
    np.testing.assert_allclose(again.temperatures_K, trajectory.temperatures_K, rtol=1e-3, atol=0.1)
    assert again.target_K == 300.0
    assert again.record == trajectory.record
    assert [path.name for path in tmp_path.iterdir()] == ["trajectory.extxyz"]


def test_truncated_file(tmp_path, trajectory):
    path = tmp_path / "trajectory.extxyz"
    write_trajectory(path, trajectory)
    path.write_text(path.read_text()[:-200])
    with pytest.raises(FileFormatError, match=r"trajectory\.extxyz: cannot be read"):
        read_trajectory(path)
