"""The verbs on snapshot files: what they print, write and return."""

import json
import shutil

import h5py
import numpy as np
import pytest
import yaml

import rhocast.cli.main
from rhocast.cli.main import main
from rhocast.learning.feature_file import read_features


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Leave logging to pytest."""
    monkeypatch.setattr(rhocast.cli.main, "start_logging", lambda: None)


@pytest.fixture
def densities(root):
    return root / "tests/data/densities"


def test_list(densities, capsys):
    assert main(["dataset", "list", str(densities)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[0].split()[:5] == ["file", "trajectory", "temperature_K", "formula", "mesh"]
    assert lines[1].split()[1:4] == ["si8/300K", "300", "Si8"]
    assert main(["dataset", "list", "--json", str(densities / "si16")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["formula"] for row in rows.values()} == {"Si16"}
    assert all(row["status"] == "accepted" for row in rows.values())


def test_blank_lines_and_comments_in_a_list_are_skipped(densities, tmp_path, capsys):
    first = densities / "si8/300K/0.h5"
    (tmp_path / "list.txt").write_text(f"# mine\n\n{first}\n\n", encoding="utf-8-sig")
    assert main(["dataset", "list", "--json", f"@{tmp_path / 'list.txt'}"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == [str(first)]


def test_check(densities, tmp_path, caplog):
    assert main(["dataset", "check", str(densities)]) == 0
    shutil.copytree(densities, tmp_path / "data")
    shutil.copy(tmp_path / "data/si8/300K/0.h5", tmp_path / "data/si8/300K/3.h5")
    assert main(["dataset", "check", str(tmp_path / "data")]) == 4
    assert "3.h5: the same configuration as" in caplog.text
    assert caplog.records[-1].getMessage() == "1 faults in 10 snapshot files, see above"


def test_split(densities, tmp_path):
    words = ["dataset", "split", str(densities), "-o", str(tmp_path), "--share", "0.4"]
    assert main(words) == 0
    lists = [(tmp_path / f"{name}.txt").read_text().split() for name in ("training", "held-out")]
    assert sum(map(len, lists)) == 9
    folders = [{line.rsplit("/", 1)[0] for line in part} for part in lists]
    assert not folders[0] & folders[1]
    assert main(["dataset", "split", str(densities / "si8/300K"), "-o", str(tmp_path)]) == 2


def test_what_split_writes_other_verbs_read(root, densities, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(densities, "of a user")  # a path with blanks is one path
    assert main(["dataset", "split", "of a user", "-o", "split"]) == 0
    for name in ("training", "held-out"):
        tiny = str(root / "tests/data/tiny.yaml")
        words = [f"@split/{name}.txt", "-o", f"{name}.h5", "--config", tiny]
        assert main(["features", *words]) == 0
    groups = [
        {record.group for record in read_features(f"{name}.h5").records}
        for name in ("training", "held-out")
    ]
    assert all(groups)
    assert not groups[0] & groups[1]
    with pytest.raises(SystemExit) as ended:
        main(["dataset", "list", "@split/none.txt"])
    assert ended.value.code == 2


def test_import(root, tmp_path, caplog):
    dens, out = root / "tests/engines/data/sparc-single-point/run.dens", tmp_path / "a/300K/0.h5"
    words = ["import", str(dens), "-o", str(out), "--temperature-K", "300"]
    assert main([*words, "--psp8", "Al=spms", "Si=spms"]) == 0
    with h5py.File(out) as file:
        assert file.attrs["n_electrons"] == 14.0
        assert np.isnan(file.attrs["energy_Ha"])
    assert main(["dataset", "check", str(out)]) == 0
    assert main([*words, "--valence", "Al=3", "Si=14"]) == 4
    assert "expected 34 for Al2Si2 (valence Al 3, Si 14)" in caplog.text
    assert main([*words, "--valence", "Al=x"]) == 2
    assert main([*words, "--valence", "Al"]) == 2
    assert "--valence: expected ELEMENT=VALUE" in caplog.records[-1].getMessage()


def test_pack(root, densities, tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    settings = yaml.safe_load((root / "tests/data/tiny.yaml").read_text())
    settings["packages"] = {
        "si": {"datasets": ["small", "test"], "title": "Silicon", "description": "Coarse."}
    }
    (tmp_path / "si.yaml").write_text(yaml.safe_dump(settings))
    shutil.copytree(densities / "si8", tmp_path / "results/densities/si8")
    assert main(["dataset", "pack", "si", "--config", "si.yaml"]) == 0
    assert "not computed yet: si16/600K/0.h5" in caplog.text
    assert len(list((tmp_path / "data/si").rglob("*.h5"))) == 6
    assert main(["dataset", "check", "data/si"]) == 0
    (tmp_path / "data/si/si8/300K/0.h5").unlink()
    assert main(["dataset", "check", "data/si"]) == 4
    assert main(["dataset", "pack", "al", "--config", "si.yaml"]) == 2
    assert "packages: expected one of si, found al" in caplog.records[-1].getMessage()
