"""Listing, checking and splitting snapshot files."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from rhocast.datasets.dataset import check_files, faults, split_entries
from rhocast.datasets.entry import find_snapshots, read_entry, trajectory_of
from rhocast.errors import FileFormatError, RhocastError


@pytest.fixture(scope="module")
def entries(root):
    return [read_entry(path) for path in find_snapshots([root / "tests/data/densities"])]


def test_the_stored_densities_are_sound(entries):
    assert len(entries) == 9
    assert faults(entries) == []
    assert [e.trajectory for e in entries[:2]] == ["si8/300K", "si8/300K"]
    assert all(0.0 < entry.core_hours < 1.0 for entry in entries)


def test_frames_come_in_natural_order(tmp_path):
    for name in ("a32/600K/10", "a32/600K/9", "a108/600K/0"):
        path = tmp_path / f"{name}.h5"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = [path.relative_to(tmp_path).as_posix() for path in find_snapshots([tmp_path])]
    assert found == ["a32/600K/9.h5", "a32/600K/10.h5", "a108/600K/0.h5"]
    assert trajectory_of(tmp_path / found[2]) == "a108/600K"


@pytest.mark.parametrize("path", ["none.h5", "."])
def test_nothing_to_find_is_said(tmp_path, path):
    with pytest.raises(FileFormatError, match="expected a snapshot file or a folder"):
        find_snapshots([tmp_path / path])


def strained(structure, factor=1.05):
    cell, positions = factor * structure.cell, factor * structure.positions
    return replace(structure, cell=cell, positions=positions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: {"status": "rejected", "reason": "too hot"}, "rejected, too hot"),
        (lambda e: {"integral": np.nan}, "integrates to nan"),
        (lambda e: {"integral": e.integral * 1.001}, r"integrates to 32\.03\d* electrons"),
        (lambda e: {"temperature_K": 900.0}, "temperature 900 K, expected 300 ± 93 K"),
        (lambda e: {"record": e.record | {"engine": "sparc"}}, "engine is sparc, but abinit in"),
        (lambda e: {"record": e.record | {"cutoff_ha": 20.0}}, "cutoff_ha is 20"),
        (lambda e: {"record": e.record | {"scf_tolerance": 1e-2}}, "scf_tolerance is 0.01"),
        (lambda e: {"record": e.record | {"psp8_Si_sha256": "0"}}, "psp8_Si_sha256 is 0"),
        (lambda e: {"record": {}}, "engine is not recorded, but abinit"),
        (lambda e: {"kpoints": "3 3 3 shift 0 0 0"}, "k-points 3 3 3 shift 0 0 0, but"),
        (lambda e: {"n_electrons": 40.0, "integral": 40.0}, "no valence fits all files"),
        (lambda e: {"temperature_K": -5.0}, "temperature -5 K, expected 0 or above"),
        (lambda e: {"temperature_K": np.nan}, "temperature nan K, expected 0 or above"),
        (lambda e: {"kpoints": "3x3x3"}, "k-points '3x3x3', expected such as 3 3 3 shift 0 0 0"),
        (lambda e: {"kpoints": "3 3 3 shift"}, "k-points '3 3 3 shift', expected"),
        (lambda e: {"kpoints": "0 0 0 shift 0 0 0"}, "k-points '0 0 0 shift 0 0 0', expected"),
        (lambda e: {"structure": strained(e.structure, 1.2)}, "Si8, in another cell as"),
        (lambda e: {"structure": replace(e.structure, numbers=0 * e.structure.numbers + 32)},
         "Ge8, not Si8 as .*, but in the folder of the same trajectory"),
    ],
)  # fmt: skip
def test_each_fault_is_named(entries, change, message):
    index = [e.trajectory for e in entries].index("si8/300K") + 1
    spoilt = [*entries]
    spoilt[index] = replace(entries[index], **change(entries[index]))
    found = faults(spoilt)
    assert any(str(entries[index].path) in fault for fault in found)
    assert any(re.search(message, fault) for fault in found), found


def test_a_5x5x5_mesh_beside_2x2x2_is_told(entries):
    first = entries[0]
    others = [replace(first, kpoints=f"{n} {n} {n} shift 0 0 0") for n in (2, 5)]
    assert any("k-points 5 5 5 shift 0 0 0, but 2 2 2" in fault for fault in faults(others))


def drawn(entry, shift, kind="random", divisions="2 2 2"):
    settings = json.dumps({"kpoint_shift": kind})
    record = entry.record | {"settings": settings}
    return replace(entry, kpoints=f"{divisions} shift {shift}", record=record)


def test_drawn_shifts_of_one_mesh_are_one_setting_and_no_other_mesh_is(entries):
    first, second, *_ = (e for e in entries if e.trajectory == "si8/300K")
    one, two = drawn(first, "0.1 0.2 0.3"), drawn(second, "0.4 0.5 0.6")
    assert faults([one, two]) == []
    for other, told in (
        (drawn(second, "0 0.5 0", kind="random-half"), "2 2 2 shift random-half"),
        (drawn(second, "0.1 0.2 0.3", divisions="5 5 5"), "5 5 5 shift random"),
        (replace(second, kpoints="2 2 2 shift 0 0 0"), "2 2 2 shift 0 0 0"),
    ):
        (fault,) = faults([one, other])
        assert f"k-points {told}, but 2 2 2 shift random in {first.path}" in fault


def test_one_drawn_shift_for_two_snapshots_is_told(entries):
    first, second, *_ = (e for e in entries if e.trajectory == "si8/300K")
    (fault,) = faults([drawn(first, "0.1 0.2 0.3"), drawn(second, "0.1 0.2 0.3")])
    assert f"{second.path}: k-points 2 2 2 shift 0.1 0.2 0.3, the same drawn shift as" in fault
    halves = [drawn(entry, "0 0.5 0", kind="random-half") for entry in (first, second)]
    assert faults(halves) == []


def test_strained_cells_may_share_k_points_and_only_those(entries):
    first = entries[0]
    assert not faults([first, replace(first, structure=strained(first.structure))])


def test_the_same_configuration_twice(entries):
    copy = replace(entries[0], path=entries[0].path.with_name("7.h5"))
    found = faults([*entries, copy])
    assert len(found) == 1
    assert "7.h5: the same configuration as" in found[0]


def test_rejected_ones_within_the_share_are_no_fault(entries):
    spoilt = [*entries[:-1], replace(entries[-1], status="rejected", reason="x")]
    assert faults(spoilt, max_rejected_share=0.2) == []
    assert len(faults(spoilt, max_rejected_share=0.1)) == 1


def test_a_damaged_file_does_not_hide_the_others(root, tmp_path):
    source = root / "tests/data/densities/si8/300K/0.h5"
    (tmp_path / "cut.h5").write_bytes(source.read_bytes()[:5000])
    entries, found = check_files([tmp_path / "cut.h5", source])
    assert len(entries) == len(found) == 1
    assert "cut.h5: cannot be read as HDF5" in found[0]


def test_no_trajectory_is_split(entries):
    for seed in range(5):
        training, held_out = split_entries(entries, 0.4, np.random.default_rng(seed))
        assert len(training) + len(held_out) == len(entries)
        names = {e.trajectory for e in held_out}
        assert len(names) == 2
        assert not names & {e.trajectory for e in training}
    again = split_entries(entries, 0.4, np.random.default_rng(4))[1]
    assert [e.path for e in again] == [e.path for e in held_out]


def test_frames_of_one_trajectory_are_not_divided(entries):
    one = [entry for entry in entries if entry.trajectory == "si8/300K"]
    with pytest.raises(RhocastError, match="two trajectories or more, found 1"):
        split_entries(one, 0.5, np.random.default_rng(0))


def test_one_configuration_in_two_trajectories_leaks(entries):
    copy = replace(entries[0], path=entries[0].path.parents[1] / "700K/0.h5")
    with pytest.raises(RhocastError, match="the same configuration as"):
        split_entries([*entries, copy], 0.2, np.random.default_rng(0))
