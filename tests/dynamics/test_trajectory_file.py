from dataclasses import replace

import ase.io
import numpy as np
import pytest

from rhocast.dynamics.trajectory_file import read_trajectory, write_trajectory
from rhocast.errors import FileFormatError
from rhocast.structures import read_structure, write_structure


def test_file_round_trip(tmp_path, trajectory):
    write_trajectory(tmp_path / "trajectory.extxyz", trajectory)
    again = read_trajectory(tmp_path / "trajectory.extxyz")
    for name in ("cell", "positions", "potential_energies_ha", "conserved_ha", "times_fs"):
        np.testing.assert_allclose(getattr(again, name), getattr(trajectory, name), atol=1e-7)
    np.testing.assert_allclose(again.temperatures_K, trajectory.temperatures_K, rtol=1e-3, atol=0.1)
    assert again.target_K == 300.0
    assert again.record == trajectory.record
    assert [path.name for path in tmp_path.iterdir()] == ["trajectory.extxyz"]


NASTY = ["", 'a "b"', "C:\\new", '\\"', "two\nlines", "T", "1 2 3", "_JSON x", "é", "a=b, c='d'"]


@pytest.mark.parametrize("text", NASTY)
def test_any_text_of_a_record_survives(tmp_path, trajectory, text):
    """ASE takes some for numbers, lets others swallow the next entry, and cannot read the rest."""
    record = {"potential_arguments": text, "seed": 3}
    write_trajectory(tmp_path / "run.extxyz", replace(trajectory, record=record))
    again = read_trajectory(tmp_path / "run.extxyz")
    assert again.record == record
    write_structure(tmp_path / "frame.extxyz", again.frame(2))
    assert read_structure(tmp_path / "frame.extxyz").record == again.frame(2).record


def test_a_file_whose_record_stands_in_entries_of_its_own(tmp_path, trajectory):
    """The first of the reference data have such trajectories."""
    write_trajectory(tmp_path / "run.extxyz", replace(trajectory, record={}))
    images = ase.io.read(tmp_path / "run.extxyz", ":")
    for image in images:
        image.info |= {"sampler": "aimd", "ranks": 2}
    ase.io.write(tmp_path / "old.extxyz", images)
    assert read_trajectory(tmp_path / "old.extxyz").record == {"sampler": "aimd", "ranks": 2}


def test_truncated_file(tmp_path, trajectory):
    path = tmp_path / "trajectory.extxyz"
    write_trajectory(path, trajectory)
    path.write_text(path.read_text()[:-200])
    with pytest.raises(FileFormatError, match=r"trajectory\.extxyz: frame 80 does not match"):
        read_trajectory(path)
