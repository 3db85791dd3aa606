"""Two commands on one output: one wins whole, the other is refused by name."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
from ase.build import bulk

import rhocast.cli.main
from rhocast import files
from rhocast.cli.main import main
from rhocast.files import owned

RHOCAST = Path(sys.executable).with_name("rhocast")


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    """Leave logging to pytest."""
    monkeypatch.setattr(rhocast.cli.main, "start_logging", lambda: None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Structures, a field and the shard of another."""
    folder = tmp_path_factory.mktemp("inputs")
    bulk("Al", cubic=True).write(folder / "al.xyz")
    bulk("Al", cubic=True).repeat((5, 5, 5)).write(folder / "large.xyz")
    predict = "predict", "al", str(folder / "al.xyz"), "-o"
    assert main([*predict, str(folder / "field.h5")]) == 0
    assert main([*predict, str(folder / "shard.h5"), "--shard", "0/1"]) == 0
    assert main(["convert", str(folder / "field.h5"), str(folder / "field.cube")]) == 0
    return folder


VERBS = {
    "predict": ["predict", "al", "{}/al.xyz", "-o", "{}/out.h5"],
    "predict a cube": ["predict", "al", "{}/al.xyz", "-o", "{}/out.cube"],
    "refine": ["refine", "{}/field.h5", "-o", "{}/out.h5", "--mesh-spacing-bohr", "0.5"],
    "merge": ["merge", "{}/shard.h5", "-o", "{}/out.h5"],
    "convert": ["convert", "{}/field.h5", "{}/out.cube"],
    "import": [
        "import", "{}/field.cube", "-o", "{}/out.h5", "--temperature-K", "300", "--valence",
        "Al=3", "--kpoints", "1 1 1",
    ],
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_an_output_that_another_process_writes_is_refused_by_name(
    verb, folder, monkeypatch, caplog
):
    monkeypatch.setattr(files, "SECONDS_FOR_OTHER_WRITER", 0.1)
    words = [word.format(folder) for word in VERBS[verb]]
    out = folder / ("out.cube" if "out.cube" in words[-1] + words[2] else "out.h5")
    with owned(out):
        assert main(words) == 7
    assert f"{out}: another process writes it (process {os.getpid()}" in caplog.text
    assert not out.exists()
    assert main(words) == 0
    assert [path.name for path in folder.glob("out*")] == [out.name]
    out.unlink()


@pytest.mark.parametrize(
    ("verb", "output"),
    [
        ("predict", "al.xyz"),
        ("refine", "field.h5"),
        ("merge", "shard.h5"),
        ("import", "field.cube"),
    ],
)
def test_an_output_in_place_of_an_input_replaces_nothing(verb, output, folder, caplog):
    words = [word.format(folder) for word in VERBS[verb]]
    words[words.index("-o") + 1] = str(folder / output)
    before = (folder / output).read_bytes()
    assert main(words) == 2
    assert f"{folder / output}: is read, and would be replaced" in caplog.text
    assert (folder / output).read_bytes() == before


def test_a_prediction_that_is_stopped_in_mid_write_wins_whole(folder, environment, caplog):
    out = folder / "out.h5"
    options = "-o", str(out), "--mesh-spacing-bohr", "0.25", "--direct"
    first = subprocess.Popen(
        [RHOCAST, "predict", "al", folder / "large.xyz", *options],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    journal = folder / "out.h5.shard.journal"
    while not journal.exists() and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    try:
        assert first.poll() is None
        assert main(["predict", "al", str(folder / "al.xyz"), *options]) == 7
        assert f"another process writes it (process {first.pid}" in caplog.text
        first.send_signal(signal.SIGCONT)
        _, told = first.communicate(timeout=240)
    finally:
        first.kill()
    assert first.returncode == 0, told
    with h5py.File(out) as file:
        assert len(file["numbers"]) == 500
    assert [path.name for path in folder.glob("out*")] == ["out.h5"]
