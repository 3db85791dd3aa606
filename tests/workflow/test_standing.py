"""Which results stand, and how files carry what determined them."""

import json
import re
from dataclasses import replace

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from rhocast.config import System
from rhocast.dynamics import Trajectory, write_trajectory
from rhocast.structures import Structure, build_system, write_structure
from rhocast.workflow.judged import Judged
from rhocast.workflow.stamps import read_record, stamp_of, with_stamp, write_stamp
from rhocast.workflow.standing import differences, except_standing, holds_frames, why_not

WANTED = {"dft.cutoff_ha": 10.0, "dft.mesh_spacing_bohr": 0.5, "seed": 1, "aimd.timestep_fs": 1.0}


@pytest.fixture
def atom():
    return Structure(np.zeros((1, 3)), 9.0 * np.eye(3), np.array([14]), record={"formula": "Si"})


@pytest.mark.parametrize("name", ["a.h5", "a.safetensors", "a.json", "a.tsv"])
def test_a_stamp_leaves_the_rest_of_a_file_as_it_was(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["density"] = np.arange(3.0)
    elif path.suffix == ".safetensors":
        save_file({"weight": np.arange(3.0)}, path, metadata={"kind": "model"})
    else:
        path.write_text(json.dumps({"base": 1}) if path.suffix == ".json" else "a\tb\n1\t2\n")
    write_stamp(path, WANTED)
    record = read_record(path)
    assert stamp_of(record) == WANTED
    assert why_not(path, WANTED) == []
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            assert file["density"][()].tolist() == [0.0, 1.0, 2.0]
    elif path.suffix == ".safetensors":
        assert load_file(path)["weight"].tolist() == [0.0, 1.0, 2.0]
        assert record["kind"] == "model"
    elif path.suffix == ".json":
        assert record["base"] == 1
    else:
        assert path.read_text().endswith("a\tb\n1\t2\n")


@pytest.mark.parametrize("name", ["a.extxyz", "a.h5"])
def test_a_structure_carries_its_stamp_in_its_record(tmp_path, atom, name):
    write_structure(tmp_path / name, with_stamp(atom, {**WANTED, "name": 'it\'s \\ "q" σ'}))
    assert why_not(tmp_path / name, WANTED) == ["name"]


def test_a_damaged_file_does_not_stand(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no HDF5")
    assert why_not(tmp_path / "a.h5", WANTED) == ["(unreadable)"]


def test_differences_name_keys_that_are_missing_too():
    assert differences({"a": 1, "b": 2}, {"b": 3, "c": None}) == ["a", "b", "c"]


def test_keys_that_the_engine_does_not_use_do_not_count(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    write_stamp(path, {**WANTED, "dft.sparc.MIXING_PARAMETER": 0.1})
    assert why_not(path, WANTED, "abinit") == []
    assert why_not(path, {**WANTED, "dft.mesh_spacing_bohr": 0.4}, "abinit", density=False) == []
    assert why_not(path, WANTED, "sparc") == ["dft.sparc.MIXING_PARAMETER"]


def test_a_density_of_an_earlier_version_is_compared_by_what_it_records(tmp_path):
    settings = {"mesh_spacing_bohr": 0.5, "cutoff_ha": 10.0, "kpoint_spacing_per_bohr": 0.2}
    wanted = {**WANTED, "dft.kpoint_spacing_per_bohr": 0.2}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["settings"] = json.dumps({**settings, "engine": "abinit", "sparc": {}})
        file.attrs["structure"] = json.dumps({"seed": 77, "timestep_fs": 1.0})
    assert why_not(tmp_path / "a.h5", wanted, seed=77) == []
    assert why_not(tmp_path / "a.h5", wanted, seed=78) == ["seed"]
    assert why_not(tmp_path / "a.h5", {**wanted, "dft.cutoff_ha": 12.0}) == ["dft.cutoff_ha"]
    assert why_not(tmp_path / "a.h5", {**wanted, "dft.smearing_K": 9.0}) == ["dft.smearing_K"]
    assert why_not(tmp_path / "a.h5", {**wanted, "aimd.timestep_fs": 2.0}) == ["aimd.timestep_fs"]


@pytest.mark.parametrize("suffix", ["h5", "extxyz"])
@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({}, []),
        ({"lattice_constant_bohr": 10.4}, ["systems.si8"]),
        ({"strain": [0.0, 0.0, 0.01]}, ["systems.si8"]),
        ({"composition": {"Ge": 1.0}}, ["systems.si8"]),
        ({"vacancies": 1}, ["systems.si8"]),
    ],
)
def test_a_file_of_an_earlier_version_is_compared_by_its_cell(tmp_path, suffix, edit, expected):
    cell = System(lattice="diamond", lattice_constant_bohr=10.33, composition={"Si": 1.0})
    atoms = build_system(cell, debye_temperature_K=640.0, seed=1)
    path = tmp_path / f"0.{suffix}"
    write_structure(path, replace(atoms, positions=atoms.positions + 0.1))
    changed = System.model_validate(cell.model_dump(exclude_defaults=True) | edit)
    kind = "densities" if suffix == "h5" else "frames"
    assert Judged(kind, "0", str(path), {}, "si8", changed).why_not("abinit") == expected


@pytest.mark.parametrize(
    "told", [{"frames": 3}, {"equilibration_steps": 2, "steps_between_frames": 2}]
)
def test_a_trajectory_knows_how_many_frames_it_holds(tmp_path, told):
    steps = 7
    trajectory = Trajectory(
        cell=9.0 * np.eye(3),
        numbers=np.array([14, 14]),
        times_fs=np.arange(steps) * 1.0,
        positions=np.tile([[0.0, 0.0, 0.0], [4.0, 4.0, 4.0]], (steps, 1, 1)),
        velocities=np.zeros((steps, 2, 3)),
        potential_energies_ha=np.zeros(steps),
        conserved_ha=np.zeros(steps),
        target_K=300.0,
        record=told,
    )
    write_trajectory(tmp_path / "t.extxyz", trajectory)
    assert holds_frames(tmp_path / "t.extxyz", 3)
    assert not holds_frames(tmp_path / "t.extxyz", 4)


def test_the_rule_matches_all_but_what_stands():
    pattern = except_standing(["si8/300K/1"], ".h5", "si8|si16")
    rule = re.compile(rf"^densities/(?P<system>{pattern})/(?P<t>\d+)K/(?P<frame>\d+)\.h5$")
    assert not rule.match("densities/si8/300K/1.h5")
    for path in ("si8/300K/11.h5", "si8/300K/0.h5", "si16/300K/1.h5"):
        assert rule.match(f"densities/{path}"), path
    assert except_standing([], ".h5", "si8") == "si8"
