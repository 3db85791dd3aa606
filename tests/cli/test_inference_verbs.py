"""Certified models on the command line: what is evaluated, what files say, what is interpolated."""

import json
from dataclasses import replace

import ase.build
import ase.io
import h5py
import numpy as np
import pytest
from ase.build import bulk
from ase.io.cube import read_cube_data

import rhocast
import rhocast.cli.main
from rhocast.cli.main import main
from rhocast.density import read_density
from rhocast.errors import ConfigError
from rhocast.model import Certificate, DensityModel


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Leave logging to pytest."""
    monkeypatch.setattr(rhocast.cli.main, "start_logging", lambda: None)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with a structure and a model that counts as certified for 0.9 Bohr."""
    bulk("SiGe", "zincblende", a=5.53).write(tmp_path / "atoms.xyz")
    certificate = Certificate(0.9, 4e-4, 7e-4, 0.4, ("Si4Ge4",), "Si4Ge4", 8)
    model = replace(DensityModel.load("sige-demo"), certificate=certificate)
    model.save(tmp_path / "m.safetensors")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*options):
    assert main(["predict", "m.safetensors", "atoms.xyz", "-o", "d.h5", *options]) == 0
    return read_density("d.h5")


ASKED = ("--mesh-spacing-bohr", "0.6")


@pytest.mark.usefixtures("folder")
def test_a_finer_mesh_is_written_but_not_evaluated(caplog):
    caplog.set_level("INFO")
    field = predict(*ASKED)
    assert field.mesh.spacing.max() <= 0.6
    assert 0.7 < max(field.record["evaluated_mesh_spacing_bohr"]) <= 0.9
    assert "evaluated on a mesh of 0.9 Bohr, for the 0.6 Bohr asked for" in caplog.text
    assert "misplaces at most 0.0007 of the electrons, as certified" in caplog.text
    direct = predict(*ASKED, "--direct")
    assert direct.mesh.shape == field.mesh.shape
    assert direct.record["evaluated_mesh_spacing_bohr"] == direct.record["mesh_spacing_bohr"]
    assert 0.7 < predict().mesh.spacing.max() <= 0.9


@pytest.mark.usefixtures("folder")
def test_merge_writes_what_its_shards_were_asked_for():
    whole = predict(*ASKED)
    for k in range(2):
        command = ["predict", "m.safetensors", "atoms.xyz", "-o", f"{k}.h5", "--shard", f"{k}/2"]
        assert main([*command, *ASKED]) == 0
    assert main(["merge", "0.h5", "1.h5", "-o", "merged.h5"]) == 0
    np.testing.assert_array_equal(read_density("merged.h5").density, whole.density)


def test_refine_and_export_give_finer_meshes(folder):
    field = predict()
    assert main(["refine", "d.h5", "-o", "fine.h5", *ASKED]) == 0
    fine = read_density("fine.h5")
    assert fine.mesh.spacing.max() <= 0.6
    assert fine.electron_count == pytest.approx(8.0, rel=1e-6)
    assert main(["export", "d.h5", "fine.cube", *ASKED]) == 0
    values, _ = read_cube_data("fine.cube")
    np.testing.assert_allclose(values, fine.density, rtol=1e-6)
    assert main(["export", "d.h5", "stored.cube"]) == 0
    assert read_cube_data("stored.cube")[0].shape == field.density.shape
    assert sorted(path.suffix for path in folder.iterdir()).count(".h5") == 2


@pytest.mark.usefixtures("folder")
def test_a_dry_run_tells_the_size_of_what_is_written(capsys):
    command = ["--dry-run", "--json", *ASKED]
    main(["predict", "m.safetensors", "atoms.xyz", "-o", "d.h5", *command])
    told = json.loads(capsys.readouterr().out)
    field = predict(*ASKED)
    assert told["file_mesh"] == list(field.mesh.shape)
    assert told["file_bytes"] == 4 * field.mesh.n_points
    assert told["temporary_bytes"] == 4 * told["points"] < told["file_bytes"]
    main(["predict", "m.safetensors", "atoms.xyz", "-o", "0.h5", *command, "--shard", "0/1"])
    told = json.loads(capsys.readouterr().out)
    assert (told["file_bytes"], told["temporary_bytes"]) == (4 * told["points"], 0)


@pytest.mark.usefixtures("folder")
def test_a_negative_spacing_is_no_length():
    with pytest.raises(ConfigError, match="mesh spacing: expected a positive length in Bohr, f"):
        rhocast.load("m.safetensors").predict(ase.io.read("atoms.xyz"), mesh_spacing_bohr=-1.0)


def test_certify_refuses_what_it_cannot_do(root, folder, caplog):
    density = str(root / "tests/data/densities/si8/300K/0.h5")
    assert main(["certify", "sige-demo", "--density", density]) == 2
    assert "give the file to write (-o)" in caplog.text
    before = (folder / "m.safetensors").read_bytes()
    assert main(["certify", "m.safetensors", "--density", density, "--blocks", "2"]) == 6
    assert "no mesh coarser than" in caplog.text
    assert (folder / "m.safetensors").read_bytes() == before


def test_every_frame_of_a_trajectory_gets_a_file(tmp_path):
    atoms = ase.build.bulk("Al", "fcc", 4.05, cubic=True)
    frames = [atoms.copy() for _ in range(4)]
    for seed, frame in enumerate(frames):
        frame.rattle(0.1, seed=seed)
    path = tmp_path / "t.extxyz"
    ase.io.write(path, frames)
    words = ["predict", "al", str(path), "--mesh-spacing-bohr", "1.0"]
    assert main([*words, "-o", f"{tmp_path}/out/{{frame}}.h5", "--frames", "1::2"]) == 0
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["1.h5", "3.h5"]
    expected = rhocast.load("al").predict(ase.io.read(path, 3), 1.0)
    found = read_density(tmp_path / "out/3.h5")
    np.testing.assert_allclose(found.density, expected.density, rtol=1e-6)
    assert main([*words, "-o", f"{tmp_path}/one.h5", "--frames", "1:"]) == 2


def test_a_field_need_not_be_kept(tmp_path):
    path, out = tmp_path / "al.xyz", tmp_path / "reduced.h5"
    ase.io.write(path, ase.build.bulk("Al", "fcc", 4.05, cubic=True))
    words = ["predict", "al", str(path), "--mesh-spacing-bohr", "1.0", "-o", str(out), "--reduce"]
    assert main([*words, "--coarse-bohr", "2.5"]) == 0
    with h5py.File(out) as file:
        assert file["coarse"].shape == (2, 3, 3, 3)
        volume = abs(np.linalg.det(file["cell"][()]))
        assert file["profile_2"][0].mean() * volume == pytest.approx(12.0, rel=1e-6)
    cuts = ["cut-out", str(path), str(out), "--edge-bohr", "99"]
    assert main([*cuts, "-o", f"{tmp_path}/cuts/{{place}}.extxyz"]) == 0
    assert len(ase.io.read(tmp_path / "cuts/0.extxyz")) == 4
    assert main([*cuts, "-o", f"{tmp_path}/cut.extxyz"]) == 2
    assert main([*words, "--unscaled"]) == 2
